"""What is kept, for how long, and what is done when that is over (RFC 9111, RFC 5861)."""
import concurrent.futures
import time
from email.utils import formatdate

import pytest

from support.gate import http_origin
from support.http import Closed
from support.origin import chunk, close, folder, head, last_chunk, rx, tx
from support.signing import sign
from support.streams import bytes_of, media
from support.wait import until

BASE = "/v/2026-01-02/movie1"
SEGMENT = f"{BASE}/hd/s0.ts"
PLAYLIST = f"{BASE}/hd/index.m3u8"
OPEN = {"policy": {"segment": [], "playlist": []}}
DEAD = {"retries": 0, "connect_timeout": "500ms"}


@pytest.fixture
def start(make_gate, origin):
    """A daemon in front of the scripted origin; keywords are its cache's."""
    def start(http=(), **cache):
        return make_gate(access=OPEN, origins=[http_origin(origin, **dict(http))], cache={"header": True, **cache}).viewer()

    return start


def numbered(origin, **fields):
    """Answers 1, 2, 3, ... without a validator; fields are the origin's."""
    origin.routes(lambda request: tx(200, str(origin.count()).encode(), **fields))


def word(viewer, target=SEGMENT, status=200, fields=()):
    return viewer.gets(target, fields, status)["X-Cache"]


def is_asked_again(viewer, origin, target=SEGMENT, deadline=5):
    """How long after its last request the origin has the next one, with a viewer who asks all the time."""
    before = origin.count()
    until(lambda: viewer.get(target) and origin.count() > before, "the origin is asked again", deadline=deadline)
    return origin.asked()[before].at - origin.asked()[before - 1].at


class TestLifetime:
    def test_as_the_origin_says(self, start, origin):
        """Two seconds, in all the ways there are to say so."""
        def expires(request):
            now = time.time()
            return {"date": formatdate(now, usegmt=True), "expires": formatdate(now + 2, usegmt=True)}

        ways = {"/a/max-age.ts": lambda r: {"cache_control": "max-age=2"},
                "/a/s-maxage.ts": lambda r: {"cache_control": "s-maxage=2, max-age=100"},
                "/a/age.ts": lambda r: {"cache_control": "public, max-age=100", "age": "98"},
                "/a/expires.ts": expires}
        origin.routes(lambda request: tx(200, str(origin.count(request.path)).encode(), **ways[request.path](request)))
        viewer = start()
        for path in ways:
            assert [word(viewer, path) for _ in range(3)] == ["MISS", "HIT", "HIT"], path
        until(lambda: all([viewer.gets(path).body == b"2" for path in ways]), "all are asked for again")
        for path in ways:
            first, second = [r.at for r in origin.asked(path)]
            assert 0.9 < second - first < 4, path

    def test_as_configured_when_it_says_nothing(self, start, origin):
        numbered(origin)
        viewer = start(ttl="1s", stale_if_error="0s")
        assert [word(viewer) for _ in range(2)] == ["MISS", "HIT"]
        assert 0.9 < is_asked_again(viewer, origin) < 4

    @pytest.mark.parametrize("fields", [{"cache_control": "no-cache"}, {"cache_control": "max-age=0"}, {"expires": "0"}])
    def test_none_at_all(self, start, origin, fields):
        numbered(origin, **fields)
        viewer = start()
        assert [viewer.gets(SEGMENT).body for _ in range(3)] == [b"1", b"2", b"3"]

    def test_viewers_do_not_decide(self, start, origin):
        numbered(origin)
        viewer = start()
        for value in ("no-cache", "no-store", "max-age=0"):
            assert viewer.gets(SEGMENT, {"Cache-Control": value, "Pragma": "no-cache"}).body == b"1"


