"""Proxies in front of an HTTP origin, each with one core's worth of threads and configured as its manual says, and origins."""
import collections
import http.client
import http.server
import os
import re
import threading
import time

import proc
from servers import NGINX_HEAD, NginxServer, Server, in_folder

HAPROXY = "/usr/sbin/haproxy"
VARNISHD = "/usr/sbin/varnishd"
NOT_KEPT = "/pass"  # what the origin serves under this prefix is marked no-store

ORIGIN_CONF = NGINX_HEAD + """
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /status {{ stub_status; }}
        location / {{ root {root}; add_header Cache-Control "public, max-age=86400"; }}
        location {not_kept}/ {{ alias {root}/; add_header Cache-Control no-store; }}
    }}
}}
"""

# Buffers of the pass-through: of those tried (the default, 16 x 64k, 64 x 16k, 8 x 256k, 5 x 1m, 256 x 16k) these cost least,
# the default more than twice as much; no aio, because everything is in the page cache.
NGINX_PROXY_CONF = NGINX_HEAD + """
    proxy_cache_path {dir}/cache levels=1:2 keys_zone=bench:10m max_size=4g inactive=1h use_temp_path=off;
    upstream origin {{
        server 127.0.0.1:{origin};
        keepalive 64;
        keepalive_requests 1000000000;
        keepalive_timeout 600s;
    }}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://origin;
            proxy_cache bench;
            proxy_cache_lock on;
            proxy_cache_lock_timeout 60s;
            proxy_cache_lock_age 60s;
        }}
        location {not_kept}/ {{
            proxy_pass http://origin;
            proxy_buffers 64 16k;
            proxy_buffer_size 16k;
            proxy_busy_buffers_size 512k;
            proxy_max_temp_file_size 0;
        }}
        location /unbuffered/ {{
            proxy_pass http://origin{not_kept}/;
            proxy_buffering off;
            proxy_buffers 4 64k;
            proxy_buffer_size 64k;
            proxy_busy_buffers_size 64k;
        }}
    }}
}}
"""

HAPROXY_CONF = """
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 600s
    timeout server 60s
    http-reuse always
cache bench
    total-max-size 64
    max-object-size 8000000
    max-age 86400
frontend viewers
    bind 127.0.0.1:{port} backlog 4096
    use_backend pass if {{ path_beg {not_kept}/ }}
    default_backend cached
backend cached
    http-request cache-use bench
    http-response cache-store bench
    server origin 127.0.0.1:{origin}
backend pass
    option splice-response
    server origin 127.0.0.1:{origin}
"""

VARNISH_VCL = """
vcl 4.1;
backend origin {{ .host = "127.0.0.1"; .port = "{origin}"; }}
sub vcl_recv {{ if (req.url ~ "^{not_kept}/") {{ return (pass); }} }}
"""


class Origin(NginxServer):
    """Holds the files, is accounted for apart, and counts what it is asked."""

    def __init__(self, folder, root):
        super().__init__(folder, ORIGIN_CONF, root=root, not_kept=NOT_KEPT)
        self._asked_by_us = 0

    def requests(self):
        """How many there were but our own questions."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/status")
        text = connection.getresponse().read().decode()
        connection.close()
        self._asked_by_us += 1
        return int(re.search(r"requests\s+\d+ \d+ (\d+)", text)[1]) - self._asked_by_us


class NginxProxy(NginxServer):
    def __init__(self, folder, origin_port):
        super().__init__(folder, NGINX_PROXY_CONF, origin=origin_port, not_kept=NOT_KEPT)


class Haproxy(Server):
    name = "haproxy"

    def __init__(self, folder, origin_port):
        self.port = proc.free_port()
        os.makedirs(folder)
        conf = HAPROXY_CONF.format(port=self.port, origin=origin_port, not_kept=NOT_KEPT)
        argv = [HAPROXY, "-db", "-f", in_folder(folder, "haproxy.cfg", conf)]
        self.process = proc.Process(argv, self.port, f"{folder}/log")


class Varnish(Server):
    name = "varnish"

    def __init__(self, folder, origin_port):
        """One pool is what one core needs; a viewer who waits for bytes holds a thread of it."""
        self.port = proc.free_port()
        os.makedirs(folder)
        vcl = in_folder(folder, "bench.vcl", VARNISH_VCL.format(origin=origin_port, not_kept=NOT_KEPT))
        argv = [VARNISHD, "-F", "-j", "none", "-n", f"{folder}/run", "-f", vcl, "-a", f"127.0.0.1:{self.port}",
                "-s", "malloc,512m", "-p", "thread_pools=1", "-p", "thread_pool_max=2000", "-p", "timeout_idle=600"]
        self.process = proc.Process(argv, self.port, f"{folder}/log")


class _PacedHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    STEP_SECONDS = 0.01

    def do_GET(self):
        body = self.server.asked(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "video/mp2t")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "public, max-age=86400")
        self.end_headers()
        self._send_paced(body, int(self.server.bytes_per_second * self.STEP_SECONDS))

    def _send_paced(self, body, step):
        begun = time.monotonic()
        for n, at in enumerate(range(0, len(body), step)):
            time.sleep(max(0, begun + n * self.STEP_SECONDS - time.monotonic()))
            self.wfile.write(body[at:at + step])

    def log_message(self, *_):
        pass


class _PacedServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 4096

    def handle_error(self, *_):
        pass  # who breaks off sees to it that the viewers' bodies are not whole


class PacedOrigin:
    """Serves `objects` (path -> body) at an even pace, each request on a thread of ours, and counts them by path."""

    def __init__(self, bytes_per_second):
        self.objects, self._counts, self._lock = {}, collections.Counter(), threading.Lock()
        self._server = _PacedServer(("127.0.0.1", 0), _PacedHandler)
        self._server.asked, self._server.bytes_per_second = self._asked, bytes_per_second
        self.port = self._server.server_address[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def _asked(self, path):
        path = path.partition("?")[0]
        with self._lock:
            self._counts[path] += 1
        return self.objects[path]

    def requests(self, path):
        with self._lock:
            return self._counts[path]

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
