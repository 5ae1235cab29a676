"""A scripted origin: it says what a test tells it to, byte for byte, and fails the test on anything that comes to it
unexpected: a request nobody named, a field that viewers' secrets could hide in, bytes behind a request, a peer that leaves
in mid-sentence. What was not played fails the test too.

    hold = origin.barrier()
    origin.script(rx("GET", "/live/s1.ts"), head(200, content_length=9), data(b"first"), hold, data(b"rest"))

A script is for one request, or for several on one connection when it has several rx(). Scripts wait in line: a request
takes the first one whose method and target are its own, on whichever connection it came. A program (routes()) answers
what no script is waiting for.
"""
import os
import re
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from .ports import free_port
from .wait import DEADLINE, until

# All that a request to an origin may carry, and all that must not be in its query (specification, 3).
FIELDS = {"host", "user-agent", "x-forwarded-for", "accept-encoding", "range", "if-range", "if-none-match",
          "if-modified-since"}
GATE_PARAMS = {"uid", "expires", "token", "scope", "gate", "CMCD"}
METHODS = {"GET", "HEAD"}
HEAD_MAX = 64 << 10
PIECE = 64 << 10


class Unexpected(Exception):
    """The daemon did what the script does not say."""


@dataclass
class Request:
    method: str
    target: str
    fields: list  # (name, value) in order
    connection: int  # numbered from 0
    at: float  # monotonic

    @property
    def path(self):
        return urlsplit(self.target).path

    @property
    def query(self):
        return urlsplit(self.target).query

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        return values[0] if values else None

    def must_be_sound(self):
        """What holds for every request, whatever the test is about."""
        names = [name.lower() for name, _ in self.fields]
        params = {param.split("=")[0] for param in self.query.split("&")}
        expect(self.method in METHODS, f"method {self.method}")
        expect(self.target.startswith("/"), f"target {self.target}")
        expect(set(names) <= FIELDS, f"fields {sorted(set(names) - FIELDS)}")
        expect(len(names) == len(set(names)), f"a field twice in {names}")
        expect("host" in names, f"no Host in {names}")
        expect(not params & GATE_PARAMS, f"query {self.query}")


def expect(condition, what):
    if not condition:
        raise Unexpected(what)


