"""Defects of the decision that a review found: each case fails on the daemon as it was before its fix."""
import concurrent.futures
import os
import re
import time
from urllib.parse import urlsplit

import pytest

from support.gate import ELSEWHERE, HOME, uri_ending, uris_of
from support.signing import params_of, query, sign, sign_scope
from support.streams import bytes_of, media
from support.wait import until, until_past

BASE = "/v/2026-01-02/movie1"
MASTER = f"{BASE}/master.m3u8"
SEGMENT = f"{BASE}/hd/s0.ts"
KEY = f"{BASE}/hd/enc.key"
NETWORKS = (HOME, ELSEWHERE, "127.0.3.5")


def status_of(v, target, method="GET", fields=()):
    return v.ask(method, target, fields).status


def expiries(playlist):
    """Every E in the URIs of a playlist."""
    return {int(params_of(uri)["expires"]) for uri in uris_of(playlist)}


class TestOneUrlDoesNotPlayForEver:
    """Only a token of the back end begins a session; what the gate gave out ends with the session it was given in."""

    def test_reloading_ends_with_the_longest_life_of_a_session(self, make_gate):
        gate = make_gate(session={"max": "3s", "ttl": "1s"})
        v = gate.admitted()
        expires = int(time.time()) + 2
        targets = {"master": sign(MASTER, expires=expires)}
        ends = set()
        while time.time() < expires + 3 + 2:  # a session begun by the token's last second, and one second to spare
            self.reload(v, targets, ends)
        assert len(targets) == 4 and max(ends) <= expires + 3
        for name, target in targets.items():
            v.is_refused(target, "token_expired")
        v.is_refused(SEGMENT, "no_credential")

    def reload(self, v, targets, ends):
        """As a player does: always with the newest URIs it was given."""
        for name, suffix, inside in (("master", "hd/index.m3u8", "child"), ("child", "s0.ts", "segment"),
                                     ("child", "enc.key", "key")):
            response = v.get(targets[name]) if name in targets else None
            if response is not None and response.status == 200:
                ends |= expiries(response.text)
                targets[inside] = uri_ending(response.text, targets[name], suffix)
        for name in ("segment", "key"):
            v.get(targets[name])

    def test_gate_token_outlives_an_idle_session_and_begins_none(self, make_gate):
        gate = make_gate(session={"max": "8s", "ttl": "1s"})
        v = gate.admitted()
        token_expires = int(time.time()) + 1
        master = v.gets(sign(MASTER, expires=token_expires)).text
        child = uri_ending(master, MASTER, "hd/index.m3u8")
        [ends] = expiries(master)
        until_past(token_expires + 2)
        v.is_refused(SEGMENT, "no_credential")
        for _ in range(2):
            assert expiries(v.gets(child).text) == {ends}
        v.is_refused(SEGMENT, "no_credential")
        assert gate.stats()["counters"]["sessions_begun"] == 1
        segment = uri_ending(v.gets(child).text, child, "s0.ts")
        until_past(ends)
        for target in (child, segment, sign(MASTER, expires=token_expires)):
            v.is_refused(target, "token_expired")


class TestDatelessLayout:
    """Without a date folder each rendition's folder is a stream key of its own; the grant names the master's."""
    ROOT = "/vod/movie1"
    MASTER = f"{ROOT}/index.m3u8"
    AUDIO = "/vod/audio/en"

    @pytest.fixture
    def viewer(self, gate, streams):
        streams.write(self.MASTER, '#EXTM3U\n'
                                   '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",URI="../audio/en/index.m3u8"\n'
                                   '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"\n720p/index.m3u8\n')
        streams.write(f"{self.ROOT}/720p/index.m3u8",
                      media('#EXT-X-KEY:METHOD=AES-128,URI="k.key"\n#EXTINF:6,\ns0.ts\n#EXT-X-ENDLIST\n'))
        streams.write(f"{self.AUDIO}/index.m3u8",
                      media('#EXT-X-KEY:METHOD=AES-128,URI="a.key"\n#EXTINF:6,\na0.aac\n#EXT-X-ENDLIST\n'))
        for path in (f"{self.ROOT}/720p/k.key", f"{self.AUDIO}/a.key"):
            streams.write(path, bytes_of(path, 16))
        for path in (f"{self.ROOT}/720p/s0.ts", f"{self.AUDIO}/a0.aac"):
            streams.write(path, bytes_of(path, 2000))
        v = gate.viewer()
        gate.grant(v, path=self.MASTER)
        return v

    def test_plays_from_one_url_with_one_expiry(self, viewer, streams):
        got = viewer.play(sign(self.MASTER))
        assert sorted(urlsplit(target).path for target in got) == sorted([
            self.MASTER, f"{self.ROOT}/720p/index.m3u8", f"{self.ROOT}/720p/k.key", f"{self.ROOT}/720p/s0.ts",
            f"{self.AUDIO}/index.m3u8", f"{self.AUDIO}/a.key", f"{self.AUDIO}/a0.aac"])
        playlists = [target for target in got if urlsplit(target).path.endswith(".m3u8")]
        assert len(set.union(*(expiries(got[target].text) for target in playlists))) == 1
        assert all(got[target].body == streams.read(urlsplit(target).path) for target in got if target not in playlists)
        assert viewer.gate.stats()["counters"]["sessions_begun"] == 1

    def test_rendition_outside_of_the_folder_has_a_token_of_its_own(self, viewer):
        master = viewer.gets(sign(self.MASTER)).text
        audio = params_of(uri_ending(master, self.MASTER, "audio/en/index.m3u8"))
        video = params_of(uri_ending(master, self.MASTER, "720p/index.m3u8"))
        assert "scope" not in audio and video["scope"] == f"{self.ROOT}/"

    @pytest.mark.parametrize("what", [{"uid": "u1"}, {"uid": "u1", "path": MASTER}], ids=["uid", "uid and path"])
    def test_revocation_ends_every_rendition(self, viewer, what):
        got = viewer.play(sign(self.MASTER))
        links = [target for target in got if "gate" in params_of(target)]
        assert len(links) == 6
        viewer.gate.revoke(**what)
        until(lambda: all(status_of(viewer, target) == 403 for target in links), "all refused", deadline=1)
        for target in links:
            viewer.is_refused(target, "revoked")
        viewer.is_refused(sign(self.MASTER), "no_grant")


