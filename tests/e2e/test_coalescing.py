"""Many viewers, one fetch: who comes is fed with what is there, who leaves takes nothing from the others."""
import ssl

import pytest

from support.gate import ELSEWHERE, http_origin
from support.http import Closed
from support.origin import chunk, data, gone, head, last_chunk, rx, tx
from support.signing import sign
from support.streams import bytes_of, media
from support.wait import until

SEGMENT = "/v/2026-01-02/movie1/hd/s0.ts"
PLAYLIST = "/v/2026-01-02/movie1/hd/index.m3u8"
OPEN = {"policy": {"segment": [], "playlist": []}}
SIZE = 1_000_000
BODY = bytes_of("body", SIZE)
CUT = 300_000  # where the origin halts


@pytest.fixture
def gate(make_gate, origin):
    return make_gate(access=OPEN, workers=2, origins=[http_origin(origin)], cache={"header": True})


def halting(origin, cut=CUT, **fields):
    """A script that sends the first `cut` bytes and then waits: the barrier."""
    hold = origin.barrier()
    origin.script(rx("GET", SEGMENT), head(200, content_length=SIZE, **fields), data(BODY[:cut]), hold, data(BODY[cut:]))
    return hold


def begin(gate, fields=(), **viewer):
    """A viewer who has the head of the answer."""
    c = gate.viewer(**viewer).start(SEGMENT, fields)
    return c, c.read_head()


def finish(c, n):
    with c:
        return c.read_content(n)