class TestRevalidation:
    def test_by_etag(self, start, origin):
        viewer = start()
        origin.script(rx("GET", SEGMENT, absent=["If-None-Match"]), tx(200, b"content", etag='"a"', cache_control="no-cache"))
        origin.script(rx("GET", SEGMENT, if_none_match='"a"'), head(304, etag='"a"', cache_control="max-age=100"))
        assert viewer.gets(SEGMENT).body == b"content"
        assert viewer.gets(SEGMENT).body == b"content"
        assert word(viewer) == "HIT" and viewer.gate.counters()["fetches_revalidated"] == 1

    def test_by_date(self, start, origin):
        viewer = start()
        date = "Sun, 01 Dec 2024 10:00:00 GMT"
        origin.script(rx("GET", SEGMENT), tx(200, b"content", last_modified=date, cache_control="no-cache"))
        origin.script(rx("GET", SEGMENT, if_modified_since=date), head(304, cache_control="max-age=100"))
        assert viewer.gets(SEGMENT).body == viewer.gets(SEGMENT).body == b"content"
        assert word(viewer) == "HIT"

    def test_of_what_has_changed(self, start, origin):
        viewer = start()
        origin.script(rx("GET", SEGMENT), tx(200, b"old", etag='"a"', cache_control="no-cache"))
        origin.script(rx("GET", SEGMENT, if_none_match='"a"'), tx(200, b"new", etag='"b"'))
        assert [viewer.gets(SEGMENT).body for _ in range(3)] == [b"old", b"new", b"new"]

    def test_of_something_else_is_asked_for_anew(self, start, origin):
        """RFC 9111 4.3.4: a 304 about another version says nothing of ours."""
        viewer = start()
        origin.script(rx("GET", SEGMENT), tx(200, b"old", etag='"a"', cache_control="no-cache"))
        origin.script(rx("GET", SEGMENT, if_none_match='"a"'), head(304, etag='"b"'))
        origin.script(rx("GET", SEGMENT, absent=["If-None-Match"]), tx(200, b"new", etag='"b"'))
        assert [viewer.gets(SEGMENT).body for _ in range(3)] == [b"old", b"new", b"new"]

    def test_of_what_is_gone(self, start, origin):
        viewer = start()
        origin.script(rx("GET", SEGMENT), tx(200, b"old", etag='"a"', cache_control="no-cache"))
        origin.script(rx("GET", SEGMENT), tx(404))
        assert viewer.gets(SEGMENT).body == b"old"
        viewer.is_refused(SEGMENT, "not_found")

    @pytest.mark.multiworker
    def test_is_one_for_all(self, start, origin):
        viewer = start()
        origin.script(rx("GET", SEGMENT), tx(200, b"content", etag='"a"', cache_control="no-cache"))
        viewer.gets(SEGMENT)
        hold = origin.barrier()
        origin.script(rx("GET", SEGMENT, if_none_match='"a"'), hold, head(304, cache_control="no-cache"))
        waiting = [viewer.start(SEGMENT) for _ in range(10)]
        viewer.gate.wait_gauge("requests", 11)
        hold.open()
        for c in waiting:
            with c:
                assert c.read().body == b"content"
        assert origin.count() == 2

    def test_a_viewer_s_copy_is_judged_by_ours(self, start, origin):
        viewer = start()
        origin.script(rx("GET", SEGMENT, absent=["If-None-Match"]), tx(200, b"content", etag='"a"'))
        assert viewer.get(SEGMENT, {"If-None-Match": '"a"'}).status == 304
        assert viewer.get(SEGMENT, {"If-None-Match": '"b"'}).status == 200


