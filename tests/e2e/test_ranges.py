"""Ranges (RFC 9110 14), one and several, of everything that has bytes: files, hot files, kept objects, playlists."""
import subprocess

import pytest

from support import proto
from support.gate import http_origin
from support.multipart import parts_of
from support.origin import data, folder, head, rx
from support.players import through
from support.signing import sign
from support.streams import bytes_of
from support.wait import until

BASE = "/v/2026-01-02/movie1"
FILE = f"{BASE}/hd/s0.ts"
BIG = f"{BASE}/hd/big.ts"
PLAYLIST = f"{BASE}/hd/index.m3u8"
SIZE = 20_000
CONTENT = bytes_of("movie1.hd.0", SIZE)
OPEN = {"policy": {"segment": [], "key": []}}
SIXTEEN = ",".join(f"{i}-{i}" for i in range(0, 32, 2))


def ask(viewer, ranges, target=FILE, status=206, **fields):
    return viewer.gets(target, {"Range": f"bytes={ranges}", **fields}, status)


def bounds(response):
    return [(first, last) for _, first, last, _, _ in parts_of(response)]


def by_folder(gate, origin):
    return gate(access=OPEN, cache={"hot_after": 255})


def by_memory(gate, origin):
    started = gate(access=OPEN, cache={"hot_after": 1})
    started.streams.movie()
    viewer = started.viewer()
    until(lambda: viewer.gets(FILE) and started.counters()["files_loaded"] > 0, "the file is in memory")
    return started


def by_open_file(gate, origin):
    started = gate(access=OPEN, cache={"hot_after": 1, "file_copy_max": 0, "max_object": "1KiB"})
    started.streams.movie()
    viewer = started.viewer()
    until(lambda: viewer.gets(FILE) and started.cache()["files"] > 0, "the file is kept open")
    return started


def by_http(gate, origin):
    started = gate(access=OPEN, origins=[http_origin(origin)])
    origin.routes(folder(started.streams))
    started.streams.movie()
    started.viewer().gets(FILE)
    return started


@pytest.fixture(params=[by_folder, by_memory, by_open_file, by_http])
def viewer(request, make_gate, make_origin):
    started = request.param(make_gate, make_origin() if request.param is by_http else None)
    started.streams.movie()
    return started.viewer()


def test_several_are_answered_in_the_order_asked(viewer):
    response = ask(viewer, "500-999, 0-0 ,-5,, 7000-7000")
    assert parts_of(response) == [
        ("video/mp2t", 500, 999, SIZE, CONTENT[500:1000]), ("video/mp2t", 0, 0, SIZE, CONTENT[:1]),
        ("video/mp2t", SIZE - 5, SIZE - 1, SIZE, CONTENT[-5:]), ("video/mp2t", 7000, 7000, SIZE, CONTENT[7000:7001])]
    assert response["ETag"] and response["Accept-Ranges"] == "bytes"


def test_what_is_not_there_falls_away(viewer):
    assert bounds(ask(viewer, "0-1,30000-,4-5,-0")) == [(0, 1), (4, 5)]
    one = ask(viewer, "30000-,4-5")
    assert one.body == CONTENT[4:6] and one["Content-Range"] == f"bytes 4-5/{SIZE}"
    assert one["Content-Type"] == "video/mp2t"


@pytest.mark.parametrize("ranges", ["0-5,5-6", "0-,-1", "5-6,5-6", "0-19999,7-7", "20000-,30000-", SIXTEEN + ",40-40"])
def test_overlaps_and_crowds_are_refused(viewer, ranges):
    assert ask(viewer, ranges, status=416)["Content-Range"] == f"bytes */{SIZE}"


def test_sixteen_are_fine(viewer):
    assert len(bounds(ask(viewer, SIXTEEN))) == 16


@pytest.mark.parametrize("ranges", ["0-1,a-b", "0-1,6-5", "0-1;4-5"])
def test_what_is_no_set_of_ranges_is_ignored(viewer, ranges):
    assert ask(viewer, ranges, status=200).body == CONTENT


def test_if_range_holds_for_all_of_them(viewer):
    etag = viewer.gets(FILE)["ETag"]
    assert bounds(ask(viewer, "0-1,4-5", **{"If-Range": etag})) == [(0, 1), (4, 5)]
    for other in ('"other"', "W/" + etag):
        assert ask(viewer, "0-1,4-5", status=200, **{"If-Range": other}).body == CONTENT


def test_head_ignores_ranges(viewer):
    for ranges in ("bytes=0-1,4-5", "bytes=0-1", "bytes=30000-"):
        response = viewer.ask("HEAD", FILE, {"Range": ranges})
        assert response.status == 200 and response["Content-Length"] == str(SIZE)


def test_the_connection_goes_on_behind_it(viewer):
    with viewer.connect() as c:
        for _ in range(3):
            c.request("GET", FILE, {"Range": "bytes=0-1,4-5"})
            assert bounds(c.read()) == [(0, 1), (4, 5)]
            c.request("GET", FILE)
            assert c.read().body == CONTENT


def test_larger_than_any_buffer(make_gate):
    gate = make_gate(access=OPEN)
    content = bytes_of("big", 6 << 20)
    gate.streams.write(BIG, content)
    wanted = [(5 << 20, (6 << 20) - 1), (100, 2 << 20), (3 << 20, 3 << 20)]
    response = ask(gate.viewer(), ",".join(f"{a}-{b}" for a, b in wanted), BIG)
    assert [(a, b) for _, a, b, _, _ in parts_of(response)] == wanted
    assert all(bytes_ == content[a:b + 1] for _, a, b, _, bytes_ in parts_of(response))


def test_of_a_viewers_playlist(gate):
    v = gate.admitted()
    url = sign(PLAYLIST)
    whole = v.gets(url).body
    parts = parts_of(ask(v, "200-,0-99", url))
    assert [p[4] for p in parts] == [whole[200:], whole[:100]]
    assert {p[0] for p in parts} == {"application/vnd.apple.mpegurl"}


def test_while_the_object_arrives_the_whole_is_answered(make_gate, origin):
    gate = make_gate(access=OPEN, origins=[http_origin(origin)])
    hold = origin.barrier()
    origin.script(rx("GET", FILE), head(200, content_length=SIZE, etag='"v1"'), data(CONTENT[:100]), hold,
                  data(CONTENT[100:]))
    with gate.viewer().start(FILE, {"Range": "bytes=0-1,4-5"}) as c:
        assert c.read_head().status == 200
        hold.open()
        assert c.read_content(SIZE) == CONTENT
    gate.wait_gauge("fetches", 0)
    assert bounds(ask(gate.viewer(), "0-1,4-5")) == [(0, 1), (4, 5)]


def test_who_leaves_between_two_parts_leaves_nothing_behind(make_gate):
    gate = make_gate(access=OPEN)
    gate.streams.write(BIG, bytes_of("big", 6 << 20))
    with gate.viewer().start(BIG, {"Range": "bytes=0-3000000,4000000-5000000"}, receive_buffer=4096) as c:
        assert c.read_head().status == 206
        c.read_content(1000)
    gate.wait_all_given_back()


def test_curl_reads_them(make_gate):
    gate = make_gate(access=OPEN)
    gate.streams.movie()
    done = subprocess.run(["curl", "-sS", *proto.current().curl, "-r", "0-1,4-5", through(gate, FILE)], capture_output=True,
                          timeout=30, check=True)
    assert CONTENT[4:6] in done.stdout and done.stdout.count(b"Content-Range: bytes") == 2
