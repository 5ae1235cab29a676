"""HTTP/2 frame by frame (RFC 9113), for both sides: what a library would not send, and what it would not show."""
import struct
from collections import namedtuple

import hpack

from . import http

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
PRIORITY_UPDATE = 0x10  # RFC 9218 7.1
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
WITH_PRIORITY = 0x20
(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR,
 REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM) = range(12)
(HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE,
 MAX_HEADER_LIST_SIZE) = range(1, 7)
NO_RFC7540_PRIORITIES = 9
WINDOW = 65535  # that everything begins with


class Frame(namedtuple("Frame", "kind flags stream payload")):
    def __repr__(self):
        return f"<kind {self.kind}, flags {self.flags:#x}, stream {self.stream}, {len(self.payload)} bytes>"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def first_frame(buffer):
    """The frame that `buffer` begins with and what is behind it; None while it is not whole."""
    if len(buffer) < 9:
        return None
    size, kind, flags, stream = struct.unpack(">IBBI", b"\0" + buffer[:9])
    if len(buffer) < 9 + size:
        return None
    return Frame(kind, flags, stream, bytes(buffer[9:9 + size])), buffer[9 + size:]


def block(*fields):
    """Fields as HPACK literals that touch no table (RFC 7541 6.2.2)."""
    out = b""
    for name, value in fields:
        out += b"\0" + length(len(name)) + name.encode("latin-1") + length(len(value)) + value.encode("latin-1")
    return out


def length(n):
    """RFC 7541 5.1, with a prefix of 7 bits."""
    if n < 127:
        return bytes([n])
    out, n = b"\x7f", n - 127
    while n >= 128:
        out, n = out + bytes([n % 128 + 128]), n // 128
    return out + bytes([n])


def request_fields(target, *fields, method="GET", authority=http.NAME):
    return ((":method", method), (":scheme", "http"), (":authority", authority), (":path", target), *fields)


def request(stream, target, *fields, method="GET", flags=END_STREAM | END_HEADERS):
    """A HEADERS frame."""
    return frame(HEADERS, flags, stream, block(*request_fields(target, *fields, method=method)))


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def window_update(stream, n):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", n))


def rst(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def goaway(last=0, code=NO_ERROR):
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code))


def code_of(frame_):
    """Of RST_STREAM and GOAWAY."""
    return struct.unpack(">I", frame_.payload[:4] if frame_.kind == RST_STREAM else frame_.payload[4:8])[0]


class Client:
    """A connection whose frames are written by hand. Only what is_polite says is done by itself: SETTINGS and PING are
    acknowledged. Every frame that has come is in `seen`; what streams have brought is kept for each."""

    def __init__(self, port=None, source=None, preface=PREFACE + frame(SETTINGS, 0, 0), is_polite=True, **options):
        self.sock = http.open_socket(port, source, **options)
        self.is_polite = is_polite
        self.buffer, self.seen = b"", []
        self.decoder = hpack.Decoder()
        self.heads, self.contents = {}, {}  # by stream: fields, bytes
        self.ended, self.resets = [], {}  # streams in the order of their ends; codes
        self.goaways = []  # (last stream, code)
        self.send(preface)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, *frames):
        self.sock.sendall(b"".join(frames))

    def read_frame(self):
        """None: the server has closed."""
        while not (found := first_frame(self.buffer)):
            try:
                piece = self.sock.recv(1 << 16)
            except ConnectionResetError:
                piece = b""
            if not piece:
                return None
            self.buffer += piece
        got, self.buffer = found
        self.seen.append(got)
        self._note(got)
        if self.is_polite and got.kind in (SETTINGS, PING) and not got.flags & ACK:
            self.try_to_send(frame(got.kind, ACK, 0, got.payload if got.kind == PING else b""))
        return got

    def _note(self, got):
        if got.kind == HEADERS:  # all of them, in order: HPACK has a memory
            assert got.flags & END_HEADERS and not got.flags & (PADDED | WITH_PRIORITY), got
            self.heads[got.stream] = [(str(n), str(v)) for n, v in self.decoder.decode(got.payload)]
        elif got.kind == DATA:
            assert not got.flags & PADDED
            self.contents[got.stream] = self.content(got.stream) + got.payload
        elif got.kind == RST_STREAM:
            self.resets[got.stream] = code_of(got)
        elif got.kind == GOAWAY:
            self.goaways.append((int.from_bytes(got.payload[:4], "big"), code_of(got)))
        if got.kind in (HEADERS, DATA) and got.flags & END_STREAM:
            self.ended.append(got.stream)

    def content(self, stream):
        return self.contents.get(stream, b"")

    def try_to_send(self, bytes_):
        try:
            self.sock.sendall(bytes_)
        except OSError:
            pass  # it has left; reading tells

    def read_until(self, condition):
        while not condition():
            if not self.read_frame():
                raise http.Closed(f"closed behind {self.seen[-3:]}")

    def wait(self, kind, stream=None, flags=0):
        """The next frame of a kind, on a stream or on any, with these flags at least."""
        while got := self.read_frame():
            if got.kind == kind and stream in (None, got.stream) and got.flags & flags == flags:
                return got
        raise http.Closed(f"closed before a frame of kind {kind} on stream {stream}, behind {self.seen[-3:]}")

    def read_response(self, stream):
        """Of one stream, to its end, whatever comes of others meanwhile. No window is opened."""
        self.read_until(lambda: stream in self.ended or stream in self.resets)
        if stream not in self.ended:
            raise http.Closed(f"stream {stream} is reset: {self.resets[stream]}")
        (name, status), *fields = self.heads[stream]
        assert name == ":status"
        return http.Response(int(status), fields=fields, body=self.content(stream))

    def error(self):
        """The code of the GOAWAY that must come before the server closes."""
        while self.read_frame():
            pass
        assert self.goaways, f"closed without a word: {self.seen[-5:]}"
        return self.goaways[-1][1]

    def is_served(self, stream, target="/health"):
        self.send(request(stream, target, method="HEAD"))  # needs no window
        return self.read_response(stream).status == 200
