"""What RFC 9113 calls an error, row by row: the error it asks for, of the stream or of the connection, counted, and nobody else
notices."""
import struct

import pytest

from support import frames as f
from support import proto
from support.gate import ELSEWHERE, HOME, KEYS, Gate, running
from support.http import NAME
from support.streams import Streams, bytes_of
from support.wait import until

pytestmark = pytest.mark.once

SEGMENT = "/v/2026-01-02/movie1/hd/s0.ts"
CONTENT = bytes_of("movie1.hd.0", 20_000)
KEY = ("authorization", f"Bearer {KEYS['operator']}")
END = f.END_STREAM | f.END_HEADERS
ASK = f.request(1, SEGMENT)
POST = f.request(1, "/api/whitelist", KEY, method="POST", flags=f.END_HEADERS)
BLOCK = f.block(*f.request_fields(SEGMENT))
HALF = f.frame(f.HEADERS, f.END_STREAM, 1, BLOCK)  # its CONTINUATION is missing


@pytest.fixture(scope="module")
def gate(tmp_path_factory, authority):
    home = tmp_path_factory.mktemp("malformed")
    with running(Gate(home, Streams(home / "streams"), proto.Protocol("h2c", authority), workers=1,
                      access={"policy": {"segment": []}})) as gate:
        gate.streams.movie()
        yield gate


@pytest.fixture
def others(gate):
    """A viewer who was there before and is there afterwards, and another one who comes then."""
    with f.Client(gate.port, ELSEWHERE) as c:
        assert c.is_served(1)
        yield
        assert c.is_served(3)
    assert gate.viewer().gets(SEGMENT).body == CONTENT


