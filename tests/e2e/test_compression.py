"""gzip and brotli for playlists, JSON and text, for those who take them (RFC 9110 12.5.3); never for media."""
import concurrent.futures
import json
import subprocess

import pytest

from support import proto
from support.coding import coding_of, decoded
from support.gate import http_origin
from support.origin import chunk, folder, head, last_chunk, rx, tx
from support.players import through
from support.signing import sign
from support.streams import bytes_of, media
from support.wait import until

BASE = "/v/2026-01-02/movie1"
PLAYLIST = f"{BASE}/hd/index.m3u8"
TEXT = f"{BASE}/about.json"
WORDS = json.dumps({"words": [f"word number {i}" for i in range(500)]}).encode()
OPEN = {"policy": {"segment": [], "key": [], "static": [], "other": []}}
GZIP, BR = {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "br"}
BROWSER = {"Accept-Encoding": "gzip, deflate, br"}


def long_playlist(n=300):
    return media("".join(f"#EXTINF:6.0,\ns{i % 3}.ts\n" for i in range(n)) + "#EXT-X-ENDLIST\n")


@pytest.fixture
def viewer(make_gate, streams):
    v = make_gate(access=OPEN, workers=1).admitted()
    streams.write(PLAYLIST, long_playlist())
    streams.write(TEXT, WORDS)
    return v


@pytest.mark.parametrize("value, coding", [
    ("gzip", "gzip"), ("br", "br"), ("gzip, deflate, br", "br"), ("gzip;q=1, br;q=0.9", "gzip"), ("x-gzip", "gzip"),
    ("*", "br"), ("identity;q=0, gzip", "gzip"), ("gzip, *;q=0", "gzip"), ("identity", "identity"), ("", "identity"),
    ("deflate", "identity"), ("gzip;q=0", "identity"), ("identity, gzip;q=0.5", "identity"), ("gzip;q=9", "identity")])
@pytest.mark.parametrize("target", [PLAYLIST, TEXT])
def test_what_the_client_likes(viewer, target, value, coding):
    url = sign(target)
    plain = viewer.gets(url).body
    response = viewer.gets(url, {"Accept-Encoding": value})
    assert coding_of(response) == coding and decoded(response) == plain
    assert int(response["Content-Length"]) == len(response.body)
    assert "Accept-Encoding" in response["Vary"].split(", ") and "Origin" in response["Vary"].split(", ")
    if coding != "identity":
        assert len(response.body) < len(plain) / 3


def test_a_playlist_that_a_browser_unpacks_plays(viewer):
    plain = viewer.gets(sign(PLAYLIST)).text
    uris = [line for line in plain.splitlines() if "gate=" in line]
    assert uris and decoded(viewer.gets(sign(PLAYLIST), BROWSER)).decode() == plain
    viewer.gets(f"{BASE}/hd/{uris[0]}", BROWSER)


@pytest.mark.parametrize("name", ["s0.ts", "enc.key", "../sd/s0.m4s", "../sd/init.mp4", "../poster.jpg", "../about.bin"])
def test_media_and_keys_never(make_gate, streams, name):
    gate = make_gate(access=OPEN, cache={"hot_after": 1})
    streams.movie()
    path = f"{BASE}/sd/{name[6:]}" if name.startswith("../sd") else f"{BASE}/{name[3:]}" if "/" in name else f"{BASE}/hd/{name}"
    streams.write(path, b"compressible " * 1000)
    for _ in range(3):
        response = gate.viewer().gets(path, {"Accept-Encoding": "gzip, br, identity;q=0"})
        assert coding_of(response) == "identity" and response["Vary"] == "Origin"


def undated(response):
    """Its fields, by their names in lower case as HTTP/2 has them; another answer may be of another second."""
    return {name.lower(): value for name, value in response.fields if name.lower() != "date"}