class Peer:
    """One connection of the daemon's, from the accept to the end; used by its own thread alone."""

    def __init__(self, sock, number):
        if sock.family != socket.AF_UNIX:  # what is sent is there before the next step is played
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock, self.number = sock, number
        self.buffer = b""
        self.request = None  # the one that is being answered
        self.is_over = False  # we have closed

    def read_request(self):
        """None: the daemon has closed, between two requests."""
        self.sock.settimeout(None)  # idle connections are ended by stop()
        while b"\r\n\r\n" not in self.buffer:
            piece = self._receive()
            if not piece:
                expect(not self.buffer, f"end in the middle of a head: {self.buffer[:200]}")
                return None
            self.sock.settimeout(DEADLINE)
            self.buffer += piece
            expect(len(self.buffer) < HEAD_MAX, "endless head")
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        expect(not self.buffer, f"bytes behind a request: {self.buffer[:200]}")
        self.request = self._parse(head.decode("latin-1"))
        self.request.must_be_sound()
        return self.request

    def _receive(self):
        try:
            return self.sock.recv(PIECE)
        except (ConnectionResetError, ssl.SSLEOFError):
            return b""

    def _parse(self, head):
        line, *rest = head.split("\r\n")
        match = re.fullmatch(r"([A-Z]+) (\S+) HTTP/1\.1", line)
        expect(match, f"request line {line!r}")
        fields = []
        for text in rest:
            field = re.fullmatch(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*", text)
            expect(field, f"field {text!r}")
            fields.append(field.groups())
        return Request(*match.groups(), fields, self.number, time.monotonic())

    def send(self, bytes_):
        self.sock.settimeout(DEADLINE)
        self.sock.sendall(bytes_)

    def wait_gone(self):
        self.sock.settimeout(DEADLINE)
        piece = self._receive()
        expect(not piece, f"bytes where none were due: {piece[:200]}")
        self.close()

    def close(self):
        self.is_over = True
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def interrupt(self):
        """From another thread."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


# ---- steps: each is called with the peer


class rx:
    """The next request. `absent`: fields it must not have; a field's value is its text or a compiled pattern, a name
    with _ for -."""

    def __init__(self, method, target, absent=(), **fields):
        self.method, self.target, self.absent = method, target, absent
        self.fields = {name.replace("_", "-"): value for name, value in fields.items()}

    def __repr__(self):
        return f"{self.method} {self.target}"

    def is_for(self, request):
        return (request.method, request.target) == (self.method, self.target)

    def check(self, request):
        expect(self.is_for(request), f"{request.method} {request.target}, not {self}")
        for name in self.absent:
            expect(request.get(name) is None, f"{name} in {request.fields}")
        for name, want in self.fields.items():
            value = request.get(name)
            is_right = value is not None and (value == want if isinstance(want, str) else want.fullmatch(value))
            expect(is_right, f"{name} of {self} is {value!r}, not {want!r}")

    def __call__(self, peer):
        request = peer.read_request()
        expect(request is not None, f"the daemon closed instead of {self}")
        self.check(request)


def head_bytes(status, fields):
    """The head of an answer; a list as a value makes several fields, None makes none."""
    reason = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Whatever"
    lines = [f"HTTP/1.1 {status} {reason}"]
    for name, value in fields.items():
        values = value if isinstance(value, list) else [value] if value is not None else []
        lines += [f"{name.replace('_', '-')}: {v}" for v in values]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def tx(status, body=b"", **fields):
    """A whole answer, with its Content-Length unless the fields say otherwise."""
    return raw(head_bytes(status, {"content_length": len(body)} | fields) + body)


def head(status, **fields):
    return raw(head_bytes(status, fields))


def raw(bytes_):
    return lambda peer: peer.send(bytes_)


data = raw


def chunk(bytes_):
    return raw(b"%x\r\n%s\r\n" % (len(bytes_), bytes_))


def last_chunk():
    return raw(b"0\r\n\r\n")


def stall():
    """Not a word more, until the daemon has had enough and closes."""
    return Peer.wait_gone


gone = stall  # the same, where the daemon has its own reason


def close():
    return Peer.close


def reset():
    return Peer.reset


class pour:
    """The same bytes over and over: `limit` bytes, or, without one, until the daemon closes. `sent` can be watched."""

    def __init__(self, piece, limit=None):
        self.piece, self.limit, self.sent = piece, limit, 0

    def __call__(self, peer):
        peer.sock.settimeout(DEADLINE)
        try:
            while self.limit is None or self.sent < self.limit:
                self.sent += peer.sock.send(self.piece if self.limit is None else self.piece[:self.limit - self.sent])
        except (ConnectionResetError, BrokenPipeError):
            expect(self.limit is None, f"the daemon left after {self.sent} of {self.limit} bytes")
            peer.close()


def folder(streams, **fields):
    """A program: an honest server of these files, with validators and ranges."""
    def program(request):
        file = streams.file(unquote(request.path))
        if not file.is_file():
            return tx(404)
        return whole_or_part(request, file.read_bytes(), etag=f'"{file.stat().st_mtime_ns:x}"', **fields)

    return program


def whole_or_part(request, body, etag, **fields):
    """200, 206 or 304, as the request's conditions have it."""
    if request.get("If-None-Match") == etag:
        return head(304, etag=etag, **fields)
    part = re.fullmatch(r"bytes=(\d+)-(\d*)", request.get("Range") or "")
    if not part or request.get("If-Range") not in (None, etag):
        answer = tx(200, body, etag=etag, **fields)
    else:
        first, last = int(part[1]), min(int(part[2] or len(body) - 1), len(body) - 1)
        answer = tx(206, body[first:last + 1], etag=etag, content_range=f"bytes {first}-{last}/{len(body)}", **fields)
    return answer if request.method == "GET" else head(200, etag=etag, content_length=len(body), **fields)


class Barrier:
    """A step that lasts until open()."""

    def __init__(self):
        self.is_open, self.is_reached = threading.Event(), threading.Event()

    def __call__(self, peer):
        self.is_reached.set()
        expect(self.is_open.wait(DEADLINE), "barrier never opened")

    def open(self):
        self.is_open.set()

    def wait_reached(self):
        assert self.is_reached.wait(DEADLINE), "the origin never came to the barrier"


# ---- the origin


class Script:
    def __init__(self, steps):
        assert isinstance(steps[0], rx), "a script begins with rx()"
        self.steps = steps
        self.at = 0  # steps played; the first one when the request is taken

    def __repr__(self):
        return f"{self.steps[0]}, {self.at} of {len(self.steps)} steps played"

    def play(self, peer):
        self.steps[0].check(peer.request)
        for self.at, step in enumerate(self.steps[1:], 1):
            step(peer)
        self.at = len(self.steps)


class Origin:
    def __init__(self, family="ipv4", folder=None, tls=None, name=None):
        """`family`: ipv4, ipv6, unix (a socket in `folder`). `tls`: an ssl.SSLContext. `name`: a host name for the
        URL instead of the address."""
        self.family, self.tls = family, tls
        if tls:
            tls.sni_callback = lambda _sock, name, _context: self.server_names.append(name)
        self.port = free_port() if family != "unix" else None
        self.path = str(folder / f"origin{free_port()}.sock") if family == "unix" else None
        scheme = "https" if tls else "http"
        literal = {"ipv4": "127.0.0.1", "ipv6": "[::1]"}.get(family)
        self.url = f"unix:{self.path}" if family == "unix" else f"{scheme}://{name or literal}:{self.port}"
        self.authority = self.url.split("//")[-1]
        self.lock = threading.Lock()
        self.waiting, self.running = [], []  # scripts
        self.barriers = []
        self.program = None
        self.may_leave = False  # the daemon, in the middle of an answer
        self.requests, self.failures = [], []
        self.handshakes, self.server_names = [], []  # of TLS: "ok" or what went wrong; what was asked for
        self.peers, self.threads = [], []
        self.listener = None
        self.connections = 0

    # -- what a test says

    def script(self, *steps):
        with self.lock:
            self.waiting.append(Script(steps))
        return self

    def routes(self, program, may_leave=False):
        """program(request) returns the steps that answer it, or None: the request is unexpected."""
        self.program, self.may_leave = program, may_leave
        return self

    def barrier(self):
        self.barriers.append(Barrier())
        return self.barriers[-1]

    # -- what a test asks

    def asked(self, path=None):
        """The requests so far, for one path or for all."""
        return [r for r in list(self.requests) if path is None or r.path == path]

    def count(self, path=None):
        return len(self.asked(path))

    def wait_count(self, n, path=None):
        until(lambda: self.count(path) >= n, f"{n} requests for {path or 'anything'} at the origin")

    def wait_played(self):
        until(lambda: self.failures or not self.waiting + self.running, "all scripts played")

    def check(self):
        """Nothing unexpected came, nothing was left unplayed."""
        try:
            self.wait_played()
        except AssertionError:
            raise AssertionError(f"not played: {self.waiting + self.running}") from None
        finally:
            failures, self.failures, self.waiting = self.failures, [], []
        assert not failures, "; ".join(failures)

    # -- life

    def start(self):
        family = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6, "unix": socket.AF_UNIX}[self.family]
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind({"ipv4": ("127.0.0.1", self.port), "ipv6": ("::1", self.port), "unix": self.path}[self.family])
        self.listener.listen(1024)
        self._spawn(self._accept, self.listener)
        return self

    def stop(self):
        """Connections are refused and those that are open broken; start() comes back at the same address."""
        if self.listener is None:
            return
        listener, self.listener = self.listener, None
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        if self.path:
            os.unlink(self.path)
        for barrier in self.barriers:
            barrier.open()
        with self.lock:
            peers, threads = list(self.peers), list(self.threads)
        for peer in peers:
            peer.interrupt()
        for thread in threads:
            thread.join(DEADLINE)
            assert not thread.is_alive(), "a connection of the origin does not end"
        self.threads = []

    def _spawn(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        with self.lock:
            self.threads.append(thread)
        thread.start()

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self._spawn(self._serve, sock, self.connections)
            self.connections += 1

    # -- one connection

    def _serve(self, sock, number):
        peer = Peer(sock, number)
        with self.lock:
            self.peers.append(peer)
        try:
            if self.tls:
                self._shake_hands(peer)
            while not peer.is_over and peer.read_request():
                self._answer(peer)
        except OSError as error:
            if peer.request and not self.may_leave:
                self._fail(f"the daemon left in the middle of {peer.request.target}: {error!r}")
        except Unexpected as error:
            self._fail(f"unexpected: {error}")
        except Exception as error:  # of a test's program
            self._fail(repr(error))
        finally:
            peer.interrupt()
            sock.close()
            peer.close()
            with self.lock:
                self.peers.remove(peer)

    def _fail(self, what):
        if self.listener:  # what breaks off when it stops is no failure
            self.failures.append(what)

    def _shake_hands(self, peer):
        peer.sock.settimeout(DEADLINE)
        try:
            peer.sock = self.tls.wrap_socket(peer.sock, server_side=True)
            self.handshakes.append("ok")
        except ssl.SSLError as error:
            self.handshakes.append(error.reason)
            raise

    def _answer(self, peer):
        request = peer.request
        with self.lock:
            self.requests.append(request)
            script = next((s for s in self.waiting if s.steps[0].is_for(request)), None)
            if script:
                self.waiting.remove(script)
                self.running.append(script)
        if script:
            try:
                script.play(peer)
            finally:
                with self.lock:
                    self.running.remove(script)
        else:
            self._answer_by_program(peer)

    def _answer_by_program(self, peer):
        steps = self.program(peer.request) if self.program else None
        expect(steps, f"{peer.request.method} {peer.request.target}")
        for step in steps if isinstance(steps, (list, tuple)) else [steps]:
            step(peer)
