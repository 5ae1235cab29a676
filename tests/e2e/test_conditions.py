"""Conditional requests (RFC 9110 13) and HEAD on every path that an answer can take."""
import time
from email.utils import formatdate, parsedate_to_datetime

import pytest

from support.gate import http_origin
from support.origin import data, folder, head, rx, tx
from support.signing import sign
from support.streams import bytes_of
from support.wait import until

BASE = "/v/2026-01-02/movie1"
SEGMENT = f"{BASE}/hd/s0.ts"
PLAYLIST = f"{BASE}/hd/index.m3u8"
KEY = f"{BASE}/hd/enc.key"
OPEN = {"policy": {"segment": [], "key": [], "static": [], "other": []}}
CONTENT = bytes_of("movie1.hd.0", 20_000)
THEN = "Sun, 06 Nov 1994 08:49:37 GMT"
# What a 304 must have if a 200 would (15.4.5), and what neither it nor any other answer may lack (6.6.1).
KEPT_IN_304 = ("Cache-Control", "Content-Location", "ETag", "Expires", "Vary")
OF_CONTENT = {"Content-Type", "Content-Length", "Content-Range", "Content-Encoding", "Transfer-Encoding"}


class Path:
    """A viewer, and the URL of something that comes to it on one way through the gate."""

    def __init__(self, viewer, target, is_dated=True):
        self.viewer, self.target, self.is_dated = viewer, target, is_dated


def by_folder(make_gate, make_origin, streams):
    streams.movie()
    return Path(make_gate(access=OPEN, cache={"hot_after": 255}).viewer(), SEGMENT)


def by_memory(make_gate, make_origin, streams):
    streams.movie()
    gate = make_gate(access=OPEN, cache={"hot_after": 1})
    until(lambda: gate.viewer().gets(SEGMENT) and gate.counters()["files_loaded"], "the file is in memory")
    return Path(gate.viewer(), SEGMENT)


def by_open_file(make_gate, make_origin, streams):
    streams.movie()
    gate = make_gate(access=OPEN, cache={"hot_after": 1, "file_copy_max": 0, "max_object": "1KiB"})
    until(lambda: gate.viewer().gets(SEGMENT) and gate.cache()["files"], "the file is kept open")
    return Path(gate.viewer(), SEGMENT)


def plain_playlist(make_gate, make_origin, streams):
    streams.movie()
    gate = make_gate(access={"fixed_whitelist": ["127.0.1.0/24"]})
    return Path(gate.viewer(), PLAYLIST)


def viewers_playlist(make_gate, make_origin, streams):
    viewer = make_gate().admitted()
    viewer.gets(sign(PLAYLIST))  # begins the session, whose cookie comes once
    return Path(viewer, sign(PLAYLIST), is_dated=False)


def by_http(make_gate, make_origin, streams, **fields):
    streams.movie()
    origin = make_origin()
    origin.routes(folder(streams, last_modified=formatdate(time.time() - 5000, usegmt=True), **fields))
    viewer = make_gate(access=OPEN, origins=[http_origin(origin)]).viewer()
    viewer.gets(SEGMENT)
    return Path(viewer, SEGMENT)


def passed(make_gate, make_origin, streams):
    return by_http(make_gate, make_origin, streams, cache_control="no-store")


WAYS = [by_folder, by_memory, by_open_file, plain_playlist, viewers_playlist, by_http, passed]


@pytest.fixture(params=WAYS)
def path(request, make_gate, make_origin, streams):
    return request.param(make_gate, make_origin, streams)


def test_if_none_match(path):
    full = path.viewer.gets(path.target)
    etag = full["ETag"]
    assert etag.startswith('"') and etag.endswith('"')
    for value in (etag, f"W/{etag}", f'"x",{etag}', f'"x" , W/"y,z", {etag}'):
        same = path.viewer.gets(path.target, {"If-None-Match": value}, status=304)
        assert same.body == b"" and not {name for name, _ in same.fields} & OF_CONTENT, same.fields
        assert {n: same.get(n) for n in KEPT_IN_304} == {n: full.get(n) for n in KEPT_IN_304}
        assert same["Date"]
    for value in ('"x"', f'"x{etag[1:]}', etag.strip('"')):
        assert path.viewer.gets(path.target, {"If-None-Match": value}).body == full.body


def test_if_modified_since(path):
    full = path.viewer.gets(path.target)
    assert bool(full.get("Last-Modified")) == path.is_dated
    if not path.is_dated:  # a date would be the text's, not the copy's
        assert path.viewer.gets(path.target, {"If-Modified-Since": formatdate(usegmt=True)}).body == full.body
        return
    same = path.viewer.gets(path.target, {"If-Modified-Since": full["Last-Modified"]}, status=304)
    assert same["ETag"] == full["ETag"]
    for value in (THEN, "yesterday", ""):
        assert path.viewer.gets(path.target, {"If-Modified-Since": value}).body == full.body
    # The tag decides alone.
    path.viewer.gets(path.target, {"If-Modified-Since": full["Last-Modified"], "If-None-Match": '"x"'})


