"""The protocol of Redis in a few lines: replies, commands, and the bytes they were."""
import socket

TIMEOUT = 15.0


class RedisError(Exception):
    """What Redis answered with a minus in front."""


class Reader:
    """One reply or command after the other, off a socket. `raw` is what the last one was in bytes, `ahead` what has come
    behind it."""

    def __init__(self, sock):
        self.sock = sock
        self.raw = self.ahead = b""

    def read(self):
        """bytes, int, None, a list, or a RedisError (not raised). EOFError where the peer has closed."""
        self.raw = b""
        return self._value()

    def _more(self):
        piece = self.sock.recv(1 << 16)
        if not piece:
            raise EOFError
        self.ahead += piece

    def _take(self, n):
        while len(self.ahead) < n:
            self._more()
        data, self.ahead = self.ahead[:n], self.ahead[n:]
        self.raw += data
        return data

    def _line(self):
        while b"\r\n" not in self.ahead:
            self._more()
        return self._take(self.ahead.index(b"\r\n") + 2)[:-2]

    def _value(self):
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            return RedisError(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._take(int(rest) + 2)[:-2]
        assert kind == b"*", line
        return None if rest == b"-1" else [self._value() for _ in range(int(rest))]


def encode(args):
    """A command."""
    parts = [a if isinstance(a, bytes) else str(a).encode() for a in args]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


def bulk(text):
    """A reply."""
    return b"$%d\r\n%s\r\n" % (len(text), text)


def open_redis(port=None, path=None, timeout=TIMEOUT):
    sock = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
    try:
        sock.settimeout(timeout)
        sock.connect(str(path) if path else ("127.0.0.1", port))
        if not path:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    except BaseException:
        sock.close()
        raise


class Redis:
    """A connection. client("SET", "a", 1) is the reply; an error is raised."""

    def __init__(self, port=None, path=None, login=(), timeout=TIMEOUT):
        self.sock = open_redis(port, path, timeout)
        self.reader = Reader(self.sock)
        if login:
            self("AUTH", *login)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, *args):
        self.sock.sendall(encode(args))

    def __call__(self, *args):
        self.send(*args)
        reply = self.reader.read()
        if isinstance(reply, RedisError):
            raise reply
        return reply