class TestStale:
    def test_while_it_is_revalidated(self, start, origin):
        viewer = start()
        origin.script(rx("GET", SEGMENT), tx(200, b"old", etag='"a"', cache_control="max-age=0, stale-while-revalidate=60"))
        hold = origin.barrier()
        origin.script(rx("GET", SEGMENT, if_none_match='"a"'), hold, tx(200, b"new", etag='"b"'))
        assert viewer.gets(SEGMENT).body == b"old"
        for _ in range(5):
            response = viewer.gets(SEGMENT)
            assert response.body == b"old" and response["X-Cache"] == "STALE"
        hold.open()
        until(lambda: viewer.gets(SEGMENT).body == b"new", "the new one")
        assert origin.count() == 2

    @pytest.mark.parametrize("answer", ["dead", 500, 503, "garbage"])
    def test_if_the_origin_fails(self, start, origin, answer):
        viewer = start(http=DEAD)
        origin.script(rx("GET", SEGMENT), tx(200, b"content", cache_control="max-age=0, stale-if-error=60"))
        viewer.gets(SEGMENT)
        if answer == "dead":
            origin.stop()
        elif answer == "garbage":
            origin.script(rx("GET", SEGMENT), lambda peer: peer.send(b"\r\nwhat?\r\n\r\n"), close())
        else:
            origin.script(rx("GET", SEGMENT), tx(answer))
        response = viewer.gets(SEGMENT)
        assert response.body == b"content" and response["X-Cache"] == "STALE"

    def test_as_configured_when_the_origin_does_not_say(self, start, origin):
        viewer = start(http=DEAD, ttl="0s")
        origin.script(rx("GET", SEGMENT), tx(200, b"content"))
        viewer.gets(SEGMENT)
        origin.stop()
        assert word(viewer) == "STALE"

    @pytest.mark.parametrize("policy, configured", [
        ("max-age=0, must-revalidate", "1m"), ("no-cache", "1m"), ("s-maxage=0", "1m"), ("max-age=0, proxy-revalidate", "1m"),
        ("max-age=0, stale-if-error=0", "0s"), ("max-age=0, stale-if-error=0, stale-while-revalidate=0", "1m"),
    ])
    def test_not_when_the_origin_forbids(self, start, origin, policy, configured):
        viewer = start(http=DEAD, stale_while_revalidate=configured)
        origin.script(rx("GET", SEGMENT), tx(200, b"content", cache_control=policy))
        viewer.gets(SEGMENT)
        origin.stop()
        viewer.is_refused(SEGMENT, "origin_down")

    def test_a_dead_origin_is_not_waited_for_again_and_again(self, start, origin):
        """One try a second, not one for each viewer."""
        viewer = start(http={"retries": 0, "first_byte_timeout": "300ms"}, ttl="0s")
        origin.script(rx("GET", SEGMENT), tx(200, b"content"))
        viewer.gets(SEGMENT)
        origin.routes(lambda request: lambda peer: peer.wait_gone())
        began = time.monotonic()
        for _ in range(50):
            assert viewer.gets(SEGMENT).body == b"content"
        assert origin.count() <= 3 + (time.monotonic() - began)


class TestNegative:
    @pytest.mark.parametrize("status, outcome", [(404, "not_found"), (410, "not_found"), (403, "forbidden_file")])
    def test_is_remembered_for_a_moment(self, start, origin, status, outcome):
        viewer = start()
        origin.script(rx("GET", SEGMENT), tx(status, b"an error page"))
        for _ in range(5):
            response = viewer.is_refused(SEGMENT, outcome)
            assert b"error page" not in response.body
        assert origin.count() == 1
        origin.routes(lambda request: tx(200, b"there now"))
        until(lambda: viewer.get(SEGMENT).status == 200, "there now", deadline=5)

    def test_not_when_configured_so(self, start, origin):
        viewer = start(negative_ttl="0s")
        origin.routes(lambda request: tx(404))
        for n in range(1, 4):
            viewer.is_refused(SEGMENT, "not_found")
            assert origin.count() == n

    def test_failures_are_not_remembered(self, start, origin):
        viewer = start(http=DEAD)
        origin.script(rx("GET", SEGMENT), tx(500))
        viewer.is_refused(SEGMENT, "origin_error")
        origin.script(rx("GET", SEGMENT), tx(200, b"content"))
        assert viewer.gets(SEGMENT).body == b"content"


