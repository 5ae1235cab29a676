"""HTTP/2 against those who make work and bring nothing (RFC 9113 10.5): told to calm down, counted, and nobody else notices.
The rows carry the names that the attacks have in public."""
import json

import hpack
import pytest

from support import frames as f
from support import proto
from support.gate import ELSEWHERE, HOME, KEYS
from support.http import Closed, drip
from support.streams import bytes_of

pytestmark = pytest.mark.once

SEGMENT = "/v/2026-01-02/movie1/hd/s0.ts"
CONTENT = bytes_of("movie1.hd.0", 20_000)
KEY = ("authorization", f"Bearer {KEYS['operator']}")
POST = f.request(1, "/api/whitelist", KEY, method="POST", flags=f.END_HEADERS)
ODD = range(1, 20_001, 2)
MANY = len(ODD)


@pytest.fixture
def gate(make_gate, authority):
    gate = make_gate(protocol=proto.Protocol("h2c", authority), workers=1, access={"policy": {"segment": []}})
    gate.streams.movie()
    return gate


def open_head(stream):
    return f.frame(f.HEADERS, f.END_STREAM, stream, f.block(*f.request_fields(SEGMENT)))


# name: what it begins with, then the same over and over
FLOODS = {
    "ping (CVE-2019-9512)": (b"", [f.frame(f.PING, 0, 0, b"12345678")] * MANY),
    "settings (CVE-2019-9515)": (b"", [f.settings((f.INITIAL_WINDOW_SIZE, 100))] * MANY),
    "empty settings": (b"", [f.frame(f.SETTINGS, 0, 0)] * MANY),
    "rapid reset (CVE-2023-44487)": (b"", [f.request(i, SEGMENT) + f.rst(i) for i in ODD]),
    "reset at the gate": (b"", [f.request(i, "/v/none.m3u8") + f.rst(i) for i in ODD]),
    "made to reset (CVE-2025-8671), windows": (b"", [f.request(i, SEGMENT, flags=f.END_HEADERS) + f.window_update(i, 0) for i in ODD]),
    "made to reset, lengths": (b"", [f.request(i, SEGMENT, ("content-length", "5")) for i in ODD]),
    "made to reset, heads": (b"", [f.request(i, SEGMENT, ("connection", "close")) for i in ODD]),
    "empty data (CVE-2019-9518)": (POST, [f.frame(f.DATA, 0, 1)] * MANY),
    "padding alone": (POST, [f.frame(f.DATA, f.PADDED, 1, b"\x05" + b"\0" * 5)] * MANY),
    "empty continuation (CVE-2019-9518)": (open_head(1), [f.frame(f.CONTINUATION, 0, 1)] * MANY),
    "continuation (CVE-2024-27983)": (open_head(1), [f.frame(f.CONTINUATION, 0, 1, f.block(("x", "y" * 100)))] * MANY),
    "priority (CVE-2019-9513)": (b"", [f.frame(f.PRIORITY, 0, i, b"\0\0\0\0\x10") for i in ODD]),
    "priority update": (b"", [f.frame(f.PRIORITY_UPDATE, 0, 0, i.to_bytes(4, "big") + b"u=1") for i in ODD]),
    "window by one (CVE-2019-9511)": (b"", [f.window_update(0, 1)] * MANY),
    "answers to pings nobody sent": (b"", [f.frame(f.PING, f.ACK, 0, b"12345678")] * MANY),
    "goodbye": (POST, [f.goaway()] * MANY),
}
# May end by RFC 9113's own error, or because there is nothing more to say to who has said goodbye.
CODES = {f.ENHANCE_YOUR_CALM, f.PROTOCOL_ERROR}


