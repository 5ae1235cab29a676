"""hlsgate, nginx and h2o over TLS and HTTP/2: one certificate, one worker, tickets on, no log."""
import os
import subprocess

import proc
from servers import Hlsgate, NGINX_HEAD, Nginx, Server, in_folder

H2O = "/usr/bin/h2o"

NGINX_TLS_CONF = NGINX_HEAD + """
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_tickets on;
    {kernel_tls}
    server {{
        listen 127.0.0.1:{port} ssl http2 backlog=4096;
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

# The key stays in the one process, as with the others (neverbleed: another process signs), and nobody is asked for OCSP.
H2O_CONF = """
num-threads: 1
max-connections: 10000
{user}
pid-file: {dir}/pid
error-log: {dir}/error.log
http1-request-timeout: 600
http2-idle-timeout: 600
file.mime.addtypes: {{ "application/vnd.apple.mpegurl": ".m3u8", "video/mp2t": ".ts" }}
ssl-session-resumption: {{ mode: ticket }}
listen:
  host: 127.0.0.1
  port: {port}
  ssl:
    certificate-file: {certificate}
    key-file: {key}
    minimum-version: TLSv1.2
    neverbleed: OFF
    ocsp-update-interval: 0
hosts:
  default:
    paths:
      /: {{ file.dir: {root} }}
"""


class Certificate:
    """Of 127.0.0.1, self-signed, ECDSA P-256."""

    def __init__(self, folder):
        os.makedirs(folder)
        self.file, self.key = f"{folder}/cert.pem", f"{folder}/key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc",
                        "-days", "2", "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.key,
                        "-out", self.file],
                       check=True, capture_output=True, timeout=30)


def _has_kernel_tls():
    with open("/proc/sys/net/ipv4/tcp_available_ulp") as f:
        return "tls" in f.read().split()


class NginxTls(Nginx):
    scheme = "https"

    def __init__(self, folder, root, certificate):
        """Told of kernel TLS only where there is some: it would try for each connection."""
        super().__init__(folder, root, NGINX_TLS_CONF, certificate=certificate.file, key=certificate.key,
                         kernel_tls="ssl_conf_command Options KTLS;" if _has_kernel_tls() else "")


class H2o(Server):
    name, scheme = "h2o", "https"

    def __init__(self, folder, root, certificate):
        self.port = proc.free_port()
        os.makedirs(folder)
        user = "user: root" if os.geteuid() == 0 else ""
        conf = H2O_CONF.format(user=user, dir=folder, root=root, port=self.port, certificate=certificate.file,
                               key=certificate.key)
        self.process = proc.Process([H2O, "-c", in_folder(folder, "h2o.conf", conf)], self.port, f"{folder}/log")


class HlsgateTls(Hlsgate):
    """Its API and its clear text are on `port`, as without TLS."""

    def __init__(self, binary, folder, origin, certificate):
        self.tls_port = proc.free_port()
        self.more_listeners = (f', {{ address: "127.0.0.1:{self.tls_port}", '
                               f'tls: {{ certificate: "{certificate.file}", key: "{certificate.key}" }} }}')
        super().__init__(binary, folder, origin)

    def over_tls(self, url):
        return url.replace(self.base, f"https://127.0.0.1:{self.tls_port}")