P, Z, W, C, Q = f.PROTOCOL_ERROR, f.FRAME_SIZE_ERROR, f.FLOW_CONTROL_ERROR, f.STREAM_CLOSED, f.COMPRESSION_ERROR
CONNECTION = {
    # 4.2: sizes
    "longer than SETTINGS_MAX_FRAME_SIZE": (Z, POST, f.frame(f.DATA, 0, 1, b"x" * 16385)),
    "a head longer than that": (Z, f.frame(f.HEADERS, END, 1, BLOCK + f.block(("x", "y" * 16384)))),
    "PING of 7": (Z, f.frame(f.PING, 0, 0, b"1234567")),
    "PING of 9": (Z, f.frame(f.PING, 0, 0, b"123456789")),
    "RST_STREAM of 3": (Z, POST, f.frame(f.RST_STREAM, 0, 1, b"\0\0\0")),
    "RST_STREAM of 5": (Z, POST, f.frame(f.RST_STREAM, 0, 1, b"\0\0\0\0\0")),
    "SETTINGS of 5": (Z, f.frame(f.SETTINGS, 0, 0, b"\0" * 5)),
    "SETTINGS ACK with content": (Z, f.frame(f.SETTINGS, f.ACK, 0, b"\0" * 6)),
    "WINDOW_UPDATE of 3": (Z, f.frame(f.WINDOW_UPDATE, 0, 0, b"\0\0\1")),
    "GOAWAY of 7": (Z, f.frame(f.GOAWAY, 0, 0, b"\0" * 7)),
    "HEADERS too short for what its flags say": ({Z, P}, f.frame(f.HEADERS, END | f.WITH_PRIORITY, 1, b"\0\0")),
    # 5.1, 6: streams where they don't belong
    "DATA on stream 0": (P, f.frame(f.DATA, 0, 0, b"x")),
    "HEADERS on stream 0": (P, f.frame(f.HEADERS, END, 0, BLOCK)),
    "RST_STREAM on stream 0": (P, f.rst(0)),
    "CONTINUATION on stream 0": (P, HALF, f.frame(f.CONTINUATION, f.END_HEADERS, 0, b"")),
    "SETTINGS on a stream": (P, f.frame(f.SETTINGS, 0, 1)),
    "PING on a stream": (P, f.frame(f.PING, 0, 1, b"12345678")),
    "GOAWAY on a stream": (P, f.frame(f.GOAWAY, 0, 1, b"\0" * 8)),
    "DATA on an idle stream": (P, f.frame(f.DATA, 0, 5, b"x")),
    "RST_STREAM on an idle stream": (P, f.rst(5)),
    "WINDOW_UPDATE on an idle stream": (P, f.window_update(5, 1)),
    "even stream": (P, f.request(2, SEGMENT)),
    "push": (P, f.frame(f.PUSH_PROMISE, f.END_HEADERS, 1, struct.pack(">I", 2) + BLOCK)),
    # 6.2, 6.10: header blocks
    "another frame in a header block": (P, HALF, f.frame(f.PING, 0, 0, b"12345678")),
    "another stream's CONTINUATION": (P, HALF, f.frame(f.CONTINUATION, f.END_HEADERS, 3, b"")),
    "another head in a header block": (P, HALF, f.request(3, SEGMENT)),
    "unknown frame in a header block": (P, HALF, f.frame(0xee, 0, 0, b"")),
    "CONTINUATION of nothing": (P, f.frame(f.CONTINUATION, f.END_HEADERS, 1, BLOCK)),
    "CONTINUATION behind a whole head": (P, POST, f.frame(f.CONTINUATION, f.END_HEADERS, 1, b"")),
    # 6.1, 6.2: padding
    "DATA of nothing but its padding's length": (P, POST, f.frame(f.DATA, f.PADDED, 1, b"\x01")),
    "padding longer than DATA": (P, POST, f.frame(f.DATA, f.PADDED, 1, b"\x05abcd")),
    "padding longer than a head": (P, f.frame(f.HEADERS, END | f.PADDED, 1, b"\xff" + BLOCK[:100])),
    "padded, and no byte for it": ({P, Z}, POST, f.frame(f.DATA, f.PADDED, 1, b"")),
    # 6.5.2: settings
    "ENABLE_PUSH of 2": (P, f.settings((f.ENABLE_PUSH, 2))),
    "window over 2^31-1 by SETTINGS": (W, f.settings((f.INITIAL_WINDOW_SIZE, 1 << 31))),
    "MAX_FRAME_SIZE below 2^14": (P, f.settings((f.MAX_FRAME_SIZE, 16383))),
    "MAX_FRAME_SIZE over 2^24-1": (P, f.settings((f.MAX_FRAME_SIZE, 1 << 24))),
    "NO_RFC7540_PRIORITIES of 2": (P, f.settings((f.NO_RFC7540_PRIORITIES, 2))),
    "ACK that nobody waits for": (P, f.frame(f.SETTINGS, f.ACK, 0), f.frame(f.SETTINGS, f.ACK, 0)),
    # 6.9: windows
    "window opened by nothing": (P, f.window_update(0, 0)),
    "window over 2^31-1": (W, f.window_update(0, 2**31 - 1)),
    # RFC 7541
    "index that there is none of": (Q, f.frame(f.HEADERS, END, 1, b"\xff\xff\xff\x07")),
    "index 0": (Q, f.frame(f.HEADERS, END, 1, b"\x80")),
    "endless number": (Q, f.frame(f.HEADERS, END, 1, b"\xff" + b"\x80" * 20 + b"\x01")),
    "string longer than its block": (Q, f.frame(f.HEADERS, END, 1, b"\x00\x05abc")),
    "table larger than allowed": (Q, f.frame(f.HEADERS, END, 1, b"\x3f\xe1\xff\x03" + BLOCK)),
    "table resized in mid-block": (Q, f.frame(f.HEADERS, END, 1, BLOCK + b"\x20")),
    "EOS in a Huffman string": (Q, f.frame(f.HEADERS, END, 1, b"\x00\x84\xff\xff\xff\xff\x01a")),
    "Huffman padding of a byte": (Q, f.frame(f.HEADERS, END, 1, b"\x00\x83\x1f\xff\xff\x01a")),
}


@pytest.mark.parametrize("row", CONNECTION)
def test_error_of_the_connection(gate, others, row):
    codes, *frames = CONNECTION[row]
    before = gate.counters()["h2_malformed"]
    with f.Client(gate.port, HOME, is_polite=False) as c:
        c.send(*frames)
        assert c.error() in (codes if isinstance(codes, set) else {codes})
    until(lambda: gate.counters()["h2_malformed"] > before, "counted")


def without(name, *more):
    """A head of one request with a field left out, and with more."""
    return f.block(*[field for field in f.request_fields(SEGMENT) if field[0] != name], *more)


