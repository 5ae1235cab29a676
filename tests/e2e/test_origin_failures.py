"""Origins at their worst. Whatever they say, the viewer gets a clear answer or a connection that is cut, the outcome is
counted and logged, nothing of it is kept, its connection is not used again, and the next one is served as if nothing had
been."""
import socket

import pytest

from support.gate import OUTCOMES, Gate, http_origin
from support.http import Closed
from support.origin import Origin, chunk, close, data, gone, head, head_bytes, pour, raw, reset, rx, stall, tx
from support.streams import Streams, bytes_of, media
from support.wait import until

OPEN = {"policy": {"segment": [], "playlist": []}}
BODY = bytes_of("body", 100_000)
N = len(BODY)
HALF = N // 2
# One try, and no patience.
IMPATIENT = {"retries": 0, "connect_timeout": "2s", "first_byte_timeout": "600ms", "stall_timeout": "600ms",
             "eject_after": 1000}


def whole(**fields):
    return raw(head_bytes(200, fields) + BODY)


# Refused as a whole: name -> outcome, then what is sent.
REFUSED = {
    "garbage": ("origin_bad", raw(b"\x00\x01\x02 what is this?\r\n\r\n"), close()),
    "another protocol": ("origin_bad", raw(b"220 mail.test ESMTP\r\n"), close()),
    "a body without a head": ("origin_bad", raw(BODY), close()),
    "a version there never was": ("origin_bad", raw(b"HTTP/3.7 200 OK\r\nContent-Length: 0\r\n\r\n")),
    "a status of four digits": ("origin_bad", raw(b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n")),
    "a status of letters": ("origin_bad", raw(b"HTTP/1.1 OK 200\r\nContent-Length: 0\r\n\r\n")),
    "a field without a colon": ("origin_bad", raw(b"HTTP/1.1 200 OK\r\nContent-Length 0\r\n\r\n")),
    "NUL in a field": ("origin_bad", whole(content_length=N, etag='"a\0b"')),
    "an endless head": ("origin_bad", raw(b"HTTP/1.1 200 OK\r\n"), pour(b"X-Endless: and so on and on\r\n" * 100)),
    "an endless field": ("origin_bad", raw(b"HTTP/1.1 200 OK\r\nX-Endless: "), pour(b"and so on and on" * 100)),
    "endless heads of status 100": ("origin_bad", pour(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
    "too many fields": ("origin_bad", raw(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500 + b"Content-Length: 0\r\n\r\n")),
    "two lengths": ("origin_bad", raw(head_bytes(200, {"content_length": [N, N - 1]}) + BODY)),
    "two lengths in one field": ("origin_bad", whole(content_length=f"{N}, {N - 1}")),
    "a length and chunks": ("origin_bad", raw(head_bytes(200, {"content_length": N, "transfer_encoding": "chunked"})),
                            chunk(BODY), raw(b"0\r\n\r\n")),
    "a negative length": ("origin_bad", whole(content_length=-1)),
    "a length that is no number": ("origin_bad", whole(content_length="0x10")),
    "a length beyond all numbers": ("origin_bad", whole(content_length="99999999999999999999")),
    "gzip nobody asked for": ("origin_bad", whole(content_length=N, content_encoding="gzip")),
    "a coding there is none of": ("origin_bad", whole(content_length=N, content_encoding="snail")),
    "a transfer coding nobody asked for": ("origin_bad", whole(transfer_encoding="gzip"), close()),
    "206 unasked": ("origin_bad", raw(head_bytes(206, {"content_length": N, "content_range": f"bytes 0-{N - 1}/{N}"}) + BODY)),
    "206 without its bounds": ("origin_bad", raw(head_bytes(206, {"content_length": N}) + BODY)),
    "304 out of the blue": ("origin_bad", head(304, etag='"a"')),
    "204": ("origin_bad", head(204)),
    "203": ("origin_bad", raw(head_bytes(203, {"content_length": N}) + BODY)),
    "101": ("origin_bad", head(101, upgrade="websocket", connection="Upgrade")),
    "redirect elsewhere": ("origin_bad", tx(302, location="http://127.0.0.2:9/x.ts")),
    "redirect to a name": ("origin_bad", tx(301, location="https://other.test/x.ts")),
    "redirect to a file": ("origin_bad", tx(302, location="file:///etc/passwd")),
    "redirect without a place": ("origin_bad", tx(302)),
    "redirect to nonsense": ("origin_bad", tx(302, location="http://[::1")),
    "silence": ("origin_timeout", stall()),
    "silence in mid-head": ("origin_timeout", raw(b"HTTP/1.1 200 OK\r\nContent-Le"), stall()),
    "closed before a head": ("origin_down", close()),
    "closed in mid-head": ("origin_down", raw(b"HTTP/1.1 200 OK\r\nContent-Le"), close()),
    "reset before a head": ("origin_down", reset()),
    "reset in mid-head": ("origin_down", raw(b"HTTP/1.1 200 OK\r\nContent-Le"), reset()),
    "500": ("origin_error", tx(500, b"a page")),
    "501": ("origin_error", tx(501, b"a page")),
    "502": ("origin_error", tx(502, b"a page")),
    "503": ("origin_error", tx(503, b"a page")),
    "504": ("origin_timeout", tx(504, b"a page")),
    "400": ("origin_error", tx(400, b"a page")),
    "429": ("origin_error", tx(429, b"a page")),
}
# Well begun and gone wrong after this much: name -> fields of the head, what is sent first, and then.
CUT = {
    "short of its length": ({"content_length": N}, data(BODY[:HALF]), close()),
    "reset in mid-body": ({"content_length": N}, data(BODY[:HALF]), reset()),
    "silence in mid-body": ({"content_length": N}, data(BODY[:HALF]), stall()),
    "chunks without an end": ({"transfer_encoding": "chunked"}, chunk(BODY[:HALF]), close()),
    "a chunk that is none": ({"transfer_encoding": "chunked"}, chunk(BODY[:HALF]), raw(b"what\r\n"), gone()),
    "a chunk cut short": ({"transfer_encoding": "chunked"}, raw(b"%x\r\n" % N + BODY[:HALF]), close()),
    "a chunk of endless size": ({"transfer_encoding": "chunked"}, chunk(BODY[:HALF]), raw(b"f" * 40 + b"\r\n"), gone()),
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """One daemon and one origin for all rows: each leaves them as it found them."""
    home = tmp_path_factory.mktemp("failures")
    origin = Origin().start()
    origin.may_leave = True
    gate = Gate(home, Streams(home / "streams"), access=OPEN, workers=1, cache={"header": True},
                origins=[http_origin(origin, **IMPATIENT)]).start()
    try:
        yield gate, origin
        gate.stop()
    finally:
        gate.abandon()
        origin.stop()


@pytest.fixture
def table(pair, request):
    gate, origin = pair
    yield gate, origin, f"/bad/{request.node.callspec.id.replace(' ', '-')}.ts"
    origin.check()


def is_served_well_now(gate, origin, path, is_well_framed=False):
    """The very same object, and on a connection of its own."""
    bad = origin.asked(path)[-1]
    origin.script(rx("GET", path), tx(200, BODY, connection="close"), close())
    response = gate.viewer().gets(path)
    assert response.body == BODY and response["X-Cache"] == "MISS"
    assert is_well_framed or origin.asked(path)[-1].connection != bad.connection
    gate.wait_all_given_back()


@pytest.mark.parametrize("row", REFUSED)
def test_refused(table, row):
    gate, origin, path = table
    word, *steps = REFUSED[row]
    entries = gate.cache()["entries"]
    origin.script(rx("GET", path), *steps)
    response = gate.viewer().is_refused(path, word)
    assert response.status == OUTCOMES[word] in (502, 504)
    assert b"a page" not in response.body and BODY[:20] not in response.body
    until(lambda: f'{word}: GET "{path}", status {response.status}' in gate.log, "logged")
    assert gate.cache()["entries"] == entries
    is_served_well_now(gate, origin, path, is_well_framed=word == "origin_error" or "redirect" in row or row == "504")


@pytest.mark.parametrize("row", CUT)
def test_cut(table, row):
    gate, origin, path = table
    fields, first, *then = CUT[row]
    entries, before = gate.cache()["entries"], gate.count_of("origin_broke")
    hold = origin.barrier()
    origin.script(rx("GET", path), head(200, **fields), first, hold, *then)
    with gate.viewer().start(path) as c:
        response = c.read_head()
        assert response.status == 200 and response.get("Content-Length") == (str(N) if "content_length" in fields else None)
        hold.open()
        got = c.read_until_broken()
    if "content_length" in fields:
        assert BODY.startswith(got) and len(got) < N
    else:
        assert BODY.startswith(got)
    until(lambda: gate.count_of("origin_broke") == before + 1, "counted")
    until(lambda: f'origin_broke: GET "{path}"' in gate.log, "logged")
    assert gate.cache()["entries"] == entries
    is_served_well_now(gate, origin, path)


@pytest.mark.parametrize("policy", ["max-age=60", "no-store"])
def test_the_operator_is_told_which_server_breaks_off(pair, policy):
    gate, origin = pair
    path = f"/bad/{policy}.ts"
    hold = origin.barrier()
    origin.script(rx("GET", path), head(200, content_length=N, cache_control=policy), data(BODY[:HALF]), hold, close())
    with gate.viewer().start(path) as c:
        assert c.read_head().status == 200
        hold.open()
        c.read_until_broken()
    until(lambda: f'"{path}" from {origin.url} failed after 0 retries and ' in gate.log, "logged")
    origin.check()


def test_broken_off_before_the_viewer_has_the_head(pair):
    """Then there still is an answer for it."""
    gate, origin = pair
    path = "/bad/at-once.ts"
    origin.script(rx("GET", path), raw(head_bytes(200, {"content_length": N}) + BODY[:HALF]), close())
    try:
        gate.viewer().is_refused(path, "origin_broke")
    except Closed:
        pass  # it had left already
    is_served_well_now(gate, origin, path)
    origin.check()


@pytest.mark.parametrize("late", [False, True])
def test_more_than_its_length(pair, late):
    """Whole to the last byte that was promised; what comes behind it must not become the next one's answer."""
    gate, origin = pair
    path, forged = f"/bad/more-{late}.ts", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    hold, sent = origin.barrier(), origin.barrier()
    sent.open()
    origin.script(rx("GET", path), tx(200, BODY), *([hold] if late else []), raw(forged), sent, gone())
    assert gate.viewer().gets(path).body == BODY
    hold.open()
    sent.wait_reached()
    other = f"/bad/more-{late}-other.ts"
    origin.script(rx("GET", other), tx(200, b"right"))
    assert gate.viewer().gets(other).body == b"right"
    origin.check()


@pytest.mark.parametrize("answer", [
    tx(206, BODY[:100], content_range=f"bytes 0-99/{N}", cache_control="no-store"),
    tx(206, BODY[10:20], content_range=f"bytes 10-20/{N}", cache_control="no-store"),
    tx(206, BODY[10:21], content_range=f"bytes 10-20/{N}", cache_control="no-store"),
    tx(206, BODY[10:20], content_range="bytes 10-19/5", cache_control="no-store"),
    tx(206, BODY[10:20], cache_control="no-store"),
    tx(206, b"--x\r\n", content_type="multipart/byteranges; boundary=x", cache_control="no-store"),
], ids=["from the start", "wrong length", "one more", "beyond its end", "without bounds", "multipart"])
def test_206_with_other_bounds(table, answer):
    gate, origin, path = table
    origin.script(rx("GET", path), tx(200, BODY, cache_control="no-store"))
    gate.viewer().gets(path)
    origin.script(rx("GET", path, range="bytes=10-19"), answer)
    gate.viewer().is_refused(path, "origin_bad", fields={"Range": "bytes=10-19"})
    origin.script(rx("GET", path, range="bytes=10-19"),
                  tx(206, BODY[10:20], content_range=f"bytes 10-19/{N}", cache_control="no-store"))
    assert gate.viewer().gets(path, {"Range": "bytes=10-19"}, status=206).body == BODY[10:20]
    gate.wait_all_given_back()


def test_200_to_a_range_that_is_passed_through(pair):
    """The whole is a right answer to any Range (RFC 9110 14.2)."""
    gate, origin = pair
    path = "/bad/ignores-range.ts"
    for _ in range(2):
        origin.script(rx("GET", path), tx(200, BODY, cache_control="no-store"))
        response = gate.viewer().get(path, {"Range": "bytes=10-19"} if origin.count(path) else {})
        assert (response.status, response.body) == (200, BODY)
    origin.check()


def test_416_is_passed_on(pair):
    gate, origin = pair
    path = "/bad/416.ts"
    origin.script(rx("GET", path), tx(200, BODY, cache_control="no-store"))
    gate.viewer().gets(path)
    origin.script(rx("GET", path, range="bytes=900000-"), tx(416, content_range=f"bytes */{N}"))
    response = gate.viewer().is_refused(path, "bad_range", fields={"Range": "bytes=900000-"})
    assert response["Content-Range"] == f"bytes */{N}"


def test_redirects_inside_are_followed(make_gate, make_origin):
    first, second = make_origin(), make_origin()
    gate = make_gate(access=OPEN, workers=1, origins=[http_origin(first, second, balance="hash")])
    asked = []

    def program(origin, other):
        def answer(request):
            asked.append(request.path)
            absolute = f"{other.url}/b/two.ts"
            return {"/a/one.ts": tx(302, location=absolute), "/b/two.ts": tx(301, location="three.ts?x=1"),
                    "/b/three.ts": tx(307, location="/c/four.ts"), "/c/four.ts": tx(200, BODY)}[request.path]

        return answer

    first.routes(program(first, second))
    second.routes(program(second, first))
    assert gate.viewer().gets("/a/one.ts").body == BODY
    assert asked == ["/a/one.ts", "/b/two.ts", "/b/three.ts", "/c/four.ts"]
    assert gate.viewer().gets("/a/one.ts").body == BODY and len(asked) == 4


def test_redirects_have_an_end(pair):
    gate, origin = pair
    origin.routes(lambda request: tx(302, location=f"{request.path}x"))
    gate.viewer().is_refused("/bad/round.ts", "origin_bad")
    origin.routes(None)
    assert origin.asked("/bad/round.tsxxxxx") and not origin.asked("/bad/round.tsxxxxxx")


def test_nobody_listens(make_gate, make_origin):
    origin = make_origin()
    gate = make_gate(access=OPEN, origins=[http_origin(origin, **IMPATIENT | {"retries": 2, "retry_pause": "10ms"})])
    origin.stop()
    gate.viewer().is_refused("/a/x.ts", "origin_down")
    until(lambda: 'origin_down: GET "/a/x.ts", status 502' in gate.log, "logged")
    assert "failed after 2 retries and 0 resumptions: " in gate.log
    origin.start().script(rx("GET", "/a/x.ts"), tx(200, BODY))
    assert gate.viewer().gets("/a/x.ts").body == BODY


def test_no_such_name(make_gate):
    gate = make_gate(access=OPEN, origins=[http_origin("http://no-such-name.invalid", **IMPATIENT)])
    gate.viewer().is_refused("/a/x.ts", "origin_down")


def test_no_such_socket(make_gate, tmp_path):
    gate = make_gate(access=OPEN, origins=[http_origin(f"unix:{tmp_path}/none.sock", **IMPATIENT)])
    gate.viewer().is_refused("/a/x.ts", "origin_down")


def test_never_accepts(make_gate, make_origin):
    """Its queue is full, so nobody even gets a connection."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for s in fillers:
            s.setblocking(False)
            s.connect_ex(deaf.getsockname())
        gate = make_gate(access=OPEN, origins=[
            http_origin(f"http://127.0.0.1:{deaf.getsockname()[1]}", **IMPATIENT | {"connect_timeout": "300ms"})])
        gate.viewer().is_refused("/a/x.ts", "origin_timeout")
        for s in fillers:
            s.close()


@pytest.mark.multiworker
def test_a_stuck_origin_does_not_hold_up_another(make_gate, make_origin):
    stuck, well = make_origin(), make_origin().routes(lambda request: tx(200, BODY))
    hold = stuck.barrier()
    stuck.routes(lambda request: [hold, tx(200, BODY)])
    gate = make_gate(access=OPEN, workers=2, origins=[http_origin(stuck, prefix="/stuck/"), http_origin(well, prefix="/well/")])
    waiting = [gate.viewer().start(f"/stuck/{i}.ts") for i in range(30)]
    gate.wait_gauge("fetches", 30)
    for i in range(50):
        assert gate.viewer().gets(f"/well/{i}.ts").body == BODY
    hold.open()
    for c in waiting:
        with c:
            assert c.read().body == BODY


class TestPlaylists:
    """They are needed whole before a word of them is sent: a failure is an answer, never a cut."""

    PATH = "/v/2026-01-02/movie1/hd/index.m3u8"
    TEXT = media("#EXTINF:6,\ns0.ts\n" * 100).encode()

    @pytest.mark.parametrize("steps, word", [
        ((head(200, content_length=len(TEXT)), data(TEXT[:100]), close()), "origin_broke"),
        ((head(200, content_length=len(TEXT)), data(TEXT[:100]), stall()), "origin_broke"),
        ((head(200, transfer_encoding="chunked"), chunk(TEXT), close()), "origin_broke"),
        ((tx(404),), "not_found"), ((tx(500),), "origin_error"), ((stall(),), "origin_timeout"),
        ((tx(200, TEXT, content_encoding="gzip"),), "origin_bad"),
    ], ids=["short", "stalls", "no last chunk", "404", "500", "silence", "gzip"])
    def test_failures(self, make_gate, origin, steps, word):
        gate = make_gate(access=OPEN, origins=[http_origin(origin, **IMPATIENT)])
        origin.script(rx("GET", self.PATH), *steps)
        gate.viewer().is_refused(self.PATH, word)

    def test_not_hls_is_passed_through(self, make_gate, origin):
        gate = make_gate(access=OPEN, origins=[http_origin(origin)])
        origin.script(rx("GET", self.PATH), tx(200, b"<html>not a playlist"))
        assert gate.viewer().gets(self.PATH).body == b"<html>not a playlist"

    def test_endless_one(self, make_gate, origin):
        gate = make_gate(access=OPEN, origins=[http_origin(origin)], playlist={"max_size": "64KiB"})
        origin.script(rx("GET", self.PATH), head(200), raw(b"#EXTM3U\n"), pour(b"#" * 1000 + b"\n"))
        gate.viewer().is_refused(self.PATH, "playlist_too_large")
