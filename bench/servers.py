"""nginx and hlsgate over local files, each with the configuration its makers would choose for the job."""
import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import subprocess
import time
import urllib.parse

import proc

NGINX = "/usr/sbin/nginx"
NGINX_SECRET = "bench"
HLSGATE_SECRET = "a secret of the benchmark alone, 32 bytes and more"
HLSGATE_API_KEY = "bench-key"
STORE_SIZE = "8GiB"
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
TOKEN_SECONDS = 3600

NGINX_HEAD = """
{user}
worker_processes 1;
daemon off;
pid {dir}/pid;
error_log {dir}/error.log;
events {{ worker_connections 10000; }}
http {{
    types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; }}
    access_log off;
    server_tokens off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    open_file_cache max=1000 inactive=600s;
    open_file_cache_valid 60s;
    client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
    uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
"""

NGINX_CONF = NGINX_HEAD + """
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {root};
        location /secure/ {{
            alias {root}/;
            secure_link $arg_md5,$arg_expires;
            secure_link_md5 "$secure_link_expires$uri$remote_addr {secret}";
            if ($secure_link = "") {{ return 403; }}
            if ($secure_link = "0") {{ return 410; }}
        }}
    }}
}}
"""

HLSGATE_CONF = """
listen: [ {{ address: "127.0.0.1:{port}" }}{more_listeners} ]
workers: {workers}
origins:
  - {{ prefix: /, {origin} }}
store:
  {store}
token:
  secrets: [ {{ id: bench, file: "{dir}/secret" }} ]
api:
  keys: [ {{ name: bench, sha256: "{key_hash}", scope: operator }} ]
{more}"""


def in_folder(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.write(text)
    return path


class Server:
    process, scheme = None, "http"

    def stop(self):
        if self.process is not None:
            self.process.stop()

    @property
    def base(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def plain(self, path):
        return self.base + path


class NginxServer(Server):
    name = "nginx"

    def __init__(self, folder, conf, **values):
        self.port = proc.free_port()
        os.makedirs(folder)
        user = "user root;" if os.geteuid() == 0 else ""  # its worker must be able to read our folder
        conf = conf.format(user=user, dir=folder, port=self.port, **values)
        argv = [NGINX, "-p", folder, "-e", f"{folder}/error.log", "-c", in_folder(folder, "nginx.conf", conf)]
        self.process = proc.Process(argv, self.port, f"{folder}/log")


class Nginx(NginxServer):
    def __init__(self, folder, root, conf=NGINX_CONF, **values):
        super().__init__(folder, conf, root=root, secret=NGINX_SECRET, **values)

    def signed(self, path):
        expires = int(time.time()) + TOKEN_SECONDS
        uri = "/secure" + path
        digest = hashlib.md5(f"{expires}{uri}127.0.0.1 {NGINX_SECRET}".encode()).digest()
        token = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return f"{self.base}{uri}?md5={token}&expires={expires}"


class Hlsgate(Server):
    name, more_listeners = "hlsgate", ""

    def __init__(self, binary, folder, origin, workers=1, store=None, more=""):
        """`origin`, `store`, `more`: in the words of its configuration. None: embedded, in `folder`/state, perhaps filled
        before."""
        self.port, self._binary = proc.free_port(), binary
        os.makedirs(folder, exist_ok=True)
        in_folder(folder, "secret", HLSGATE_SECRET)
        conf = HLSGATE_CONF.format(port=self.port, more_listeners=self.more_listeners, workers=workers, origin=origin,
                                   store=store or embedded(folder), dir=folder, more=more,
                                   key_hash=hashlib.sha256(HLSGATE_API_KEY.encode()).hexdigest())
        self._conf = in_folder(folder, "hlsgate.yaml", conf)
        self.process = proc.Process([binary, "serve", "-c", self._conf], self.port, f"{folder}/log")

    def signed(self, path, uid="bench"):
        argv = [self._binary, "sign", "-c", self._conf, "--uid", uid, "--path", path, "--ttl", f"{TOKEN_SECONDS}s",
                "--base", self.base]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=10).stdout.strip()

    def _api(self, method, path, body=None):
        api = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(api):
            api.request(method, path, body, {"Authorization": "Bearer " + HLSGATE_API_KEY})
            answer = api.getresponse()
            text = answer.read().decode()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {text}")
        return json.loads(text)

    def grant(self, path, uid="bench"):
        body = {"uid": uid, "path": path, "clientIp": "127.0.0.1", "UserAgent": USER_AGENT}
        self._api("POST", "/api/whitelist", json.dumps(body))

    def open_events(self):
        """The response of a dashboard's stream, whose head has come; closing it is the caller's."""
        api = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        api.request("GET", "/events", headers={"Authorization": "Bearer " + HLSGATE_API_KEY})
        answer = api.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"/events: {answer.status}")
        return answer

    def stats(self):
        return self._api("GET", "/stats")


def from_folder(root):
    return f'filesystem: {{ root: "{root}" }}'


def embedded(folder):
    return f'embedded: {{ path: "{folder}/state", size: {STORE_SIZE} }}'


def from_server(base):
    return f'http: {{ servers: ["{base}"] }}'


def hlsgate_target(path, uid, expires):
    """Path and query of a signed URL, made here: ten thousand calls of `hlsgate sign` would take a minute."""
    token = hmac.new(HLSGATE_SECRET.encode(), f"{uid}:{path}:{expires}".encode(), hashlib.sha256).hexdigest()
    return path + "?" + urllib.parse.urlencode({"uid": uid, "expires": expires, "token": token})


def hlsgate_scope_query(scope, uid, expires):
    """The query of a signed URL that is good for everything under the folder `scope`."""
    token = hmac.new(HLSGATE_SECRET.encode(), f"{uid}:{scope}*:{expires}".encode(), hashlib.sha256).hexdigest()
    return urllib.parse.urlencode({"uid": uid, "expires": expires, "scope": scope, "token": token})
