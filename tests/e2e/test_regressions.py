"""Defects that a review found: each case fails on the daemon as it was before its fix."""
import concurrent.futures
import os
import re
import signal
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest

from support import http
from support.gate import ELSEWHERE, HOME, run, uri_ending, uris_of
from support.signing import params_of, sign, sign_scope
from support.streams import bytes_of, media
from support.wait import until, until_past

BASE = "/v/2026-01-02/movie1"
MASTER = f"{BASE}/master.m3u8"
CHILD = f"{BASE}/hd/index.m3u8"
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
        streams.write(self.MASTER, '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",URI="../audio/en/index.m3u8"\n'
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
            assert response.status == 200 and "Set-Cookie" not in dict(response.fields)
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


class UnixConnection(http.Connection):
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(http.TIMEOUT)
        self.sock.connect(str(path))
        self.buffer = b""


class TestProxies:
    A, B = "203.0.113.9", "198.51.100.7"

    @pytest.fixture
    def unix_gate(self, make_gate, tmp_path):
        def make(**config):
            gate = make_gate(start=False, **config)
            gate.config["listen"].append({"address": f"unix:{tmp_path}/s"})
            gate.write_config()
            gate.streams.movie()
            return gate.start()

        return make

    def ask(self, tmp_path, target, **fields):
        with UnixConnection(tmp_path / "s") as c:
            c.request("GET", target, [("User-Agent", "Player/1.0"), ("Connection", "close"), *fields.items()])
            return c.read().status

    def test_on_a_unix_socket_is_believed_when_trusted(self, unix_gate, tmp_path):
        gate = unix_gate(trusted_proxies=["127.0.0.1"])
        for ip in (self.A, self.B):
            gate.grant(gate.viewer(ip=ip))
        url = sign(MASTER)

        def status(ip):
            return self.ask(tmp_path, url, **{"X-Forwarded-For": ip})

        assert [status(self.A), status(self.B), status(self.A)] == [200, 403, 200]
        until(lambda: gate.count_of("token_other_viewer") == 1)
        assert status("192.0.2.1") == 403
        until(lambda: gate.count_of("no_grant") == 1)

    def test_on_a_unix_socket_is_not_believed_otherwise(self, unix_gate, tmp_path):
        gate = unix_gate(access={"fixed_whitelist": [self.A]})
        gate.grant(gate.viewer(ip=self.A))
        for name, value in (("X-Forwarded-For", self.A), ("X-Real-IP", self.A), ("Forwarded", f"for={self.A}")):
            assert self.ask(tmp_path, sign(MASTER), **{name: value}) == 403
        until(lambda: gate.count_of("no_grant") == 3)
        gate.grant(gate.viewer(ip="127.0.0.1"))
        assert self.ask(tmp_path, sign(MASTER), **{"X-Forwarded-For": self.A}) == 200

    VALUES = {"x-forwarded-for": "{}", "forwarded": "for={}", "x-real-ip": "{}"}

    @pytest.mark.parametrize("believed", VALUES)
    def test_one_field_is_believed_and_no_other(self, make_gate, streams, believed):
        gate = make_gate(trusted_proxies=["127.0.2.0/24"], client_ip_field=believed,
                         access={"fixed_whitelist": [self.A]})
        streams.movie()
        proxy = gate.viewer(ip=ELSEWHERE)
        right = {believed: self.VALUES[believed].format(self.A)}
        wrong = {name: value.format(self.A) for name, value in self.VALUES.items() if name != believed}
        proxy.gets(MASTER, right)
        proxy.is_refused(MASTER, "token_missing", fields=wrong)
        proxy.is_refused(MASTER, "token_missing", fields=wrong | {believed: self.VALUES[believed].format(self.B)})
        proxy.gets(MASTER, right | {name: self.VALUES[name].format(self.B) for name in wrong})


SIGNALS = {
    "twice": "TERM TERM",
    "then at once": "TERM INT",
    "at once twice": "INT INT",
    "reload in between": "TERM HUP TERM",
    "hand-over in between": "TERM USR2 INT",
    "what joins": "TERM USR1 USR1 TERM",
    "all before": "HUP USR2 USR1 TERM TERM",
    "a shower": "TERM TERM INT HUP USR2 TERM INT USR1 TERM INT",
}


@pytest.mark.multiworker
@pytest.mark.parametrize("order", SIGNALS.values(), ids=SIGNALS)
def test_second_signal_ends_the_drain_cleanly(make_gate, order):
    gate = make_gate(workers=4, access={"policy": {"segment": []}, "replay": {"mode": "count"}})
    size = 8 << 20
    gate.streams.write(f"{BASE}/big.ts", bytes_of("big", size))
    v = gate.admitted()
    url = sign(MASTER)
    child = uri_ending(v.gets(url).text, MASTER, "hd/index.m3u8")
    downloads = [http.Connection(gate.port, receive_buffer=16 << 10) for _ in range(6)]
    try:
        for c in downloads:
            c.request("GET", f"{BASE}/big.ts")
            assert c.read_head().status == 200
        for name in order.split():
            gate.signal(getattr(signal, f"SIG{name}"))
            time.sleep(0.02)  # signals of one kind that come together are one
        assert gate.wait_exit(20) == 0, gate.log
    finally:
        for c in downloads:
            c.close()
    gate.start()
    assert gate.api("GET", "/whitelist-info").json["total_entries"] == 1
    v.is_refused(url, "token_used_up")
    v.gets(child)
    v.gets(f"{BASE}/about.bin")


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


class TestManyListeners:
    def configured(self, make_gate, tmp_path, count):
        gate = make_gate(start=False)
        gate.config["listen"] += [{"address": f"unix:{tmp_path}/{i}"} for i in range(1, count)]
        gate.write_config()
        return gate

    def test_64_work(self, make_gate, tmp_path):
        self.configured(make_gate, tmp_path, 64).start()
        for i in range(1, 64):
            with UnixConnection(tmp_path / str(i)) as c:
                c.request("GET", "/health", {"Connection": "close"})
                assert c.read().status == 200

    @pytest.mark.parametrize("command", ["check", "serve"])
    def test_more_are_a_mistake_with_its_line(self, make_gate, tmp_path, command):
        file = self.configured(make_gate, tmp_path, 65).config_file
        done = run(command, "-c", file, check=False)
        assert done.returncode == 1
        [line, text] = re.search(rf"^{re.escape(str(file))}:(\d+): listen\S*: (.*)$", done.stderr + done.stdout,
                                 re.M).groups()
        first, last = [i for i, text in enumerate(file.read_text().split("\n"), 1)
                       if '"listen"' in text or f"unix:{tmp_path}/64" in text]
        assert first <= int(line) <= last and "64" in text


class TestLogCannotBeForged:
    LINE = re.compile(rb'^\S+Z (?:info |warn ) (\w+): (\S+) "((?:[^"\\]|\\.)*)", status (\d+), client (\S+), '
                      rb'uid "((?:[^"\\]|\\.)*)", user-agent "((?:[^"\\]|\\.)*)"$')
    WORDS = {
        "plain": b"Player/1.0",
        "quote": b'x", status 200, client 1.2.3.4, uid "boss", user-agent "y',
        "backslashes": b"\\",
        "backslash before the quote": b'a\\", uid "boss\\\\',
        "looks escaped": b"\\x0a\\n\\\\x01",
        "tab": b"a\tb",
        "C1 controls": b"a\xc2\x85b\xc2\x9b31m",
        "bytes that are no UTF-8": b"a\x85\x9b\xff\xc2",
        "UTF-8": "Плеер/1 ▶".encode(),
    }

    def bytes_in(self, quoted):
        """What stood in the request, out of the log's notation."""
        def one(m):
            return bytes([int(m[1][1:], 16)]) if m[1][:1] == b"x" else m[1]

        return re.sub(rb"\\(x[0-9a-f]{2}|.)", one, quoted, flags=re.S)

    def line_of(self, gate, word):
        def lines():
            raw = gate.stderr_file.read_bytes().split(b"\n")
            return [line for line in raw if b" %s: " % word.encode() in line]

        [line] = until(lines, f"{word} in the log")
        assert not re.search(rb"[\x00-\x1f\x7f]|\xc2[\x80-\x9f]", line)
        line.decode()
        return self.LINE.match(line).groups()

    @pytest.mark.parametrize("name", WORDS)
    def test_by_the_user_agent(self, gate, streams, name):
        gate.viewer(ua=self.WORDS[name].decode("latin-1")).is_refused(sign(MASTER), "no_grant")
        word, method, path, status, client, uid, ua = self.line_of(gate, "no_grant")
        assert (method, path, status, client, uid) == (b"GET", MASTER.encode(), b"403", HOME.encode(), b"u1")
        assert self.bytes_in(ua) == self.WORDS[name]

    @pytest.mark.parametrize("name", ["plain", "quote", "backslashes", "backslash before the quote", "looks escaped",
                                      "UTF-8"])
    def test_by_uid_or_path(self, gate, name):
        uid = self.WORDS[name].decode()
        folder = re.sub(r"[/\\]", "", uid) + "x"
        path = f"/v/{folder}/index.m3u8"
        gate.viewer().is_refused(sign(path, uid=uid), "no_grant")
        fields = self.line_of(gate, "no_grant")
        assert self.bytes_in(fields[2]) == path.encode() and self.bytes_in(fields[5]) == uid.encode()
        assert fields[6] == b"Player/1.0"

    def test_by_a_new_line_in_uid_or_path(self, gate):
        forged = "\n2026-01-02T00:00:00.000Z info  no_grant: GET \"/x\", status 403"
        v = gate.viewer()
        assert status_of(v, sign(MASTER, uid=f"u{forged}")) == 403
        assert status_of(v, sign(f"/v/{forged}/index.m3u8")) in (400, 403)
        gate.stop()
        assert "2026-01-02T" not in {line[:11] for line in gate.log.split("\n")}
        assert gate.log.count(": GET \"") == 2

    @pytest.mark.parametrize("control", ["\x01", "\x0b", "\x1b", "\x7f"])
    def test_control_characters_do_not_get_in(self, gate, control):
        assert status_of(gate.viewer(ua=f"a{control}b"), sign(MASTER)) == 400
        until(lambda: gate.count_of("bad_request") == 1)


@pytest.mark.multiworker
def test_limit_of_connections_is_one_for_all_workers(make_gate):
    """Neither so many for each worker, nor an equal share for each, which an uneven kernel would break."""
    gate = make_gate(workers=4, http={"max_connections": 12})

    def served():
        c = gate.viewer().connect()
        try:
            c.request("GET", "/health")
            assert c.read().status == 200
            return c
        except (http.Closed, ConnectionError):
            c.close()
            return None

    held = [until(served, f"connection {i + 1} of 12 is served") for i in range(12)]
    try:
        assert [served() for _ in range(40)] == [None] * 40
        for c in held:
            c.request("GET", "/health")
            assert c.read().status == 200
    finally:
        for c in held:
            c.close()
    until(served, "room again").close()
    assert gate.stats()["counters"]["connections_refused"] >= 40


@pytest.mark.multiworker
def test_one_cold_playlist_is_scanned_once_by_each_worker_at_most(make_gate):
    gate = make_gate(workers=4)
    path = f"{BASE}/large.m3u8"
    entries = "".join(f"#EXTINF:6,{'x' * 2000}\ns{i}.ts\n" for i in range(2100))
    text = media(entries).encode()
    assert 4 << 20 <= len(text) < 5 << 20
    gate.streams.write(path, text)
    viewers = [gate.viewer(ua=f"Player/{i}") for i in range(24)]
    for i, v in enumerate(viewers):
        gate.grant(v, uid=f"u{i}", path=path)
    urls = [sign(path, uid=f"u{i}") for i in range(24)]
    start = threading.Barrier(24)

    def fetch(i):
        start.wait()
        return viewers[i].gets(urls[i])

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(fetch, range(24)))
    for i, response in enumerate(answers):
        assert re.sub(rb"\?uid=[^\s]*", b"", response.body) == text
        assert {params_of(uri)["uid"] for uri in uris_of(response.text)} == {f"u{i}"}
    assert 1 <= gate.stats()["counters"]["playlists_scanned"] <= 4
