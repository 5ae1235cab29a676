"""A real origin: nginx over a folder of streams, to be killed, stopped and started again at the same address."""
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from urllib.parse import urlsplit

from .ports import free_port
from .program import Process
from .wait import until

BINARY = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "nginx"
CONFIG = """
daemon off;
master_process off;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 1024; }}
http {{
    log_format requests '$request_method $request_uri $status $server_protocol $http_host $connection "$http_range"';
    access_log {home}/access.log requests;
    client_body_temp_path {home}/t1; proxy_temp_path {home}/t2; fastcgi_temp_path {home}/t3;
    uwsgi_temp_path {home}/t4; scgi_temp_path {home}/t5;
    default_type application/octet-stream;
    keepalive_requests 100000;
    limit_rate {limit_rate};
    server {{
        listen {listen};
        root {root};
        {more}
    }}
}}
"""


@dataclass
class Line:
    """Of the request log."""
    method: str
    target: str
    status: int
    protocol: str
    host: str
    connection: int
    range: str  # "-" when there was none

    @property
    def path(self):
        return urlsplit(self.target).path


class Nginx(Process):
    """`tls`: (certificate, key), then it speaks HTTP/2 too. `http2`: in the clear, and nothing else. `unix`: on a
    socket. `limit_rate`: bytes a second of one response, 0 = none."""

    def __init__(self, home, root, tls=None, http2=False, unix=False, limit_rate=0, more=""):
        home.mkdir(parents=True)
        self.home, self.process = home, None
        self.port = None if unix else free_port()
        self.path = home / "socket" if unix else None
        listen = f"unix:{self.path}" if unix else f"127.0.0.1:{self.port}"
        listen += " http2" if http2 else ""
        if tls:
            listen += " ssl http2"
            more += "ssl_certificate {}; ssl_certificate_key {};".format(*tls)
        self.authority = "localhost" if unix else f"127.0.0.1:{self.port}"
        self.url = f"unix:{self.path}" if unix else f"{'https' if tls else 'http'}://{self.authority}"
        (home / "nginx.conf").write_text(CONFIG.format(home=home, root=root, listen=listen, limit_rate=limit_rate,
                                                       more=more))

    def start(self):
        if self.path:
            self.path.unlink(missing_ok=True)  # a killed one leaves it behind
        with open(self.home / "stderr.txt", "ab") as log:
            self.process = subprocess.Popen([BINARY, "-e", str(self.home / "error.log"), "-p", str(self.home), "-c",
                                             str(self.home / "nginx.conf")], stdout=log, stderr=log)
        until(self._is_listening, "nginx listens")
        return self

    def _is_listening(self):
        assert self.process.poll() is None, (self.home / "error.log").read_text()
        with socket.socket(socket.AF_UNIX if self.path else socket.AF_INET) as s:
            s.settimeout(5)
            return s.connect_ex(str(self.path) if self.path else ("127.0.0.1", self.port)) == 0

    def log(self):
        """The requests it has finished; those that broke off with a kill are not among them."""
        lines = []
        for text in (self.home / "access.log").read_text().splitlines():
            method, target, status, protocol, host, connection, range_ = text.split(" ", 6)
            lines.append(Line(method, target, int(status), protocol, host, int(connection), range_.strip('"')))
        return lines

    def count(self, path):
        return sum(line.path == path for line in self.log())