class TestPlaylists:
    LIVE = media("#EXTINF:2,\ns{}.ts\n").replace("TARGETDURATION:6", "TARGETDURATION:{}")

    def live(self, origin, target_duration=2):
        origin.routes(lambda request: tx(
            200, self.LIVE.format(target_duration, origin.count()).encode(), cache_control="max-age=100"))

    def test_live_is_fresh_for_half_its_target_duration(self, start, origin):
        self.live(origin)
        viewer = start()
        assert [word(viewer, PLAYLIST) for _ in range(3)] == ["MISS", "HIT", "HIT"]
        assert 0.9 < is_asked_again(viewer, origin, PLAYLIST) < 2
        assert "s2.ts" in viewer.gets(PLAYLIST).text

    def test_of_a_film_is_fresh_like_anything_else(self, start, origin):
        origin.script(rx("GET", PLAYLIST), tx(200, media("#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n").replace(":6", ":1").encode()))
        viewer = start()
        viewer.gets(PLAYLIST)
        end = time.monotonic() + 1.5
        until(lambda: viewer.gets(PLAYLIST) and time.monotonic() > end)

    def test_live_outlives_its_origin_for_a_little(self, start, origin):
        self.live(origin, 1)
        viewer = start(http=DEAD)
        viewer.gets(PLAYLIST)
        origin.stop()
        answers = []
        until(lambda: answers.append(viewer.get(PLAYLIST)) or answers[-1].status == 502, "gone at last", deadline=8)
        assert "STALE" in {answer.get("X-Cache") for answer in answers}

    def test_blocking_reloads_are_kept_apart_and_joined(self, start, origin):
        viewer = start()
        hold = origin.barrier()
        for msn in (7, 8):
            origin.script(rx("GET", f"{PLAYLIST}?_HLS_msn={msn}"), hold, tx(200, self.LIVE.format(4, msn).encode()))
        waiting = {n: viewer.start(f"{PLAYLIST}?_HLS_msn={7 + n % 2}") for n in range(6)}
        viewer.gate.wait_gauge("requests", 7)
        hold.open()
        for n, c in waiting.items():
            with c:
                assert f"s{7 + n % 2}.ts" in c.read().text
        assert origin.count() == 2

    def test_blocking_reloads_are_never_stale(self, start, origin):
        viewer = start(http=DEAD, ttl="0s", stale_while_revalidate="1m")
        target = f"{PLAYLIST}?_HLS_msn=7&_HLS_part=1"
        origin.script(rx("GET", target), tx(200, self.LIVE.format(4, 7).encode(),
                                            cache_control="max-age=0, stale-while-revalidate=60, stale-if-error=60"))
        viewer.gets(target)
        origin.stop()
        viewer.is_refused(target, "origin_down")

    def test_over_the_limit(self, start, make_gate, origin):
        gate = make_gate(access=OPEN, origins=[http_origin(origin)], playlist={"max_size": "1KiB"})
        text = b"#EXTM3U\n" + b"#" * 2000
        origin.script(rx("GET", PLAYLIST), head(200, content_length=len(text)), lambda peer: peer.wait_gone())
        gate.viewer().is_refused(PLAYLIST, "playlist_too_large")

    def test_stats(self, start, origin):
        self.live(origin, 60)
        viewer = start()
        for _ in range(4):
            viewer.gets(PLAYLIST)
        viewer.gets(f"{PLAYLIST}?v=2")
        stats = viewer.gate.api("GET", "/api/m3u8-cache-stats", key="viewer").json
        assert (stats["hits"], stats["misses"]) == (3, 2)
        assert viewer.gate.api("GET", "/api/m3u8-cache-stats", key=None).status == 401


class TestKeys:
    def test_are_never_kept(self, make_gate, make_origin, streams):
        origin = make_origin().routes(folder(streams, cache_control="max-age=1000"))
        gate = make_gate(origins=[http_origin(origin)], cache={"header": True})
        v = gate.admitted()
        key = f"{BASE}/hd/enc.key"
        for _ in range(3):
            response = v.gets(sign(key))
            assert response["X-Cache"] == "BYPASS" and response.body == streams.read(key)
        assert origin.count(key) == 3 and gate.cache()["entries"] == 0


class TestRanges:
    BODY = bytes_of("body", 100_000)

    @pytest.mark.parametrize("asked, first, last", [
        ("bytes=0-0", 0, 0), ("bytes=500-", 500, 99_999), ("bytes=-5", 99_995, 99_999), ("bytes=99990-200000", 99_990, 99_999),
    ])
    def test_out_of_what_is_kept(self, start, origin, asked, first, last):
        origin.script(rx("GET", SEGMENT, absent=["Range"]), tx(200, self.BODY, etag='"a"'))
        viewer = start()
        for expected in ("MISS", "HIT"):
            response = viewer.gets(SEGMENT, {"Range": asked}, status=206)
            assert response.body == self.BODY[first:last + 1] and response["X-Cache"] == expected
            assert response["Content-Range"] == f"bytes {first}-{last}/100000"

    def test_if_range(self, start, origin):
        origin.script(rx("GET", SEGMENT), tx(200, self.BODY, etag='"a"'))
        viewer = start()
        assert viewer.get(SEGMENT, {"Range": "bytes=0-9", "If-Range": '"a"'}).status == 206
        assert viewer.get(SEGMENT, {"Range": "bytes=0-9", "If-Range": '"b"'}).status == 200
        assert viewer.is_refused(SEGMENT, "bad_range", fields={"Range": "bytes=100000-"})["Content-Range"] == "bytes */100000"