@pytest.mark.parametrize("target", [PLAYLIST, TEXT])
@pytest.mark.parametrize("fields", [{}, GZIP, BR])
def test_head_and_304_are_of_the_same_representation(viewer, target, fields):
    url = sign(target)
    viewer.gets(url)  # the session that it begins sets a cookie
    full = viewer.gets(url, fields)
    head_ = viewer.ask("HEAD", url, fields)
    assert undated(head_) == undated(full)
    same = viewer.gets(url, fields | {"If-None-Match": full["ETag"]}, status=304)
    assert same["ETag"] == full["ETag"] and same["Vary"] == full["Vary"]
    assert same["Cache-Control"] == full["Cache-Control"]
    assert not undated(same).keys() & {"content-type", "content-encoding", "content-length"}


def test_each_coding_has_a_tag_of_its_own(viewer):
    url = sign(TEXT)
    tags = {name: viewer.gets(url, {"Accept-Encoding": name})["ETag"] for name in ("identity", "gzip", "br")}
    assert len(set(tags.values())) == 3 and all(tag.startswith('"') for tag in tags.values())
    for has, tag in tags.items():
        for takes in tags:
            status = 304 if has == takes else 200
            viewer.gets(url, {"Accept-Encoding": takes, "If-None-Match": tag}, status=status)
            viewer.gets(url, {"Accept-Encoding": takes, "If-Match": tag}, status=200 if has == takes else 412)


def test_ranges_are_of_the_plain_bytes(viewer):
    url = sign(TEXT)
    part = viewer.gets(url, BROWSER | {"Range": "bytes=10-19"}, status=206)
    assert part.body == WORDS[10:20] and part["Content-Range"] == f"bytes 10-19/{len(WORDS)}"
    assert coding_of(part) == "identity" and "Accept-Encoding" in part["Vary"]
    coded = viewer.gets(url, BROWSER)["ETag"]
    whole = viewer.gets(url, BROWSER | {"Range": "bytes=10-19", "If-Range": coded})
    assert whole.body == WORDS  # what the client has a part of is not what it would be sent a part of


def test_equal_bytes_are_compressed_once(viewer):
    gate = viewer.gate
    for _ in range(5):
        assert decoded(viewer.gets(TEXT, BR)) == WORDS
        assert decoded(gate.viewer(ua="Another/1").gets(TEXT, BR)) == WORDS
        viewer.gets(sign(PLAYLIST), BR)
    counters = gate.counters()
    assert counters["compressions"] == 2 and counters["compressed"] == 15
    assert counters["compression_saved"] > 10 * len(WORDS) // 2


def test_a_new_version_is_compressed_anew(viewer, streams):
    viewer.gets(TEXT, BR)
    streams.write(TEXT, WORDS[::-1])
    until(lambda: decoded(viewer.gets(TEXT, BR)) == WORDS[::-1], "the new version")


def test_small_and_large_ones_stay_as_they_are(make_gate, streams):
    gate = make_gate(access=OPEN, compression={"min_size": "1KiB", "max_size": "4KiB"})
    for size, coding in ((1023, "identity"), (1024, "gzip"), (4096, "gzip"), (4097, "identity")):
        streams.write(TEXT, b"a" * size)
        # Another worker may look at the file a second later: what is looked at is one response.
        seen = until(lambda: next((r for r in [gate.viewer().gets(TEXT, GZIP)] if len(decoded(r)) == size), None), "the new version")
        assert coding_of(seen) == coding, size


def test_what_gains_nothing_stays_as_it_is(make_gate, streams):
    gate = make_gate(access=OPEN)
    streams.write(TEXT, bytes_of("noise", 5000))
    for _ in range(2):
        response = gate.viewer().gets(TEXT, BROWSER)
        assert coding_of(response) == "identity" and response.body == bytes_of("noise", 5000)
        assert "Accept-Encoding" in response["Vary"]