def with_(*more):
    return f.block(*f.request_fields(SEGMENT, *more))


# 8.1.1: malformed requests. 400, or RST_STREAM with PROTOCOL_ERROR; the connection goes on.
HEADS = {
    "upper case": with_(("X-Upper", "a")),
    "no method": without(":method"),
    "no scheme": without(":scheme"),
    "no path": without(":path"),
    "empty path": without(":path", (":path", "")),
    "path that is none": f.block((":method", "GET"), (":scheme", "http"), (":authority", NAME), (":path", "a.ts")),
    "absolute form": f.block((":method", "GET"), (":scheme", "http"), (":authority", NAME), (":path", f"http://{NAME}/")),
    "asterisk with GET": f.block((":method", "GET"), (":scheme", "http"), (":authority", NAME), (":path", "*")),
    "space in the path": f.block((":method", "GET"), (":scheme", "http"), (":authority", NAME), (":path", "/a b")),
    "line end in the path": f.block((":method", "GET"), (":scheme", "http"), (":authority", NAME), (":path", "/a\r\nx: y")),
    "method that is none": f.block((":method", "G T"), (":scheme", "http"), (":authority", NAME), (":path", "/")),
    "CONNECT": f.block((":method", "CONNECT"), (":authority", "x:80")),
    "extended CONNECT": with_((":protocol", "websocket")),
    "unknown pseudo-field": f.block((":what", "x"), *f.request_fields(SEGMENT)),
    "pseudo-field of a response": f.block((":status", "200"), *f.request_fields(SEGMENT)),
    "pseudo-field behind a field": without(":path", ("x", "y"), (":path", SEGMENT)),
    "method twice": f.block((":method", "GET"), *f.request_fields(SEGMENT)),
    "path twice": f.block((":path", "/b"), *f.request_fields(SEGMENT)),
    "authority with a password": without(":authority", ) + f.block(("host", f"u:p@{NAME}")),
    "authority and another Host": with_(("host", "other.test")),
    "two Hosts": without(":authority", ("host", "a.test"), ("host", "b.test")),
    "Connection": with_(("connection", "close")),
    "Keep-Alive": with_(("keep-alive", "5")),
    "Proxy-Connection": with_(("proxy-connection", "close")),
    "Transfer-Encoding": with_(("transfer-encoding", "chunked")),
    "Upgrade": with_(("upgrade", "h2c")),
    "TE that is not trailers": with_(("te", "gzip")),
    "no field name": with_(("", "x")),
    "space in a name": with_(("a b", "x")),
    "colon in a name": with_(("a:b", "x")),
    "line end in a name": with_(("a\nb", "x")),
    "NUL in a value": with_(("a", "x\0y")),
    "CR in a value": with_(("a", "x\ry")),
    "LF in a value": with_(("a", "x\ny")),
    "value that begins with a space": with_(("a", " x")),
    "value that ends with a tab": with_(("a", "x\t")),
    "length that is none": with_(("content-length", "5x")),
    "length with a sign": with_(("content-length", "+0")),
    "length without content": with_(("content-length", "5")),
    "two lengths": with_(("content-length", "0"), ("content-length", "1")),
}


def is_refused(c, stream):
    c.read_until(lambda: stream in c.resets or stream in c.ended)
    if stream in c.resets and stream not in c.heads:
        return c.resets[stream] == f.PROTOCOL_ERROR
    return c.heads[stream][0] == (":status", "400")


@pytest.mark.parametrize("row", HEADS)
def test_malformed_head(gate, others, row):
    before = gate.counters()["h2_malformed"]
    with f.Client(gate.port, HOME) as c:
        c.send(f.frame(f.HEADERS, END, 1, HEADS[row]))
        assert is_refused(c, 1), (c.heads, c.resets)
        assert c.is_served(3)
        assert not c.goaways
    until(lambda: gate.counters()["h2_malformed"] > before, "counted")