def test_if_match(path):
    etag = path.viewer.gets(path.target)["ETag"]
    for value in (etag, f'"x", {etag}', "*"):
        path.viewer.gets(path.target, {"If-Match": value})
    for value in ('"x"', f"W/{etag}"):
        response = path.viewer.gets(path.target, {"If-Match": value}, status=412)
        assert "Precondition Failed" in response.text
    path.viewer.gets(path.target, {"If-Match": '"x"', "If-None-Match": etag}, status=412)
    path.viewer.is_refused(path.target, "precondition", fields={"If-Match": '"x"', "Range": "bytes=0-1"})


def test_if_unmodified_since(path):
    full = path.viewer.gets(path.target)
    if path.is_dated:
        path.viewer.gets(path.target, {"If-Unmodified-Since": full["Last-Modified"]})
    status = 412 if path.is_dated else 200  # 13.1.4: ignored where there is no date
    path.viewer.gets(path.target, {"If-Unmodified-Since": THEN}, status=status)
    path.viewer.gets(path.target, {"If-Unmodified-Since": "yesterday"})


def test_if_range(path):
    full = path.viewer.gets(path.target)
    part = {"Range": "bytes=10-19"}
    assert path.viewer.gets(path.target, part | {"If-Range": full["ETag"]}, status=206).body == full.body[10:20]
    for value in ('"old"', "W/" + full["ETag"], THEN):
        assert path.viewer.gets(path.target, part | {"If-Range": value}).body == full.body


def test_head_is_get_without_the_body(path):
    full = path.viewer.gets(path.target)
    response = path.viewer.ask("HEAD", path.target)
    assert fields_of(response) == fields_of(full) and response.status == 200
    etag = full["ETag"]
    for condition, status in (({"If-None-Match": etag}, 304), ({"If-Match": '"x"'}, 412)):
        of_get = path.viewer.gets(path.target, condition, status=status)
        of_head = path.viewer.ask("HEAD", path.target, condition)
        assert of_head.status == status and fields_of(of_head) == fields_of(of_get)


def fields_of(response):
    """Name and value of each field, once each; a date is only there."""
    names = [name for name, _ in response.fields]
    assert len(names) == len(set(names)), response.fields
    return {name.lower(): value for name, value in response.fields} | {"date": bool(response["Date"])}


@pytest.mark.parametrize("name", ["master.m3u8", "hd/index.m3u8", "hd/s0.ts", "hd/enc.key", "sd/init.mp4", "poster.jpg",
                                  "about.bin", "missing.ts", "hd", "empty.ts", "text.json"])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_head_of_every_class(make_gate, streams, name, coding):
    """Refusals, too."""
    viewer = make_gate(access={"policy": OPEN["policy"] | {"playlist": []}}).admitted()
    streams.write(f"{BASE}/empty.ts", b"")
    streams.write(f"{BASE}/text.json", b'{"a": "b"}\n' * 200)
    fields = {"Accept-Encoding": coding}
    for _ in range(3):  # from disk, turning hot, from memory
        full = viewer.get(f"{BASE}/{name}", fields)
        response = viewer.ask("HEAD", f"{BASE}/{name}", fields)
        assert response.status == full.status and response.body == b""
        assert fields_of(response) | {"X": 0} == fields_of(full) | {"X": 0}


@pytest.mark.parametrize("target", ["/health", "/stats", "/whitelist-info", "/api/access-logs/denied",
                                    "/api/access-logs/recent", "/api/access-logs/summary", "/api/replay-logs",
                                    "/api/key-access-logs", "/api/m3u8-cache-stats", "/debug/browser?ua=curl/8",
                                    "/debug/cidr?ip=10.0.0.1", "/debug/explain?url=/a.ts&ip=10.0.0.1&ua=x",
                                    "/api/whitelist", "/api/cache/purge"])
@pytest.mark.parametrize("key", ["admin", None])
def test_head_of_every_endpoint(shared_gate, target, key):
    """Its length is that of the moment; all else is GET's."""
    full, response = (shared_gate.api(method, target, key=key) for method in ("GET", "HEAD"))
    assert response.status == full.status and response.body == b""
    assert fields_of(response) | {"content-length": ""} == fields_of(full) | {"content-length": ""}
    assert int(response["Content-Length"]) > 0