class TestTooLarge:
    """What is over cache.max_object passes through, and Range goes on to the origin."""

    SIZE = 300_000
    BODY = bytes_of("large", SIZE)

    @pytest.fixture
    def viewer(self, start, origin, streams):
        streams.write(SEGMENT, self.BODY)
        origin.routes(folder(streams))
        return start(max_object="64KiB")

    def test_passes_each_time(self, viewer, origin):
        for n in range(1, 4):
            response = viewer.gets(SEGMENT)
            assert response.body == self.BODY and response["X-Cache"] == "BYPASS"
            assert origin.count() == n
        assert viewer.gate.cache()["bytes"] < self.SIZE

    def test_range(self, viewer, origin):
        viewer.gets(SEGMENT)
        response = viewer.gets(SEGMENT, {"Range": "bytes=1000-1999"}, status=206)
        assert response.body == self.BODY[1000:2000] and response["Content-Range"] == f"bytes 1000-1999/{self.SIZE}"
        assert origin.asked()[-1].get("Range") == "bytes=1000-1999"

    def test_range_that_comes_first(self, viewer, origin):
        response = viewer.gets(SEGMENT, {"Range": "bytes=1000-1999"}, status=206)
        assert response.body == self.BODY[1000:2000]

    def test_conditions_are_the_origin_s_to_judge(self, viewer, origin):
        etag = viewer.gets(SEGMENT)["ETag"]
        assert viewer.get(SEGMENT, {"If-None-Match": etag}).status == 304
        part = viewer.get(SEGMENT, {"Range": "bytes=5-9", "If-Range": etag})
        assert (part.status, part.body) == (206, self.BODY[5:10])
        whole = viewer.get(SEGMENT, {"Range": "bytes=5-9", "If-Range": '"other"'})
        assert (whole.status, whole.body) == (200, self.BODY)

    def test_head(self, viewer, origin):
        response = viewer.ask("HEAD", SEGMENT)
        assert int(response["Content-Length"]) == self.SIZE
        assert origin.asked()[-1].method == "HEAD"

    def test_growing_beyond_it_unannounced(self, start, origin):
        """Nobody can tell beforehand: whoever is being fed is cut off, the next one gets it passed."""
        viewer = start(max_object="64KiB")
        hold = origin.barrier()
        origin.routes(lambda request: [head(200, transfer_encoding="chunked"), chunk(self.BODY[:1000]), hold,
                                       chunk(self.BODY[1000:]), last_chunk()], may_leave=True)
        with viewer.start(SEGMENT) as c:
            c.read_head()
            hold.open()
            with pytest.raises((Closed, ConnectionResetError)):
                c.read_content()
        with viewer.start(SEGMENT) as c:
            assert c.read_head()["X-Cache"] == "BYPASS" and c.read_content() == self.BODY


class TestMemory:
    @pytest.mark.multiworker
    def test_limit_holds_and_all_is_right(self, start, origin):
        origin.routes(lambda request: tx(200, bytes_of(request.path, 60_000)))
        viewer = start(memory="1MiB")
        paths = [f"/a/{i}.ts" for i in range(60)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for path, response in zip(paths * 2, pool.map(viewer.gets, paths * 2)):
                assert response.body == bytes_of(path, 60_000)
        cache = viewer.gate.cache()
        assert cache["bytes"] <= cache["limit"] == 1 << 20 and cache["evictions"] > 40

    def test_popular_ones_stay(self, start, origin):
        origin.routes(lambda request: tx(200, bytes_of(request.path, 60_000)))
        viewer = start(memory="1MiB")
        for i in range(100):
            viewer.gets("/a/popular.ts")
            viewer.gets(f"/a/{i}.ts")
        assert origin.count("/a/popular.ts") <= 18  # there are 16 shards, each with hardly room for more than itself

    @pytest.mark.multiworker
    def test_more_on_its_way_than_there_is_room_for(self, start, origin):
        """Whoever finds no room is passed through."""
        hold = origin.barrier()
        origin.routes(lambda request: [head(200, content_length=400_000), hold,
                                       lambda peer: peer.send(bytes_of(request.path, 400_000))])
        viewer = start(memory="1MiB")
        waiting = {f"/a/{i}.ts": viewer.start(f"/a/{i}.ts") for i in range(8)}
        words = [c.read_head()["X-Cache"] for c in waiting.values()]
        assert "BYPASS" in words
        hold.open()
        for path, c in waiting.items():
            with c:
                assert c.read_content(400_000) == bytes_of(path, 400_000)