# Each of these was once free of charge for somebody who had not paid before.
RANGES = {
    "malformed": {"Range": "bytes=x-"},
    "another unit": {"Range": "chunks=1-"},
    "from the first byte": {"Range": "bytes=0-"},
    "from the first byte, spelt otherwise": {"Range": "bytes=00-"},
    "the rest": {"Range": "bytes=1-"},
    "the last bytes": {"Range": "bytes=-5"},
    "several": {"Range": "bytes=1-2,4-5"},
    "If-Range": {"Range": "bytes=1-", "If-Range": '"other"'},
}
CONTINUATION = "the rest"  # of a use that this viewer has taken


@pytest.mark.parametrize("path", [MASTER, KEY], ids=["playlist", "key"])
class TestRangeAndHeadEvadeNothing:
    def viewers(self, make_gate, mode):
        limit = {"mode": mode, "max_uses": 1}
        gate = make_gate(access={"replay": limit, "key": limit | {"retry": "0"}})
        gate.streams.movie()
        viewers = [gate.viewer(ip=ip) for ip in NETWORKS]
        for v in viewers:
            gate.grant(v)
        return viewers

    @pytest.mark.parametrize("fields", RANGES.values(), ids=RANGES)
    def test_range_binds(self, make_gate, path, fields):
        first, *others = self.viewers(make_gate, "bind")
        url = sign(path)
        assert status_of(first, url, fields=fields) in (200, 206)
        for other in others:
            other.is_refused(url, "token_other_viewer", fields=fields)
            other.is_refused(url, "token_other_viewer")
        first.gets(url)

    @pytest.mark.parametrize("name", RANGES)
    def test_range_counts(self, make_gate, path, name):
        first, *others = self.viewers(make_gate, "count")
        url, fields = sign(path), RANGES[name]
        assert status_of(first, url, fields=fields) in (200, 206)
        for other in others:
            other.is_refused(url, "token_used_up", fields=fields)
            other.is_refused(url, "token_used_up", fields={"Range": "bytes=1-"})
        if name == CONTINUATION:
            assert status_of(first, url, fields=fields) in (200, 206)
        else:
            first.is_refused(url, "token_used_up", fields=fields)
        first.is_refused(url, "token_used_up")

    @pytest.mark.parametrize("mode, word", [("bind", "token_other_viewer"), ("count", "token_used_up")])
    def test_head_leaves_nothing_behind(self, make_gate, path, mode, word):
        first, second, third = self.viewers(make_gate, mode)
        url = sign(path)
        for v in (third, second, first):
            response = v.ask("HEAD", url)
            assert response.status == 200 and not response.all("Set-Cookie")
        assert first.gate.stats()["counters"]["sessions_begun"] == 0
        first.is_refused(SEGMENT, "no_credential")
        assert status_of(second, url, fields={"Range": "bytes=1-"}) in (200, 206)
        for v in (first, third):
            v.is_refused(url, word, fields={"Range": "bytes=1-"})
            v.is_refused(url, word, method="HEAD")

    def test_head_behind_a_counted_use_is_free(self, make_gate, path):
        first, second, _ = self.viewers(make_gate, "count")
        url = sign(path)
        first.gets(url)
        for _ in range(3):
            assert status_of(first, url, "HEAD") == 200
        first.is_refused(url, "token_used_up")
        second.is_refused(url, "token_used_up", method="HEAD")


