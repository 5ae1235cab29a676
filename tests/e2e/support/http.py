"""An HTTP/1.1 client that does exactly what it is told, byte for byte, from a source address of choice."""
import json
import socket
from dataclasses import dataclass, field

TIMEOUT = 15.0


@dataclass
class Response:
    status: int
    reason: str
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


class Connection:
    def __init__(self, port, source=None, host=None, receive_buffer=None):
        is_v6 = ":" in (source or host or "")
        self.sock = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(TIMEOUT)
        if source:
            self.sock.bind((source, 0))
        self.sock.connect((host or ("::1" if is_v6 else "127.0.0.1"), port))
        self.buffer = b""
        self.content = b""  # out of chunks, not yet read
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
            fields.insert(0, ("Host", "gate.test"))
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            fields.append(("Content-Length", str(len(body))))
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields) + "\r\n"
        self.send(head.encode("latin-1") + (body or b""))

    def _more(self):
        piece = self.sock.recv(1 << 16)
        self.buffer += piece
        return bool(piece)

    def read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                raise Closed(self.buffer)
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        version, status, reason = (lines[0] + " ").split(" ", 2)
        assert version == "HTTP/1.1", lines[0]
        fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        return Response(int(status), reason.strip(), fields)

    def read_exactly(self, n):
        while len(self.buffer) < n:
            if not self._more():
                raise Closed(self.buffer[:100])
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

    def read_chunked(self, n=None):
        """So many bytes of a chunked body, or all that is left of it, to the end that it must have."""
        while n is None or len(self.content) < n:
            piece = self._read_chunk()
            self.content += piece
            if not piece:
                assert n is None, f"ended after {len(self.content)} of {n} bytes"
                n = len(self.content)
        data, self.content = self.content[:n], self.content[n:]
        return data

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
            if not self._more():
                raise Closed(self.buffer)
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def read_to_end(self):
        """What comes until the server closes."""
        while self._more():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def read_until_broken(self):
        """What comes of a body that the server cuts off."""
        try:
            return self.read_to_end()
        except ConnectionResetError:
            return self.buffer

    def is_closed_by_peer(self):
        """Waits for the end of the stream; anything that still comes is a failure."""
        try:
            data = self.buffer + self.sock.recv(1 << 16)
        except ConnectionResetError:
            return True
        assert data == b"", data[:200]
        return True


def fetch(port, method, target, fields=(), body=None, source=None, host=None):
    with Connection(port, source, host) as c:
        fields = list(fields.items() if isinstance(fields, dict) else fields)
        c.request(method, target, fields + [("Connection", "close")], body)
        response = c.read(method)
        assert c.is_closed_by_peer()
        return response
