"""Origins over HTTP/2 that break its rules, or end a stream where another goes on."""
import struct
import threading

import pytest

from support import h2_origin as h2
from support.gate import Gate, http_origin
from support.streams import Streams, bytes_of
from support.wait import until

OPEN = {"policy": {"segment": []}}
BODY = bytes_of("body", 40_000)  # within the window that every stream begins with
N = ("content-length", str(len(BODY)))
HALF = len(BODY) // 2
IMPATIENT = {"retries": 0, "connect_timeout": "2s", "first_byte_timeout": "600ms", "stall_timeout": "600ms", "eject_after": 1000}
END = h2.END_STREAM
LAST = 2**31 - 1  # of all streams
HEAD_END = h2.END_HEADERS

GOOD = {
    "with its length": (h2.headers(200, N), h2.data(BODY, END)),
    "without one": (h2.headers(200), h2.data(BODY, END)),
    "ended by an empty frame": (h2.headers(200, N), h2.data(BODY), h2.data(b"", END)),
    "with a trailer": (h2.headers(200, N), h2.data(BODY),
                       h2.raw(h2.HEADERS, END | HEAD_END, h2.block(("x-checksum", "1")))),
    "after an early hint": (h2.headers(103, ("link", "</x>")), h2.headers(200, N), h2.data(BODY, END)),
    "among frames of unknown kinds": (h2.raw(0xee, 0xff, b"what?"), h2.headers(200, N), h2.raw(0xee, 0, b"", on=0), h2.data(BODY, END)),
    "head in two frames": (h2.raw(h2.HEADERS, 0, h2.block((":status", "200"))), h2.raw(h2.CONTINUATION, HEAD_END, h2.block(N)),
                           h2.data(BODY, END)),
    "and that was the last of this connection": (h2.headers(200, N), h2.goaway(LAST), h2.data(BODY, END)),
}
BAD = {
    "no status": (h2.raw(h2.HEADERS, HEAD_END, h2.block(N)), h2.data(BODY, END)),
    "a status of letters": (h2.headers("abc", N), h2.data(BODY, END)),
    "two of them": (h2.headers(200, (":status", "404"), N), h2.data(BODY, END)),
    "a name in upper case": (h2.headers(200, ("X-Loud", "1"), N), h2.data(BODY, END)),
    "a line end in a value": (h2.headers(200, ("x", "a\r\nset-cookie: b"), N), h2.data(BODY, END)),
    "a field of HTTP/1": (h2.headers(200, ("transfer-encoding", "chunked")), h2.data(BODY, END)),
    "two lengths": (h2.headers(200, N, ("content-length", "5")), h2.data(BODY, END)),
    "gzip": (h2.headers(200, N, ("content-encoding", "gzip")), h2.data(BODY, END)),
    "304 out of the blue": (h2.headers(304, flags=HEAD_END | END),),
    "101": (h2.headers(101), h2.headers(200, N), h2.data(BODY, END)),
    "no head at all": (h2.data(BODY, END),),
    "garbage for a head": (h2.raw(h2.HEADERS, HEAD_END, b"\xff" * 100),),
    "a frame longer than allowed": (h2.raw(h2.DATA, 0, b"x" * 20_000),),
    "content for nobody": (h2.raw(h2.DATA, 0, b"x", on=0),),
    "a stream nobody opened": (h2.raw(h2.HEADERS, HEAD_END, h2.block((":status", "200")), on=1001),),
    "a push": (h2.raw(h2.PUSH_PROMISE, HEAD_END, struct.pack(">I", 2) + h2.block((":method", "GET"))),),
    "settings that are none": (h2.raw(h2.SETTINGS, 0, b"\0" * 5, on=0),),
    "another frame in mid-head": (h2.raw(h2.HEADERS, 0, h2.block((":status", "200"))), h2.raw(h2.PING, 0, b"\0" * 8, on=0)),
    "an endless head": (h2.raw(h2.HEADERS, 0, h2.block((":status", "200"))),
                        h2.flood(lambda s: h2.frame(h2.CONTINUATION, 0, s, h2.block(("x-endless", "and so on" * 100)) * 10), 2000)),
    "a huge head": (h2.headers(200, *[(f"x-{i}", "y" * 1000) for i in range(15)], flags=0),
                    *[h2.raw(h2.CONTINUATION, 0, h2.block(*[("x", "y" * 1000)] * 15))] * 10,
                    h2.raw(h2.CONTINUATION, HEAD_END, b""), h2.data(BODY, END)),
    "reset": (h2.rst(h2.INTERNAL_ERROR),),
    "goodbye": (h2.goaway(0, h2.INTERNAL_ERROR), h2.close()),
    "closed": (h2.close(),),
}
SILENT = {
    "silence": (),
    "in mid-head": (h2.raw(h2.HEADERS, 0, h2.block((":status", "200"))), h2.deafen()),
    "for good": (h2.deafen(),),
    "but for pings": (h2.flood(lambda s: h2.frame(h2.PING, 0, 0, b"12345678"), 2000),),
    "but for settings": (h2.flood(lambda s: h2.frame(h2.SETTINGS, 0, 0), 2000),),
}
CUT = {
    "reset": h2.rst(h2.INTERNAL_ERROR),
    "reset without an error": h2.rst(0),
    "closed": h2.close(),
    "ended short of its length": h2.data(b"", END),
    "ended beyond its length": h2.data(BODY[HALF:] + b"more", END),
    "goodbye and closed": lambda c, s: (h2.goaway(0)(c, s), c.close()),
    "silence": lambda c, s: None,
    "a second head": h2.headers(200, N),
    "garbage": h2.raw(h2.SETTINGS, 0, b"\0" * 5, on=0),
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory, authority):
    """One daemon and one origin for all rows."""
    home = tmp_path_factory.mktemp("http2")
    origin = h2.H2Origin(authority.server("IP:127.0.0.1"))
    gate = Gate(home, Streams(home / "streams"), access=OPEN, workers=1, cache={"header": True},
                origins=[http_origin(origin, ca_file=str(authority.file), **IMPATIENT)]).start()
    try:
        yield gate, origin
        gate.stop()
    finally:
        gate.abandon()
        origin.stop()


