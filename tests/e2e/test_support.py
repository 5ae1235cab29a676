"""The scripted origin itself: whatever comes to it unexpected fails the test that it belongs to."""
import socket

import pytest

from support.origin import Origin, close, head, rx, stall, tx
from support.wait import until

pytestmark = pytest.mark.once

ASKED = b"GET /a.ts HTTP/1.1\r\nHost: o.test\r\nAccept-Encoding: identity\r\n\r\n"


@pytest.fixture
def origin():
    origin = Origin().start()
    yield origin
    origin.stop()


def say(origin, *pieces, until_closed=True):
    with socket.create_connection(("127.0.0.1", origin.port), timeout=10) as s:
        for piece in pieces:
            s.sendall(piece)
        got = s.recv(65536)
        while until_closed and got and (more := s.recv(65536)):
            got += more
        return got


def test_plays_what_it_is_told(origin):
    origin.script(rx("GET", "/a.ts", host="o.test", absent=["Range"]), tx(200, b"content", etag='"a"'), close())
    assert say(origin, ASKED) == b'HTTP/1.1 200 OK\r\ncontent-length: 7\r\netag: "a"\r\n\r\ncontent'
    origin.check()


COMPLAINTS = {
    "nobody named it": (ASKED.replace(b"/a.ts", b"/b.ts"), "GET /b.ts"),
    "another method": (ASKED.replace(b"GET", b"PUT"), "method PUT"),
    "a cookie": (ASKED.replace(b"Accept", b"Cookie: a=b\r\nAccept"), "cookie"),
    "a field of libcurl's": (ASKED.replace(b"Accept-Encoding: identity", b"Accept: */*"), "accept"),
    "a field twice": (ASKED.replace(b"Host", b"Host: x\r\nHost"), "twice"),
    "no Host": (b"GET /a.ts HTTP/1.1\r\nUser-Agent: x\r\n\r\n", "no Host"),
    "a token": (ASKED.replace(b"/a.ts", b"/a.ts?token=1"), "token"),
    "the wrong Host": (ASKED.replace(b"o.test", b"p.test"), "host"),
    "what must be absent": (ASKED.replace(b"Accept", b"Range: bytes=0-1\r\nAccept"), "Range"),
    "bytes behind it": (ASKED + b"x", "bytes behind"),
    "no HTTP": (b"\x16\x03\x01\r\n\r\n", "request line"),
    "half of it": (ASKED[:20], "middle of a head"),
}


@pytest.mark.parametrize("row", COMPLAINTS)
def test_complains(origin, row):
    request, word = COMPLAINTS[row]
    origin.script(rx("GET", "/a.ts", host="o.test", absent=["Range"]), tx(200, b"content"), close())
    with socket.create_connection(("127.0.0.1", origin.port), timeout=10) as s:
        s.sendall(request)
        s.shutdown(socket.SHUT_WR)
        s.recv(1000)
        until(lambda: origin.failures, "a complaint")
    origin.waiting.clear()
    with pytest.raises(AssertionError, match=word):
        origin.check()
    origin.check()  # said once


def test_complains_of_what_was_not_played(origin, monkeypatch):
    monkeypatch.setattr(until, "__defaults__", ("", 0.05, 0.01))
    origin.script(rx("GET", "/a.ts"), tx(200))
    with pytest.raises(AssertionError, match="not played.*/a.ts"):
        origin.check()


def test_complains_of_who_leaves_in_the_middle(origin):
    origin.script(rx("GET", "/a.ts"), head(200, content_length=100 << 20), lambda peer: peer.send(b"x" * (100 << 20)))
    say(origin, ASKED, until_closed=False)
    with pytest.raises(AssertionError, match="left in the middle"):
        origin.wait_played()
        origin.check()


def test_complains_of_words_in_a_silence(origin):
    origin.script(rx("GET", "/a.ts"), stall())
    with socket.create_connection(("127.0.0.1", origin.port), timeout=10) as s:
        s.sendall(ASKED)
        origin.wait_count(1)
        s.sendall(ASKED)
        assert s.recv(10) == b""
    with pytest.raises(AssertionError, match="none were due"):
        origin.check()
