"""An HTTP/2 origin frame by frame, for what no real server would send. It decodes no requests: each stream that the daemon
opens is answered with the next list of steps, whatever it asks for."""
import select
import socket
import ssl
import struct
import threading
import time

from .frames import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, INTERNAL_ERROR, PING, PREFACE,
                     PUSH_PROMISE, REFUSED_STREAM, RST_STREAM, SETTINGS, block, frame)
from .ports import free_port
from .wait import DEADLINE, until

# ---- steps: called with the connection and the number of the stream


def headers(status, *fields, flags=END_HEADERS):
    return lambda c, stream: c.send(frame(HEADERS, flags, stream, block((":status", str(status)), *fields)))


def data(payload, flags=0):
    def step(c, stream):
        for at in range(0, max(len(payload), 1), 16384):
            last = at + 16384 >= len(payload)
            c.send(frame(DATA, flags if last else 0, stream, payload[at:at + 16384]))

    return step


def raw(kind, flags, payload, on=None):
    """Any frame, on this stream or another one."""
    return lambda c, stream: c.send(frame(kind, flags, stream if on is None else on, payload))


def rst(code):
    return raw(RST_STREAM, 0, struct.pack(">I", code))


def goaway(last, code=0):
    return raw(GOAWAY, 0, struct.pack(">II", last, code), on=0)


def close():
    return lambda c, stream: c.close()


def flood(bytes_of_stream, times):
    """These bytes so often, or until the daemon closes."""
    def step(c, stream):
        for _ in range(times):
            if not c.is_closed:
                c.send(bytes_of_stream(stream))

    return step


def deafen():
    """From now on this connection is a hole: nothing that comes on it is looked at."""
    def step(c, stream):
        c.is_deaf = True

    return step


def wait(event):
    return lambda c, stream: event.wait(DEADLINE)


class Connection:
    """Used by the thread that reads and those that answer: TLS takes one of them at a time, and none while it waits."""

    def __init__(self, sock):
        self.sock, self.is_closed, self.is_deaf = sock, False, False
        self.lock = threading.Lock()
        sock.setblocking(False)

    def _do(self, call, *args):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            try:
                with self.lock:
                    return call(*args)
            except ssl.SSLWantReadError:
                select.select([self.sock], [], [], 0.1)
            except ssl.SSLWantWriteError:
                select.select([], [self.sock], [], 0.1)
        raise TimeoutError

    def send(self, bytes_):
        try:
            while bytes_:
                bytes_ = bytes_[self._do(self.sock.send, bytes_):]
        except (OSError, ValueError):  # the daemon may leave whenever it has had enough
            self.is_closed = True

    def close(self):
        self.is_closed = True
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def read_exactly(self, n):
        got = b""
        while len(got) < n:
            piece = self._do(self.sock.recv, n - len(got))
            if not piece:
                raise ConnectionError
            got += piece
        return got

    def read_frame(self):
        size, kind, flags, stream = struct.unpack(">IBBI", b"\0" + self.read_exactly(9))
        return kind, flags, stream, self.read_exactly(size)


class H2Origin:
    def __init__(self, tls):
        tls.set_alpn_protocols(["h2"])
        self.tls, self.port = tls, free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.answers = []  # lists of steps that wait for a stream
        self.streams = self.connections = 0
        self.failures, self.alive = [], []
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self._spawn(self._accept)

    def answer(self, *steps):
        self.answers.append(steps)

    def check(self):
        try:
            until(lambda: not self.answers, "all answers given")
            assert not self.failures, self.failures
        finally:
            self.answers, self.failures = [], []

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for c in list(self.alive):
            c.close()

    def _spawn(self, target, *args):
        threading.Thread(target=target, args=args, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self._spawn(self._serve, sock)

    def _serve(self, sock):
        sock.settimeout(DEADLINE)
        try:
            c = Connection(self.tls.wrap_socket(sock, server_side=True))
        except (ssl.SSLError, OSError) as error:
            self.failures.append(f"no handshake: {error!r}")
            return
        self.alive.append(c)
        try:
            if c.read_exactly(len(PREFACE)) != PREFACE:
                self.failures.append("no preface")
            c.send(frame(SETTINGS, 0, 0))
            while not c.is_closed:
                self._on_frame(c, *c.read_frame())
        except (OSError, ValueError):
            pass
        finally:
            c.is_closed = True
            c.sock.close()
            self.alive.remove(c)

    def _on_frame(self, c, kind, flags, stream, payload):
        if c.is_deaf:
            return
        if kind == SETTINGS and not flags & ACK:
            c.send(frame(SETTINGS, ACK, 0))
        elif kind == HEADERS:
            self.streams += 1
            if not self.answers:
                self.failures.append(f"stream {stream} is unexpected")
            else:
                self._spawn(self._play, c, stream, self.answers.pop(0))

    def _play(self, c, stream, steps):
        for step in steps:
            step(c, stream)