POST_3 = f.request(1, "/api/whitelist", KEY, ("content-length", "3"), method="POST", flags=f.END_HEADERS)
# 5.1, 6.9, 8.1: of one stream; the RFC lets a server take the whole connection for some of them, and we need not.
STREAM = {
    "more content than its length": ({f.PROTOCOL_ERROR}, POST_3, f.frame(f.DATA, f.END_STREAM, 1, b"1234")),
    "less content than its length": ({f.PROTOCOL_ERROR}, POST_3, f.frame(f.DATA, f.END_STREAM, 1, b"12")),
    "no content but a length": ({f.PROTOCOL_ERROR}, POST_3, f.frame(f.DATA, f.END_STREAM, 1)),
    "trailers that do not end it": ({f.PROTOCOL_ERROR}, POST, f.frame(f.HEADERS, f.END_HEADERS, 1, f.block(("x", "y")))),
    "pseudo-field in the trailers": ({f.PROTOCOL_ERROR}, POST, f.frame(f.HEADERS, END, 1, f.block((":path", "/")))),
    "window opened by nothing": ({f.PROTOCOL_ERROR}, f.request(1, SEGMENT, flags=f.END_HEADERS), f.window_update(1, 0)),
    "window over 2^31-1": ({f.FLOW_CONTROL_ERROR}, POST, f.window_update(1, 2**31 - 1)),
    "window over 2^31-1 by SETTINGS": ({f.FLOW_CONTROL_ERROR}, f.settings((f.INITIAL_WINDOW_SIZE, 0)), ASK,
                                       f.window_update(1, 2**31 - 1), f.settings((f.INITIAL_WINDOW_SIZE, 5))),
    "PRIORITY of 4": ({f.FRAME_SIZE_ERROR}, POST, f.frame(f.PRIORITY, 0, 1, b"\0" * 4)),
    "DATA behind its end": ({f.STREAM_CLOSED}, f.request(1, "/nothing/here.bin", ("x", "y")), f.frame(f.DATA, 0, 1, b"x")),
    "head behind its end": ({f.STREAM_CLOSED, f.PROTOCOL_ERROR}, ASK, ASK),
}


@pytest.mark.parametrize("row", STREAM)
def test_error_of_a_stream_or_of_its_connection(gate, others, row):
    codes, *frames = STREAM[row]
    with f.Client(gate.port, HOME) as c:
        c.send(*frames)
        c.read_until(lambda: 1 in c.resets or 1 in c.ended or c.goaways)
        if not c.goaways and c.resets.get(1) in codes:
            assert c.is_served(3)
        else:
            assert c.error() in codes


# What looks odd and is right.
GOOD = {
    "unknown frame": (f.frame(0xee, 0xff, 0, b"what?"), ASK),
    "unknown frame on an idle stream": (f.frame(0xee, 0xff, 7, b"what?"), ASK),
    "unknown setting": (f.settings((0xeeee, 5)), ASK),
    "a setting twice": (f.settings((f.INITIAL_WINDOW_SIZE, 5), (f.INITIAL_WINDOW_SIZE, 50_000)), ASK),
    "PRIORITY on an idle stream": (f.frame(f.PRIORITY, 0, 9, b"\0\0\0\0\x10"), ASK),
    "depends on itself": (f.frame(f.PRIORITY, 0, 9, b"\0\0\0\x09\x10"), ASK),
    "reserved bit of the stream": (f.frame(f.HEADERS, END, 1 | 1 << 31, BLOCK),),
    "unknown flags": (f.frame(f.HEADERS, END | 0x42, 1, BLOCK),),
    "TE: trailers": (f.request(1, SEGMENT, ("te", "trailers")),),
    "empty field": (f.request(1, SEGMENT, ("x", "")),),
    "unsolicited PING answer": (f.frame(f.PING, f.ACK, 0, b"12345678"), ASK),
    "empty CONTINUATION": (HALF, f.frame(f.CONTINUATION, f.END_HEADERS, 1, b"")),
    "table emptied at the start of a block": (f.frame(f.HEADERS, END, 1, b"\x20" + BLOCK),),
    "stream 2^31-1": (f.request(2**31 - 1, SEGMENT),),
    "scheme of its own": (f.frame(f.HEADERS, END, 1, without(":scheme", ).replace(b"\0\x07:method", b"\0\x07:scheme\x05https\0\x07:method", 1)),),
}


@pytest.mark.parametrize("row", GOOD)
def test_odd_but_right(gate, row):
    with f.Client(gate.port, HOME) as c:
        c.send(*GOOD[row])
        assert c.read_response(1 if "2^31" not in row else 2**31 - 1).body == CONTENT
