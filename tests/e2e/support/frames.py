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

Frame = namedtuple("Frame", "kind flags stream payload")


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
    acknowledged. Every frame that has come is in `seen`."""

    def __init__(self, port=None, source=None, preface=PREFACE + frame(SETTINGS, 0, 0), is_polite=True, **options):
        self.sock = http.open_socket(port, source, **options)
        self.is_polite = is_polite
        self.buffer, self.seen = b"", []
        self.decoder = hpack.Decoder()
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
                assert not self.buffer, f"closed in the middle of a frame: {self.buffer[:100]}"
                return None
            self.buffer += piece
        got, self.buffer = found
        self.seen.append(got)
        if self.is_polite and got.kind in (SETTINGS, PING) and not got.flags & ACK:
            self._try_to_send(frame(got.kind, ACK, 0, got.payload if got.kind == PING else b""))
        return got

    def _try_to_send(self, bytes_):
        try:
            self.sock.sendall(bytes_)
        except OSError:
            pass  # it has left; reading tells

    def wait(self, kind, stream=None, flags=0):
        """The next frame of a kind, on a stream or on any, with these flags at least."""
        while got := self.read_frame():
            if got.kind == kind and stream in (None, got.stream) and got.flags & flags == flags:
                return got
        raise http.Closed(f"no frame of kind {kind}, stream {stream} in {self.seen[-5:]}")

    def read_response(self, stream):
        """Of one stream, to its end. What comes of others is passed over. No window is opened."""
        response = None
        while not response or not response.is_whole:
            got = self.read_frame()
            if got is None:
                raise http.Closed(f"stream {stream} has not ended")
            if got.stream != stream:
                self._keep_table(got)
            elif got.kind == HEADERS:
                response = self._response(got)
            elif got.kind == DATA:
                response.body += got.payload
                response.is_whole = bool(got.flags & END_STREAM)
            elif got.kind == RST_STREAM:
                raise http.Closed(f"stream {stream} is reset: {code_of(got)}")
        return response

    def _keep_table(self, got):
        if got.kind == HEADERS:
            self.fields_of(got)

    def _response(self, got):
        fields = self.fields_of(got)
        assert fields[0][0] == ":status", fields
        response = http.Response(int(fields[0][1]), fields=fields[1:])
        response.is_whole = bool(got.flags & END_STREAM)
        return response

    def fields_of(self, got):
        """Of a HEADERS frame that is a whole block. Each must be asked for once, in order: HPACK has a memory."""
        assert got.flags & END_HEADERS and not got.flags & (PADDED | WITH_PRIORITY), got
        return [(str(name), str(value)) for name, value in self.decoder.decode(got.payload)]

    def error(self):
        """The code of the GOAWAY that must come before the server closes."""
        last = None
        while got := self.read_frame():
            last = got if got.kind == GOAWAY else last
        assert last, f"closed without a word: {self.seen[-5:]}"
        return code_of(last)

    def is_served(self, stream, target="/health"):
        self.send(request(stream, target))
        return self.read_response(stream).status == 200