def test_head_of_what_passes_through(make_gate, make_origin, streams):
    """The origin is asked by HEAD, too: no bytes of it move."""
    path = passed(make_gate, make_origin, streams)
    full, response = path.viewer.gets(path.target), path.viewer.ask("HEAD", path.target)
    assert fields_of(response) == fields_of(full)
    assert path.viewer.gate.gauges()["fetches"] == 0


def test_while_it_arrives(make_gate, origin):
    """Those who join a fetch are judged by its head."""
    gate = make_gate(access=OPEN, origins=[http_origin(origin)])
    hold = origin.barrier()
    origin.script(rx("GET", SEGMENT), head(200, content_length=20_000, etag='"v1"', last_modified=THEN),
                  data(CONTENT[:500]), hold, data(CONTENT[500:]))
    viewer = gate.viewer()
    with viewer.start(SEGMENT) as first:
        assert first.read_head()["ETag"] == '"v1"'
        assert viewer.gets(SEGMENT, {"If-None-Match": 'W/"v1"'}, status=304)["ETag"] == '"v1"'
        viewer.gets(SEGMENT, {"If-Modified-Since": THEN}, status=304)
        viewer.gets(SEGMENT, {"If-Match": '"v2"'}, status=412)
        viewer.gets(SEGMENT, {"Range": "bytes=20000-"}, status=416)
        assert viewer.gets(SEGMENT, {"Range": "bytes=10-19", "If-Range": '"v1"'}, status=206).body == CONTENT[10:20]
        hold.open()
        assert first.read_content(20_000) == CONTENT


def test_a_weak_tag_of_an_origin(make_gate, origin):
    """Good for If-None-Match; pieces are not put together by it, nor is If-Match fulfilled."""
    origin.routes(lambda request: tx(200, CONTENT, etag='W/"v1"'))
    viewer = make_gate(access=OPEN, origins=[http_origin(origin)]).viewer()
    assert viewer.gets(SEGMENT)["ETag"] == 'W/"v1"'
    viewer.gets(SEGMENT, {"If-None-Match": '"v1"'}, status=304)
    viewer.gets(SEGMENT, {"If-Match": 'W/"v1"'}, status=412)
    assert viewer.gets(SEGMENT, {"Range": "bytes=0-1", "If-Range": 'W/"v1"'}).body == CONTENT


class TestViewersPlaylists:
    def test_one_name_for_each_viewer(self, gate, streams):
        one = gate.admitted()
        two = gate.viewer(ua="Another/2")
        gate.grant(two, uid="u2")
        tags = [v.gets(sign(PLAYLIST, uid))["ETag"] for v, uid in ((one, "u1"), (two, "u2"), (one, "u1"))]
        assert tags[0] == tags[2] != tags[1]
        one.gets(sign(PLAYLIST), {"If-None-Match": tags[0]}, status=304)
        two.gets(sign(PLAYLIST, "u2"), {"If-None-Match": tags[0]})

    def test_a_live_playlist_that_goes_on_is_another(self, make_gate, streams):
        viewer = make_gate(cache={"check": "0s"}).admitted()
        before = viewer.gets(sign(PLAYLIST))["ETag"]
        streams.write(PLAYLIST, streams.read(PLAYLIST) + b"#EXTINF:6,\ns9.ts\n")
        after = viewer.gets(sign(PLAYLIST), {"If-None-Match": before})["ETag"]
        assert after != before
        viewer.gets(sign(PLAYLIST), {"If-None-Match": after}, status=304)

    def test_the_name_survives_a_restart(self, make_gate):
        gate = make_gate()
        viewer = gate.admitted()
        tag = viewer.gets(sign(PLAYLIST))["ETag"]
        gate.stop()
        gate.start()
        viewer.gets(sign(PLAYLIST), {"If-None-Match": tag}, status=304)

    def test_a_304_is_no_way_around_the_gate(self, gate):
        viewer = gate.admitted()
        tag = viewer.gets(sign(PLAYLIST))["ETag"]
        stranger = gate.viewer(ip="127.0.2.5")
        stranger.is_refused(sign(PLAYLIST), "no_grant", fields={"If-None-Match": tag})
        stranger.is_refused(sign(PLAYLIST), "no_grant", fields={"If-None-Match": "*"})

    def test_they_are_still_not_to_be_stored(self, gate):
        viewer = gate.admitted()
        assert "no-store" in viewer.gets(sign(PLAYLIST))["Cache-Control"]


def test_every_answer_has_a_date(gate):
    viewer = gate.admitted()
    for response in (viewer.gets(sign(SEGMENT)), viewer.get("/nothing.ts"), viewer.ask("OPTIONS", SEGMENT),
                     gate.api("GET", "/health"), viewer.gets(sign(SEGMENT), {"If-None-Match": "*"}, status=304)):
        assert abs(parsedate_to_datetime(response["Date"]).timestamp() - time.time()) < 30
