"""Load on a server, and what it cost there."""
import contextlib
import dataclasses
import http.client
import os
import re
import socket
import ssl
import subprocess
import urllib.parse

from servers import USER_AGENT

WRK = "/usr/bin/wrk"
UNITS = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


class LoadError(Exception):
    pass


@dataclasses.dataclass
class Cost:
    requests: int
    bytes: float
    cpu_seconds: float

    @property
    def usec_per_request(self):
        return self.cpu_seconds / self.requests * 1e6


def _parse_wrk(text):
    total = re.search(r"(\d+) requests in [\d.]+\w+, ([\d.]+)(\w+) read", text)
    for line in text.splitlines():
        if "Non-2xx" in line or "Socket errors" in line:
            raise LoadError(f"not a fair measurement: {line.strip()}")
    if total is None or int(total[1]) == 0:
        raise LoadError(f"wrk gave no result: {text}")
    return int(total[1]), float(total[2]) * UNITS[total[3]]


def run_wrk(server, url, connections, seconds, viewers=None):
    """`viewers`: a file for viewers.lua; then `url` is the base alone."""
    argv = [WRK, "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "10s"]
    environment = dict(os.environ)
    if viewers is None:
        argv += ["-H", f"User-Agent: {USER_AGENT}"]
    else:
        argv += ["-s", os.path.join(os.path.dirname(os.path.abspath(__file__)), "viewers.lua")]
        environment["BENCH_VIEWERS"] = viewers
    before = server.process.cpu_seconds()
    out = subprocess.run(argv + [url], check=True, capture_output=True, text=True, timeout=seconds + 60,
                         env=environment).stdout
    cpu = server.process.cpu_seconds() - before
    requests, size = _parse_wrk(out)
    return Cost(requests, size, cpu)


def target_of(parts):
    """Of the request line. An empty query would be another key in a cache."""
    return parts._replace(scheme="", netloc="").geturl()


def trusting(*protocols):
    """TLS that believes anybody: the certificates are ours."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(protocols)
    return context


def _connection(parts):
    if parts.scheme == "https":
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=30, context=trusting("http/1.1"))
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)


def fetch(url, agent=USER_AGENT):
    """The body of one GET; anything but 200 is an error."""
    parts = urllib.parse.urlsplit(url)
    connection = _connection(parts)
    with contextlib.closing(connection):
        connection.request("GET", target_of(parts), headers={"User-Agent": agent})
        answer = connection.getresponse()
        body = answer.read()
    if answer.status != 200:
        raise LoadError(f"{answer.status} for {parts.path}: {body[:200]!r}")
    return body


def must_refuse(url, agent=USER_AGENT):
    try:
        fetch(url, agent)
    except LoadError as e:
        if str(e).startswith("403 "):
            return
        raise
    raise LoadError(f"admitted: {url} as {agent}")


def fetch_one_by_one(server, requests):
    """Each (target, User-Agent) once, on one connection; the cost includes no concurrency at all."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    before, size = server.process.cpu_seconds(), 0
    with contextlib.closing(connection):
        for target, agent in requests:
            connection.request("GET", target, headers={"User-Agent": agent})
            answer = connection.getresponse()
            size += len(answer.read())
            if answer.status != 200:
                raise LoadError(f"{answer.status} for {target} as {agent}")
    return Cost(len(requests), size, server.process.cpu_seconds() - before)


def _receive(s):
    piece = s.recv(65536)
    if not piece:
        raise LoadError("the server closed the connection")
    return piece


def _read_response(s):
    """The whole response; its length comes from Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _receive(s)
    head, _, body = data.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise LoadError(f"unexpected: {head.splitlines()[0]!r}")
    left = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1]) - len(body)
    while left > 0:
        left -= len(_receive(s))


def is_open(s):
    s.setblocking(False)
    try:
        return socket.socket.recv(s, 1, socket.MSG_PEEK) != b""  # under TLS, if there is some
    except BlockingIOError:
        return True  # nothing to read, not even an end


@contextlib.contextmanager
def idle_connections(url, count):
    """`count` connections that have each had one response, stay open, and are all still open at the end."""
    parts, tls = urllib.parse.urlsplit(url), trusting("http/1.1")
    request = (f"GET {target_of(parts)} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
               f"User-Agent: {USER_AGENT}\r\n\r\n").encode()
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(count):
            s = socket.create_connection((parts.hostname, parts.port), timeout=30)
            s = stack.enter_context(tls.wrap_socket(s) if parts.scheme == "https" else s)
            s.sendall(request)
            _read_response(s)
            sockets.append(s)
        yield
        if not all(map(is_open, sockets)):
            raise LoadError("idle connections were closed: their memory cannot be compared")
