"""An HTTP/1.1 client that does exactly what it is told, byte for byte, from a source address of choice."""
import json
import socket
import ssl
from dataclasses import dataclass, field

TIMEOUT = 15.0
NAME = "gate.test"  # of the daemon, in Host, :authority and SNI


@dataclass
class Response:
    status: int
    reason: str = ""
    fields: list = field(default_factory=list)  # (name, value) in order
    body: bytes = b""
    is_closed: bool = False  # the server ended the connection behind it

    def __getitem__(self, name):
        """The value of a field that stands exactly once."""
        values = self.all(name)
        assert len(values) == 1, f"{name} stands {len(values)} times in {self.fields}"
        return values[0]

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        assert self["Content-Type"].startswith("application/json"), self.fields
        return json.loads(self.body)


class Closed(Exception):
    """The server closed before a whole response had come."""


def open_socket(port, source=None, host=None, receive_buffer=None, path=None, tls=None, first=b""):
    """Connected to a port of this machine or to the socket at `path`; `first` is sent at once; `tls`: an ssl.SSLContext, and the
    handshake is done."""
    is_v6 = ":" in (source or host or "")
    family = socket.AF_UNIX if path else socket.AF_INET6 if is_v6 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(TIMEOUT)
        if source:
            sock.bind((source, 0))
        sock.connect(str(path) if path else (host or ("::1" if is_v6 else "127.0.0.1"), port))
        if not path:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a small frame does not wait for an ACK
        sock.sendall(first)
        return tls.wrap_socket(sock, server_hostname=NAME) if tls else sock
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
        sock.close()
        raise Closed("in the handshake") from error
    except BaseException:
        sock.close()
        raise


class Content:
    """Of a response, piece by piece: what HTTP/1.1 and HTTP/2 have in common."""
    ahead = b""  # has come, is not yet read
    has_length = False

    def _some(self, most):
        """The next piece, of about so many bytes; b"" behind the last one."""
        raise NotImplementedError

    def read_content(self, n=None):
        """So many bytes of the content, or all that is left of it, to the end that it must have."""
        got = bytearray(self.ahead)
        while n is None or len(got) < n:
            piece = self._some(1 << 30 if n is None else n - len(got))
            if not piece:
                assert n is None, f"ended after {len(got)} of {n} bytes"
                break
            got += piece
        n = len(got) if n is None else n
        self.ahead = bytes(got[n:])
        return bytes(got[:n])

    def read_until_broken(self):
        """What comes of a content that the server cuts off. Of unknown length, it must not look whole."""
        got = bytearray(self.ahead)
        try:
            while piece := self._some(1 << 30):
                got += piece
        except (Closed, ConnectionResetError):
            return bytes(got)
        assert self.has_length, "it could be taken for the whole"
        return bytes(got)


class Connection(Content):
    def __init__(self, port=None, source=None, **options):
        self.sock = open_socket(port, source, **options)
        self.buffer = b""
        self.left = 0  # of a content of known length
        self.has_chunk = False  # whose end is still to come

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def request(self, method, target, fields=(), body=None):
        """Sends a request with these fields only, Host and Content-Length added where they are missing."""
        fields = list(fields.items() if isinstance(fields, dict) else fields)
        names = {name.lower() for name, _ in fields}
        if "host" not in names:
            fields.insert(0, ("Host", NAME))
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            fields.append(("Content-Length", str(len(body))))
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields) + "\r\n"
        self.send(head.encode("latin-1") + (body or b""))

    def _more(self):
        piece = self.sock.recv(1 << 16)
        self.buffer += piece
        return bool(piece)

    def _need_more(self):
        if not self._more():
            raise Closed(self.buffer[:100])

    def read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            self._need_more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        version, status, reason = (lines[0] + " ").split(" ", 2)
        assert version == "HTTP/1.1", lines[0]
        fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        response = Response(int(status), reason.strip(), fields)
        self.has_length = not response.all("Transfer-Encoding")
        self.left = int(response.get("Content-Length", 0))
        self.ahead = b""
        return response

    def read_exactly(self, n):
        while len(self.buffer) < n:
            self._need_more()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def read(self, method="GET"):
        """One whole response; its framing is checked on the way."""
        response = self.read_head()
        while 100 <= response.status < 200:
            response = self.read_head()
        response.is_closed = (response.get("Connection") or "").lower() == "close"
        if method == "HEAD" or response.status in (204, 304):
            return response
        response.body = self.read_exactly(int(response["Content-Length"]))
        return response

    def _some(self, most):
        if not self.has_length:
            return self._read_chunk()
        if self.left == 0:
            return b""
        if not self.buffer:
            self._need_more()
        piece = self.read_exactly(min(most, self.left, len(self.buffer)))
        self.left -= len(piece)
        return piece

    def _read_chunk(self):
        """b"" is the last one. The end of a chunk may come with the next one."""
        if self.has_chunk:
            assert self._read_line() == b"", "a chunk longer than its size"
        size = int(self._read_line(), 16)
        self.has_chunk = size > 0
        if size == 0:
            assert self._read_line() == b"", "a trailer nobody asked for"
        return self.read_exactly(size)

    def _read_line(self):
        while b"\r\n" not in self.buffer:
            self._need_more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def mind_how_it_ends(self):
        """Over TLS, an end without close_notify is an error from here on: Python tells it from no reset and hides both."""
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.suppress_ragged_eofs = False

    def read_to_end(self):
        """What comes until the server closes."""
        while self._more():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def is_closed_by_peer(self):
        """Waits for the end of the stream; anything that still comes is a failure."""
        try:
            data = self.buffer + self.sock.recv(1 << 16)
        except ConnectionResetError:
            return True
        assert data == b"", data[:200]
        return True


def drip(c, pieces, pause=0.02):
    """Sends one piece after the other, slowly, until the server has had enough and ends the connection."""
    c.sock.settimeout(pause)
    for piece in pieces:
        try:
            c.send(piece)
            while c.sock.recv(1 << 16):
                pass
            return
        except TimeoutError:
            continue
        except OSError:
            return
    raise AssertionError("it takes them all")


def fetch(port, method, target, fields=(), body=None, source=None, **options):
    with Connection(port, source, **options) as c:
        fields = list(fields.items() if isinstance(fields, dict) else fields)
        c.request(method, target, fields + [("Connection", "close")], body)
        response = c.read(method)
        assert c.is_closed_by_peer()
        return response