@pytest.mark.parametrize("row", FLOODS)
def test_flood(gate, row):
    first, repeated = FLOODS[row]
    with f.Client(gate.port, ELSEWHERE) as other:
        assert other.is_served(1)
        with f.Client(gate.port, HOME, is_polite=False) as c:
            c.send(first)
            for i in range(0, len(repeated), 100):
                c.try_to_send(b"".join(repeated[i:i + 100]))
            # Drained rather than read: what is said to a flood may be cut short by its own bytes
            codes = ending(c)
            assert codes & CODES or "goodbye" in row, c.seen[-3:]
        assert other.is_served(3)
        assert gate.viewer().gets(SEGMENT).body == CONTENT
    counters = gate.counters()
    assert counters["h2_floods"] + counters["h2_malformed"] > 0 or "goodbye" in row
    assert f.ENHANCE_YOUR_CALM not in codes or counters["h2_floods"] == 1


def ending(c):
    """The codes of all GOAWAYs; the server has closed."""
    try:
        while c.read_frame():
            pass
    except OSError:
        pass
    return {code for _, code in c.goaways}


def test_it_costs_the_server_little(gate):
    """Of ten thousand resets in one go only as many requests were begun as the budget lets through."""
    _, repeated = FLOODS["rapid reset (CVE-2023-44487)"]
    with f.Client(gate.port, HOME, is_polite=False) as c:
        c.try_to_send(b"".join(repeated))
        ending(c)
    assert gate.counters()["requests_total"] < 1500
    assert gate.counters()["h2_resets"] <= 1000


class TestHeads:
    def test_too_large_is_431_and_the_connection_goes_on(self, gate):
        """The cap is on what it is when unpacked: RFC 9113 10.5.1."""
        with f.Client(gate.port, HOME) as c:
            for stream, fields in ((1, [("x", "y" * 10_000)] * 2), (3, [("a", "b")] * 150)):
                block = f.block(*f.request_fields(SEGMENT, *fields))
                pieces = [block[i:i + 16384] for i in range(0, len(block), 16384)]
                c.send(f.frame(f.HEADERS, f.END_STREAM | f.END_HEADERS * (len(pieces) == 1), stream, pieces[0]),
                       *[f.frame(f.CONTINUATION, f.END_HEADERS * (p is pieces[-1]), stream, p) for p in pieces[1:]])
                assert c.read_response(stream).status == 431
            assert c.is_served(5)

    def test_bomb(self, gate):
        """CVE-2016-6581: one large field in the table, named thousands of times by one byte each."""
        before = gate.memory()
        big = f.block(("x-bomb", "b" * 3_500)).replace(b"\0", b"\x40", 1)  # RFC 7541 6.2.1: kept in the table
        with f.Client(gate.port, HOME) as c:
            c.send(f.frame(f.HEADERS, f.END_STREAM | f.END_HEADERS, 1, f.block(*f.request_fields(SEGMENT)) + big))
            assert c.read_response(1).status == 200
            for stream in range(3, 61, 2):
                block = f.block(*f.request_fields(SEGMENT)) + b"\xbe" * 16_000
                c.try_to_send(f.frame(f.HEADERS, f.END_STREAM | f.END_HEADERS, stream, block))
            try:
                c.read_until(lambda: len(c.ended) + len(c.resets) == 30)
                assert all(c.heads[s][0] == (":status", "431") for s in c.ended[1:])
            except Closed:
                assert c.goaways[-1][1] in CODES
        assert gate.memory() - before < 4 << 20
        assert gate.viewer().gets(SEGMENT).body == CONTENT

    def test_table_of_the_client_is_as_large_as_it_says_and_we_allow(self, gate):
        """A huge table of the client's is not filled by us without bound."""
        before = gate.memory()
        with f.Client(gate.port, HOME, preface=f.PREFACE + f.settings((f.HEADER_TABLE_SIZE, 1 << 30))) as c:
            c.decoder.max_allowed_table_size = 1 << 30
            for stream in range(1, 401, 2):
                c.send(f.request(stream, f"/v/{stream}.ts"))
                assert c.read_response(stream).status == 404
        assert gate.memory() - before < 4 << 20

    def test_packed_as_browsers_do(self, gate):
        """Huffman, and a table that is used again: by Python's hpack."""
        encoder = hpack.Encoder()
        with f.Client(gate.port, HOME) as c:
            for stream in range(1, 101, 2):
                fields = f.request_fields(SEGMENT, ("user-agent", "Player/1.0"), ("x-count", str(stream)))
                c.send(f.frame(f.HEADERS, f.END_STREAM | f.END_HEADERS, stream, encoder.encode(fields)),
                       f.window_update(0, 20_000))
                assert c.read_response(stream).body == CONTENT