def test_turned_off_and_on_without_a_restart(make_gate, streams):
    gate = make_gate(access=OPEN, compression={"gzip": False, "brotli": False})
    streams.write(TEXT, WORDS)
    response = gate.viewer().gets(TEXT, BROWSER)
    assert coding_of(response) == "identity" and response["Vary"] == "Origin"
    gate.reload(compression={"brotli": False})
    until(lambda: coding_of(gate.viewer().gets(TEXT, BROWSER)) == "gzip", "gzip after the reload")
    gate.reload(compression={})
    until(lambda: coding_of(gate.viewer().gets(TEXT, BROWSER)) == "br", "br after the reload")


class TestApi:
    @pytest.mark.parametrize("path", ["/stats", "/health", "/api/access-logs/recent"])
    def test_answers_are_compressed(self, gate, path):
        for _ in range(5):
            gate.viewer().get("/nothing.ts")
        plain = gate.api("GET", path)
        response = gate.api("GET", path, fields=BROWSER)
        assert plain["Vary"] == response["Vary"] and "Accept-Encoding" in plain["Vary"]
        assert set(json.loads(decoded(response))) == set(plain.json) or path != "/stats"
        assert coding_of(response) == ("br" if len(plain.body) >= 512 else "identity")

    def test_short_ones_are_not(self, gate):
        response = gate.api("GET", "/health", key=None, fields=BROWSER)
        assert coding_of(response) == "identity" and response.json["status"] == "healthy"

    def test_refusals_are_not(self, gate):
        assert coding_of(gate.api("GET", "/stats", key=None, fields=BROWSER)) == "identity"


class TestOrigins:
    @pytest.fixture
    def start(self, make_gate, origin):
        return lambda **config: make_gate(access=OPEN, origins=[http_origin(origin)], workers=1, **config)

    def test_a_playlist(self, start, origin, streams):
        gate = start()
        streams.write(PLAYLIST, long_playlist())
        origin.routes(folder(streams))
        v = gate.admitted()
        streams.write(PLAYLIST, long_playlist())
        plain = v.gets(sign(PLAYLIST)).body
        assert decoded(v.gets(sign(PLAYLIST), GZIP)) == plain

    @pytest.mark.parametrize("kind, is_text", [("application/json", True), ("text/plain; charset=utf-8", True),
                                               ("application/x-mpegURL", True), ("application/octet-stream", False),
                                               ("video/mp4", False)])
    def test_the_origins_type_decides_where_the_suffix_says_nothing(self, start, origin, kind, is_text):
        origin.routes(lambda request: tx(200, WORDS, etag='"v1"', content_type=kind))
        v = start().viewer()
        for _ in range(2):
            response = v.gets("/x/thing", GZIP)
            assert coding_of(response) == ("gzip" if is_text else "identity") and decoded(response) == WORDS
            assert response["Content-Type"] == kind
            assert response["ETag"] == ('"v1-gzip"' if is_text else '"v1"')

    def test_weak_tags_stay_weak(self, start, origin):
        origin.routes(lambda request: tx(200, WORDS, etag='W/"v1"'))
        v = start().viewer()
        assert v.gets("/x/a.json", GZIP)["ETag"] == 'W/"v1-gzip"'
        v.gets("/x/a.json", GZIP | {"If-None-Match": '"v1-gzip"'}, status=304)

    def test_without_a_tag(self, start, origin):
        origin.routes(lambda request: tx(200, WORDS))
        gate = start()
        for _ in range(3):
            response = gate.viewer().gets("/x/a.json", GZIP)
            assert decoded(response) == WORDS and not response.all("ETag")
        assert gate.counters()["compressions"] == 1

    def test_a_purge_is_for_compressed_bytes_too(self, start, origin):
        """Even of an origin that gives other bytes the same strong tag."""
        origin.routes(lambda request: tx(200, WORDS if origin.count() == 1 else WORDS[::-1], etag='"v1"'))
        gate = start()
        assert decoded(gate.viewer().gets("/x/a.json", GZIP)) == WORDS
        assert gate.purge(path="/x/a.json") == 1
        assert decoded(gate.viewer().gets("/x/a.json", GZIP)) == WORDS[::-1]

    def test_nobody_waits_for_a_length_that_is_not_known(self, start, origin):
        hold = origin.barrier()
        origin.script(rx("GET", "/x/a.json"), head(200, transfer_encoding="chunked"), chunk(WORDS[:100]), hold,
                      chunk(WORDS[100:]), last_chunk())
        gate = start()
        with gate.viewer().start("/x/a.json", GZIP) as c:
            response = c.read_head()
            assert coding_of(response) == "identity" and "Accept-Encoding" in response["Vary"]
            assert c.read_content(100) == WORDS[:100]
            hold.open()
            assert c.read_content() == WORDS[100:]
        gate.wait_gauge("fetches", 0)
        assert coding_of(gate.viewer().gets("/x/a.json", GZIP)) == "gzip"

    def test_head_of_what_is_not_there_yet(self, start, origin):
        origin.routes(lambda request: tx(200, WORDS, etag='"v1"'))
        v = start().viewer()
        first = v.ask("HEAD", "/x/a.json", GZIP)
        assert first["Content-Length"] == v.gets("/x/a.json", GZIP)["Content-Length"]

    def test_what_must_not_be_kept_passes_as_it_is(self, start, origin):
        origin.routes(lambda request: tx(200, WORDS, cache_control="no-store"))
        gate = start()
        for _ in range(2):
            response = gate.viewer().gets("/x/a.json", GZIP)
            assert response.body == WORDS and "Accept-Encoding" in response["Vary"]
        assert gate.cache()["compressed"] == 0

    def test_a_playlist_that_must_not_be_kept_is_not_remembered(self, start, origin):
        origin.routes(lambda request: tx(200, long_playlist().encode(), etag='"v1"', cache_control="no-store"))
        gate = start()
        v = gate.viewer()
        gate.grant(v)
        for _ in range(2):
            assert coding_of(v.gets(sign(PLAYLIST), GZIP)) == "gzip"
        assert gate.cache()["compressed"] == 0 and gate.counters()["compressions"] == 2