class TestScopeTokenOnSegments:
    """`credential` lets a back end's token in without grant or session."""
    URL = f"{SEGMENT}?{sign_scope(BASE + '/')}"

    def test_belongs_to_its_first_viewer(self, gate, streams):
        streams.movie()
        first = gate.viewer()
        first.gets(self.URL)
        gate.viewer(ip=ELSEWHERE).is_refused(self.URL, "token_other_viewer")
        gate.viewer(ua="Other/1").is_refused(self.URL.replace("s0.ts", "s1.ts"), "token_other_viewer")
        first.gets(self.URL.replace("s0.ts", "s1.ts"))

    def test_is_not_counted(self, make_gate):
        gate = make_gate(access={"replay": {"mode": "count", "max_uses": 1}})
        gate.streams.movie()
        for ip in NETWORKS:
            gate.viewer(ip=ip).gets(self.URL)


class TestKeysAreReadEachTime:
    def replaced(self, streams):
        streams.write(KEY, bytes_of("new", 16))

    def written_over(self, streams):
        """Same inode, size and time: nothing that a copy in memory could be checked by."""
        file = streams.file(KEY)
        before = file.stat()
        file.write_bytes(bytes_of("new", 16))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    @pytest.mark.parametrize("change", [replaced, written_over], ids=lambda f: f.__name__)
    def test_new_bytes_at_once(self, gate, streams, change):
        v = gate.admitted()
        url = sign(KEY)
        for _ in range(6):
            assert v.gets(url).body == bytes_of("movie1.key", 16)
        change(self, streams)
        for _ in range(6):
            assert v.gets(url).body == bytes_of("new", 16)


@pytest.mark.h1_only
def test_what_never_reaches_the_gate_is_no_key_request(gate):
    v = gate.admitted()
    key = sign(KEY)
    assert v.ask("OPTIONS", key, {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}).status == 204
    assert status_of(v, key, "OPTIONS") == 204
    v.is_refused(key, "method_not_allowed", method="POST")
    v.is_refused(key, "method_not_allowed", method="DELETE")
    for head in (f"GET {KEY} HTTP/1.1\r\n\r\n", f"GET {KEY} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                 f"GET  {KEY} HTTP/1.1\r\nHost: a\r\n\r\n", f"GET {KEY} HTTP/1.1\r\nHost: a\r\nA b: c\r\n\r\n"):
        with v.connect() as c:
            c.send(head.encode())
            assert c.read().status == 400
    until(lambda: gate.count_of("bad_request") == 4 and gate.count_of("no_content") == 2)
    v.gets(key)
    gate.wait_log("/api/key-access-logs", KEY)
    until(lambda: gate.count_of("ok") > 0)
    assert gate.stats()["classes"]["key"]["requests"] == 1
    assert gate.api("GET", "/api/key-access-logs", key="viewer").text.count(KEY) == 1


class TestLongStreamKey:
    LONG = "k" * 513
    PATHS = {"playlist": f"/live/{LONG}/index.m3u8", "segment": f"/live/{LONG}/s0.ts", "other": f"/live/{LONG}/x.bin"}

    @pytest.mark.parametrize("name", PATHS)
    def test_is_not_found(self, gate, name):
        v = gate.admitted()
        path = self.PATHS[name]
        v.is_refused(sign(path) if name == "playlist" else path, "not_found")
        assert gate.count_of("store_down") == 0
        gate.stop()
        assert "store_down" not in gate.log and "not_found: GET" in gate.log

    def test_at_the_limit_is_a_stream_as_any_other(self, make_gate):
        gate = make_gate(access={"stream_key": "^/v/(.*)/[^/]*$"})
        folders = ["f" * 200, "g" * 200, "h" * 110]
        for folder, status in (("/".join(folders), 200), ("/".join(folders) + "i", 404)):
            path = f"/v/{folder}/index.m3u8"
            gate.streams.write(path, media("#EXTINF:6,\na.ts\n"))
            v = gate.viewer()
            grant = gate.api("POST", "/api/whitelist", {"uid": "u1", "path": path, "clientIp": v.ip,
                                                        "UserAgent": v.ua})
            assert (grant.status == 200) == (status == 200)
            v.gets(sign(path), status=status)


@pytest.mark.multiworker
def test_uses_are_counted_across_the_turn_of_a_second(make_gate):
    """A worker whose clock is a second behind the last use is not retrying: that use is counted too."""
    gate = make_gate(workers=4, access={"replay": {"mode": "count", "max_uses": 1_000_000, "ttl": "1h"}})
    v = gate.admitted()
    url = sign(MASTER)
    end = int(time.time()) + 4.1

    def storm(_):
        served = 0
        while time.time() < end:
            v.gets(url)
            served += 1
        return served

    def counted():
        explained = gate.api("GET", f"/debug/explain?{query(url=url, ip=v.ip, ua=v.ua)}", key="viewer").text
        return int(re.search(r"allows; use number (\d+)", explained)[1])

    before = counted()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        served = sum(pool.map(storm, range(16)))
    assert counted() - before == served