@pytest.fixture
def table(pair, request):
    gate, origin = pair
    yield gate, origin, f"/{request.node.name.split('[')[0]}/{request.node.callspec.id.replace(' ', '-')}.ts"
    origin.check()


def is_served_well_now(gate, origin, path):
    """And the next row finds no connection that it could be led to believe in."""
    origin.answer(h2.headers(200, N), h2.goaway(LAST), h2.data(BODY, END))
    response = gate.viewer().gets(path)
    assert response.body == BODY and response["X-Cache"] == "MISS"
    gate.wait_all_given_back()


@pytest.mark.parametrize("row", GOOD)
def test_served(table, row):
    gate, origin, path = table
    origin.answer(*GOOD[row])
    with gate.viewer().start(path) as c:
        response = c.read_head()
        assert response.status == 200
        got = c.read_content()
    assert got == BODY
    gate.wait_all_given_back()


@pytest.mark.parametrize("row", BAD)
def test_refused(table, row):
    gate, origin, path = table
    entries = gate.cache()["entries"]
    origin.answer(*BAD[row])
    response = gate.viewer().get(path)
    assert response.status in (502, 504) and BODY[:20] not in response.body
    until(lambda: f'GET "{path}", status {response.status}' in gate.log, "logged")
    assert gate.cache()["entries"] == entries
    is_served_well_now(gate, origin, path)


@pytest.mark.parametrize("row", SILENT)
def test_silence(table, row):
    """The next one does not wait at the same connection."""
    gate, origin, path = table
    origin.answer(*SILENT[row])
    gate.viewer().is_refused(path, "origin_timeout")
    is_served_well_now(gate, origin, path)


@pytest.mark.parametrize("row", CUT)
def test_cut(table, row):
    gate, origin, path = table
    before = gate.count_of("origin_broke")
    has_head = threading.Event()
    origin.answer(h2.headers(200, N), h2.data(BODY[:HALF]), h2.wait(has_head), CUT[row])
    with gate.viewer().start(path) as c:
        assert int(c.read_head()["Content-Length"]) == len(BODY)
        has_head.set()
        got = c.read_until_broken()
    assert BODY.startswith(got) and (len(got) < len(BODY) or "beyond" in row)
    until(lambda: gate.count_of("origin_broke") == before + 1, "counted")
    is_served_well_now(gate, origin, path)


@pytest.mark.parametrize("ending", [h2.rst(h2.INTERNAL_ERROR), h2.close(), CUT["goodbye and closed"]], ids=["reset", "closed", "goodbye"])
def test_resumed(table, ending):
    gate, origin, path = table
    resumes = gate.counters()["fetch_resumes"]
    has_half = threading.Event()
    origin.answer(h2.headers(200, N, ("etag", '"a"')), h2.data(BODY[:HALF]), h2.wait(has_half), ending)
    origin.answer(h2.headers(206, ("content-length", str(len(BODY) - HALF)), ("etag", '"a"'),
                             ("content-range", f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}")), h2.data(BODY[HALF:], END))
    with gate.viewer().start(path) as c:
        c.read_head()
        assert c.read_content(HALF) == BODY[:HALF]
        has_half.set()
        assert c.read_content(len(BODY) - HALF) == BODY[HALF:]
    assert gate.counters()["fetch_resumes"] == resumes + 1


def test_a_refused_stream_is_asked_for_again(pair, make_gate, authority):
    """RFC 9113 8.7: nothing was done about it."""
    _, origin = pair
    gate = make_gate(access=OPEN, origins=[
        http_origin(origin, ca_file=str(authority.file), **IMPATIENT | {"retries": 2, "retry_pause": "10ms"})])
    origin.answer(h2.rst(h2.REFUSED_STREAM))
    origin.answer(h2.headers(200, N), h2.data(BODY, END))
    assert gate.viewer().gets("/refused.ts").body == BODY
    origin.check()


def test_one_stream_ends_another_goes_on(pair):
    gate, origin = pair
    both, go_on = threading.Event(), threading.Event()
    origin.answer(h2.headers(200, N), h2.data(BODY[:HALF]), h2.wait(both), h2.rst(h2.INTERNAL_ERROR))
    origin.answer(h2.headers(200, N), h2.data(BODY[:HALF]), h2.wait(go_on), h2.data(BODY[HALF:], END))
    connections = origin.connections
    with gate.viewer().start("/both/one.ts") as one:
        one.read_head()
        with gate.viewer().start("/both/other.ts") as other:
            other.read_head()
            both.set()
            assert BODY.startswith(one.read_until_broken())
            go_on.set()
            assert other.read_content(len(BODY)) == BODY
    assert origin.connections <= connections + 1
    origin.check()