@pytest.mark.multiworker
def test_many_viewers_at_once(make_gate, streams):
    gate = make_gate(access=OPEN, workers=2)
    streams.movie()
    streams.write(PLAYLIST, long_playlist(2000))
    viewers = {f"u{i}": gate.viewer(ua=f"Player/{i}") for i in range(16)}
    for uid, v in viewers.items():
        gate.grant(v, uid)

    def ask(uid):
        url = sign(PLAYLIST, uid)
        plain = viewers[uid].gets(url).body
        return all(decoded(viewers[uid].gets(url, {"Accept-Encoding": coding})) == plain
                   for coding in ("gzip", "br", "gzip", "identity"))

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, viewers))
    assert gate.cache()["compressed"] > 0


def test_who_leaves_leaves_nothing_behind(make_gate, streams):
    gate = make_gate(access=OPEN, compression={"max_size": "8MiB"})
    streams.write(TEXT, b"".join(bytes_of(str(i), 3).hex().encode() * 2 for i in range(300_000)))
    with gate.viewer().start(TEXT, GZIP, receive_buffer=4096) as c:
        assert coding_of(c.read_head()) == "gzip"
        c.read_content(1000)
    gate.wait_all_given_back()


def test_curl_unpacks_it(viewer):
    for extra in (["-H", "Accept-Encoding: gzip"], ["-H", "Accept-Encoding: br"], []):
        done = subprocess.run(["curl", "-sS", *proto.current().curl, "--compressed", *extra, through(viewer.gate, TEXT)],
                              capture_output=True, timeout=30, check=True)
        assert done.stdout == WORDS