@pytest.mark.multiworker
class TestJoin:
    @pytest.mark.parametrize("viewers", [2, 50])
    def test_before_there_is_anything(self, gate, origin, viewers):
        hold = origin.barrier()
        origin.script(rx("GET", SEGMENT), hold, tx(200, BODY))
        waiting = [gate.viewer(ip=f"127.0.{i + 1}.5", ua=f"Player/{i}").start(SEGMENT) for i in range(viewers)]
        gate.wait_gauge("requests", viewers + 1)
        assert gate.gauges()["fetches"] == 1
        hold.open()
        words = []
        for c in waiting:
            with c:
                response = c.read()
                assert response.body == BODY
                words.append(response["X-Cache"])
        assert sorted(words) == ["JOIN"] * (viewers - 1) + ["MISS"]
        assert gate.viewer().gets(SEGMENT)["X-Cache"] == "HIT"
        assert origin.count() == 1

    def test_first_bytes_come_to_all_before_the_last_are_sent(self, gate, origin):
        hold = halting(origin)
        watching = [begin(gate, ua=f"Player/{i}")[0] for i in range(20)]
        for c in watching:
            assert c.read_content(CUT) == BODY[:CUT]
        assert not hold.is_open.is_set()
        hold.open()
        assert all(finish(c, SIZE - CUT) == BODY[CUT:] for c in watching)

    def test_in_mid_body_from_the_first_byte_on(self, gate, origin):
        hold = halting(origin)
        first, response = begin(gate)
        assert response["X-Cache"] == "MISS" and int(response["Content-Length"]) == SIZE
        first.read_content(CUT)
        late, response = begin(gate, ip=ELSEWHERE)
        assert response["X-Cache"] == "JOIN" and late.read_content(CUT) == BODY[:CUT]
        hold.open()
        assert finish(first, SIZE - CUT) == finish(late, SIZE - CUT) == BODY[CUT:]

    @pytest.mark.parametrize("first, last", [(0, 99), (CUT - 10, CUT - 1), (CUT - 10, CUT + 10), (SIZE - 5, SIZE - 1)])
    def test_ranges_out_of_what_is_arriving(self, gate, origin, first, last):
        hold = halting(origin, etag='"1"')
        begin_all, _ = begin(gate)
        begin_all.read_content(CUT)
        c, response = begin(gate, {"Range": f"bytes={first}-{last}"})
        assert response.status == 206 and response["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
        there = max(0, min(last + 1, CUT) - first)
        assert c.read_content(there) == BODY[first:first + there]
        hold.open()
        assert finish(c, last + 1 - first - there) == BODY[first + there:last + 1]
        assert finish(begin_all, SIZE - CUT) == BODY[CUT:]

    def test_a_range_that_comes_first_fetches_the_whole_for_all(self, gate, origin):
        hold = halting(origin)
        c, response = begin(gate, {"Range": "bytes=-1000"})
        assert response.status == 206
        other, _ = begin(gate)
        assert other.read_content(CUT) == BODY[:CUT]
        hold.open()
        assert finish(c, 1000) == BODY[-1000:]
        assert finish(other, SIZE - CUT) == BODY[CUT:]

    def test_conditions_are_judged_on_arrival(self, gate, origin):
        hold = halting(origin, etag='"1"')
        c, _ = begin(gate)
        assert gate.viewer().get(SEGMENT, {"If-None-Match": '"1"'}).status == 304
        assert gate.viewer().get(SEGMENT, {"Range": f"bytes={SIZE}-"}).status == 416
        hold.open()
        assert finish(c, SIZE) == BODY

    def test_playlist_of_two_viewers_with_tokens_of_their_own(self, make_gate, origin):
        gate = make_gate(origins=[http_origin(origin)])
        viewers = [gate.viewer(ua=f"Player/{i}") for i in range(2)]
        for i, v in enumerate(viewers):
            gate.grant(v, uid=f"u{i}", path=PLAYLIST)
        hold = origin.barrier()
        origin.script(rx("GET", PLAYLIST), hold, tx(200, media("#EXTINF:6,\ns0.ts\n#EXT-X-ENDLIST\n").encode()))
        waiting = [v.start(sign(PLAYLIST, uid=f"u{i}")) for i, v in enumerate(viewers)]
        gate.wait_gauge("requests", 3)
        hold.open()
        texts = []
        for c in waiting:
            with c:
                texts.append(c.read().text)
        assert "uid=u0&" in texts[0] and "uid=u1&" in texts[1] and origin.count() == 1


@pytest.mark.multiworker
class TestLeaving:
    def test_one_leaves_the_others_stay(self, gate, origin):
        hold = halting(origin)
        leaver, _ = begin(gate)
        stayer, _ = begin(gate)
        leaver.close()
        until(lambda: gate.count_of("client_left") == 1, "the leaver is noticed")
        hold.open()
        assert finish(stayer, SIZE) == BODY

    def test_who_began_leaves_before_the_head(self, gate, origin):
        hold = origin.barrier()
        origin.script(rx("GET", SEGMENT), hold, tx(200, BODY))
        first = gate.viewer().start(SEGMENT)
        hold.wait_reached()
        second = gate.viewer().start(SEGMENT)
        gate.wait_gauge("requests", 3)
        first.close()
        gate.wait_gauge("requests", 2)
        hold.open()
        with second:
            assert second.read().body == BODY

    def test_the_last_one_leaves_before_the_head(self, gate, origin):
        hold = origin.barrier()
        origin.script(rx("GET", SEGMENT), hold, gone())
        c = gate.viewer().start(SEGMENT)
        hold.wait_reached()
        c.close()
        hold.open()
        gate.wait_gauge("fetches", 0)

    def test_the_last_one_leaves_with_little_there(self, gate, origin):
        origin.script(rx("GET", SEGMENT), head(200, content_length=SIZE), data(BODY[:CUT]), gone())
        for c in [begin(gate)[0] for _ in range(3)]:
            c.read_content(CUT)
            c.close()
        gate.wait_gauge("fetches", 0)
        origin.wait_played()
        origin.script(rx("GET", SEGMENT), tx(200, BODY))
        response = gate.viewer().gets(SEGMENT)
        assert response.body == BODY and response["X-Cache"] == "MISS"

    def test_the_last_one_leaves_with_most_of_it_there(self, gate, origin):
        hold = halting(origin, cut=SIZE * 3 // 4)
        c, _ = begin(gate)
        c.read_content(SIZE * 3 // 4)
        c.close()
        until(lambda: gate.count_of("client_left") == 1, "the leaver is noticed")
        hold.open()
        gate.wait_gauge("fetches", 0)
        response = gate.viewer().gets(SEGMENT)
        assert response.body == BODY and response["X-Cache"] == "HIT"
        assert origin.count() == 1

    def test_slow_one_does_not_hold_up_the_others(self, gate, origin):
        hold = halting(origin)
        slow = gate.viewer().start(SEGMENT, receive_buffer=8 << 10)
        slow.read_head()
        quick, _ = begin(gate)
        hold.open()
        assert finish(quick, SIZE) == BODY
        assert finish(slow, SIZE) == BODY


@pytest.mark.multiworker
class TestNotShared:
    """What the origin keeps for one viewer does not come to another."""

    @pytest.mark.parametrize("fields", [{"cache_control": "private"}, {"cache_control": "no-store"},
                                        {"vary": "User-Agent"}, {"vary": "*"}])
    def test_segment(self, gate, make_origin, origin, fields):
        hold = origin.barrier()
        origin.routes(lambda r: [hold, tx(200, r.get("User-Agent").encode(), **fields)])
        waiting = [gate.viewer(ua=f"Player/{i}").start(SEGMENT) for i in range(5)]
        gate.wait_gauge("requests", 6)
        hold.open()
        for i, c in enumerate(waiting):
            with c:
                response = c.read()
                assert response.body == f"Player/{i}".encode() and response["X-Cache"] == "BYPASS"
        assert gate.viewer(ua="Late/1").gets(SEGMENT).body == b"Late/1"
        assert origin.count() == 6

    def test_playlist(self, gate, origin):
        hold = origin.barrier()

        def program(request):
            text = media(f"#EXTINF:6,\n{request.get('User-Agent')}.ts\n#EXT-X-ENDLIST\n")
            return hold, tx(200, text.encode(), cache_control="private")

        origin.routes(program)
        waiting = [gate.viewer(ua=f"Player-{i}").start(PLAYLIST) for i in range(5)]
        gate.wait_gauge("requests", 6)
        hold.open()
        for i, c in enumerate(waiting):
            with c:
                assert f"\nPlayer-{i}.ts\n" in c.read().text
        assert "\nLate.ts\n" in gate.viewer(ua="Late").gets(PLAYLIST).text
        assert origin.count() == 6

    def test_variants_by_accept_encoding_are_one(self, gate, origin):
        origin.script(rx("GET", SEGMENT), tx(200, BODY, vary="Accept-Encoding"))
        for coding in ("gzip", "br", "identity"):
            assert gate.viewer().gets(SEGMENT, {"Accept-Encoding": coding}).body == BODY

    def test_queries_are_kept_apart(self, gate, origin):
        origin.routes(lambda request: tx(200, request.query.encode()))
        assert [gate.viewer().gets(f"{SEGMENT}?v={i}").body for i in (1, 2, 1)] == [b"v=1", b"v=2", b"v=1"]
        assert origin.count() == 2

    def test_credentials_and_analytics_are_not(self, gate, origin):
        origin.script(rx("GET", f"{SEGMENT}?v=1"), tx(200, BODY))
        for i in range(3):
            gate.viewer().gets(f"{SEGMENT}?uid=u{i}&v=1&expires={i}&token={i}&CMCD=sid%3D{i}")


@pytest.mark.multiworker
class TestLengthNotSaid:
    """Chunks in, out as they come: in chunks where the protocol has them."""

    def streamed(self, origin, *more, **fields):
        hold = origin.barrier()
        origin.script(rx("GET", SEGMENT), head(200, transfer_encoding="chunked", **fields), chunk(BODY[:1000]),
                      chunk(BODY[1000:CUT]), hold, *(more or (chunk(BODY[CUT:]), last_chunk())))
        return hold

    def test_arrives_as_it_comes(self, gate, origin):
        hold = self.streamed(origin)
        watching = [begin(gate) for _ in range(3)]
        for c, response in watching:
            assert not response.all("Content-Length")
            assert c.read_content(CUT) == BODY[:CUT]
        hold.open()
        for c, _ in watching:
            assert c.read_content() == BODY[CUT:]
        # The connection goes on, and what has landed has a length.
        c.request("GET", SEGMENT)
        response = c.read()
        assert response.body == BODY and response["X-Cache"] == "HIT"
        for c, _ in watching:
            c.close()

    @pytest.mark.h1_only
    def test_http_1_0_viewer_gets_it_until_the_end(self, gate, origin):
        hold = self.streamed(origin)
        with gate.viewer().connect() as c:
            c.send(f"GET {SEGMENT} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".encode())
            response = c.read_head()
            assert response.status == 200 and not response.all("Transfer-Encoding") + response.all("Content-Length")
            assert response["Connection"] == "close" and c.read_exactly(CUT) == BODY[:CUT]
            hold.open()
            assert c.read_to_end() == BODY[CUT:]

    @pytest.mark.h1_only
    def test_http_1_0_viewer_gets_a_known_length(self, gate, origin):
        origin.script(rx("GET", SEGMENT), tx(200, BODY))
        with gate.viewer().connect() as c:
            c.send(f"GET {SEGMENT} HTTP/1.0\r\n\r\n".encode())
            assert c.read().body == BODY and c.is_closed_by_peer()

    def test_until_the_origin_closes(self, gate, origin):
        hold = origin.barrier()
        origin.script(rx("GET", SEGMENT), head(200, connection="close"), data(BODY[:CUT]), hold, data(BODY[CUT:]),
                      lambda peer: peer.close())
        c, response = begin(gate)
        assert not response.all("Content-Length") and c.read_content(CUT) == BODY[:CUT]
        hold.open()
        with c:
            assert c.read_content() == BODY[CUT:]

    def test_breaks_off(self, gate, origin):
        """No last chunk: nobody takes it for the whole."""
        hold = self.streamed(origin, lambda peer: peer.close())
        watching = [begin(gate) for _ in range(3)]
        for c, _ in watching:
            c.read_content(CUT)
        hold.open()
        for c, _ in watching:
            with c, pytest.raises((Closed, ConnectionResetError)):
                c.read_content()
        until(lambda: gate.count_of("origin_broke") == 3, "all three broke")
        origin.script(rx("GET", SEGMENT), tx(200, BODY))
        assert gate.viewer().gets(SEGMENT).body == BODY

    @pytest.mark.h1_only
    def test_breaks_off_for_an_http_1_0_viewer(self, gate, origin):
        """There the end of the connection is the end of the body: an orderly one would say that it is whole."""
        hold = self.streamed(origin, lambda peer: peer.close())
        with gate.viewer().connect() as c:
            c.send(f"GET {SEGMENT} HTTP/1.0\r\n\r\n".encode())
            assert c.read_head().status == 200 and c.read_exactly(CUT) == BODY[:CUT]
            c.mind_how_it_ends()
            hold.open()
            with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
                c.read_to_end()
        until(lambda: gate.count_of("origin_broke") == 1, "it broke")

    def test_not_modified_while_it_arrives(self, gate, origin):
        """There is no body whose end would have to be marked: the connection goes on."""
        hold = self.streamed(origin, etag='"1"')
        c, _ = begin(gate)
        with c, gate.viewer().connect() as other:
            for _ in range(2):
                other.request("GET", SEGMENT, {"If-None-Match": '"1"'})
                response = other.read()
                assert response.status == 304 and not response.all("Connection")
            hold.open()
            assert c.read_content(CUT) + c.read_content() == BODY

    def test_range_waits_until_the_length_is_known(self, gate, origin):
        hold = self.streamed(origin)
        c = gate.viewer().start(SEGMENT, {"Range": "bytes=-10"})
        gate.wait_gauge("requests", 2)
        hold.open()
        with c:
            response = c.read()
        assert response.status == 206 and response.body == BODY[-10:]