class TestHonest:
    """What the budgets must not hit."""

    def test_thousand_requests_on_one_connection(self, gate):
        with f.Client(gate.port, HOME) as c:
            for stream in range(1, 4001, 2):
                c.send(f.request(stream, "/health"))
                assert c.read_response(stream).status == 200
                c.seen.clear()

    def test_seeking_about(self, gate):
        """A player that resets what it no longer wants, hundreds of times, between answers it takes."""
        gate.streams.write("/v/big.ts", bytes_of("big", 1 << 20))
        with f.Client(gate.port, HOME) as c:
            c.send(f.window_update(0, 1 << 20))
            for i in range(600):
                c.send(f.request(4 * i + 1, "/v/big.ts"), f.request(4 * i + 3, SEGMENT, ("range", "bytes=0-99")))
                assert c.read_response(4 * i + 3).body == CONTENT[:100]
                c.send(f.rst(4 * i + 1), f.window_update(0, 70_000))
                c.seen.clear()
            assert c.is_served(9001)

    def test_content_in_small_pieces(self, gate):
        grant = json.dumps({"uid": "h", "path": SEGMENT, "clientIp": "10.0.0.1", "UserAgent": "x"}).encode()
        with f.Client(gate.port, HOME) as c:
            c.send(POST, *[f.frame(f.DATA, 0, 1, b" ")] * 3000, f.frame(f.DATA, f.END_STREAM, 1, grant))
            assert c.read_response(1).status == 200

    def test_windows_opened_as_the_bytes_come(self, gate):
        gate.streams.write("/v/big.ts", bytes_of("big", 4 << 20))
        with f.Client(gate.port, HOME) as c:
            c.send(f.request(1, "/v/big.ts"))
            while 1 not in c.ended:
                got = c.read_frame()
                if got.kind == f.DATA and got.payload:
                    c.send(f.window_update(0, len(got.payload)), f.window_update(1, len(got.payload)))
            assert c.content(1) == bytes_of("big", 4 << 20)


class TestTime:
    """Opens and vanishes, or says it drop by drop: each has its own limit, and is counted."""

    @pytest.fixture
    def hasty(self, make_gate, authority):
        gate = make_gate(protocol=proto.Protocol("h2c", authority), workers=1, access={"policy": {"segment": []}},
                         http={"idle_timeout": "400ms", "head_timeout": "400ms", "content_timeout": "400ms"})
        gate.streams.movie()
        return gate

    @pytest.mark.parametrize("beginning", [b"", f.PREFACE[:10], f.PREFACE, f.PREFACE + f.frame(f.SETTINGS, 0, 0)[:4],
                                           f.PREFACE + f.frame(f.SETTINGS, 0, 0) + open_head(1),
                                           f.PREFACE + f.frame(f.SETTINGS, 0, 0) + f.request(1, SEGMENT)[:20]],
                             ids=["nothing", "half a preface", "a preface", "half a frame", "half a header block", "half a head"])
    def test_silence(self, hasty, beginning):
        with f.Client(hasty.port, HOME, preface=beginning, is_polite=False) as c:
            while c.sock.recv(1 << 16):
                pass
        hasty.wait_gauge("connections", 1)
        counters = hasty.counters()
        assert counters["idle_timeouts"] + counters["head_timeouts"] == 1

    def test_drop_by_drop(self, hasty):
        """The bytes of a head do not put the end off."""
        with f.Client(hasty.port, HOME, is_polite=False) as c:
            head = open_head(1) + f.frame(f.CONTINUATION, 0, 1) * 50
            drip(c, [head[i:i + 1] for i in range(len(head))])

    def test_pings_do_not_keep_an_idle_connection(self, hasty):
        with f.Client(hasty.port, HOME) as c:
            drip(c, [f.frame(f.PING, 0, 0, b"12345678")] * 200)
        assert hasty.counters()["idle_timeouts"] == 1
