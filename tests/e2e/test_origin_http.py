"""Origins over HTTP as they should be: every way to reach them, and what they get to see of a viewer's request."""
import concurrent.futures
import re
import signal
import ssl
from urllib.parse import urlsplit

import pytest

from support.gate import HOME, http_origin, run
from support.origin import data, folder, gone, head, pour, raw, rx, stall, tx
from support.signing import sign
from support.streams import bytes_of
from support.wait import until, until_still

BASE = "/v/2026-01-02/movie1"
MASTER = f"{BASE}/master.m3u8"
SEGMENT = f"{BASE}/hd/s0.ts"
OPEN = {"policy": {"segment": [], "playlist": []}}


def plays_byte_for_byte(viewer):
    """A whole movie, each file of it as it lies in the folder; playlists but for the credentials in them."""
    streams = viewer.gate.streams
    got = viewer.play(sign(MASTER))
    assert len(got) == 11
    for target, response in got.items():
        path = urlsplit(target).path
        if not path.endswith(".m3u8"):
            assert response.body == streams.read(path), path
    viewer.gate.wait_all_given_back()


class TestWholeMovie:
    @pytest.mark.parametrize("family", ["ipv4", "ipv6", "unix"])
    def test_from_a_scripted_origin(self, make_gate, make_origin, streams, family):
        origin = make_origin(family).routes(folder(streams))
        gate = make_gate(origins=[http_origin(origin)])
        plays_byte_for_byte(gate.admitted())
        assert origin.count() == 11

    def test_from_a_scripted_origin_over_tls(self, make_gate, make_origin, streams, authority):
        origin = make_origin(tls=authority.server("IP:127.0.0.1")).routes(folder(streams))
        gate = make_gate(origins=[http_origin(origin, ca_file=str(authority.file))])
        plays_byte_for_byte(gate.admitted())
        assert set(origin.handshakes) == {"ok"}

    @pytest.mark.multiworker
    @pytest.mark.parametrize("unix", [False, True])
    def test_from_nginx(self, make_gate, make_nginx, unix):
        nginx = make_nginx(unix=unix)
        gate = make_gate(origins=[http_origin(nginx)])
        plays_byte_for_byte(gate.admitted())
        assert {line.protocol for line in nginx.log()} == {"HTTP/1.1"} and len(nginx.log()) == 11

    @pytest.mark.multiworker
    def test_from_nginx_over_tls_and_http2(self, make_gate, make_nginx, authority):
        nginx = make_nginx(tls=authority.certificate("IP:127.0.0.1"))
        gate = make_gate(origins=[http_origin(nginx, ca_file=str(authority.file))])
        plays_byte_for_byte(gate.admitted())
        assert {line.protocol for line in nginx.log()} == {"HTTP/2.0"} and len(nginx.log()) == 11

    def test_over_tls_and_http1_when_told_so(self, make_gate, make_nginx, authority):
        nginx = make_nginx(tls=authority.certificate("IP:127.0.0.1"))
        gate = make_gate(origins=[http_origin(nginx, ca_file=str(authority.file), protocol="http1")])
        plays_byte_for_byte(gate.admitted())
        assert {line.protocol for line in nginx.log()} == {"HTTP/1.1"}

    def test_over_http2_in_the_clear_when_told_so(self, make_gate, make_nginx):
        nginx = make_nginx(http2=True)
        gate = make_gate(origins=[http_origin(nginx, protocol="http2")])
        plays_byte_for_byte(gate.admitted())
        assert {line.protocol for line in nginx.log()} == {"HTTP/2.0"}

    def test_beside_a_folder_by_prefix(self, make_gate, make_origin, streams):
        origin = make_origin().routes(lambda request: tx(200, b"from afar: " + request.path.encode()))
        gate = make_gate(access={"policy": {"segment": []}}, origins=[{"prefix": "/", "filesystem": {"root": str(streams.root)}},
                                               http_origin(origin, prefix="/vod/"),
                                               {"prefix": "/vod/near/", "filesystem": {"root": str(streams.root)}}])
        v = gate.admitted()
        streams.write("/vod/near/a.ts", b"from here")
        plays_byte_for_byte(v)
        assert origin.count() == 0
        assert v.gets("/vod/a.ts").body == b"from afar: /vod/a.ts"
        assert v.gets("/vod/near/a.ts").body == b"from here"


class TestTls:
    """Who does not prove his name is not an origin."""

    def refuses(self, gate):
        gate.viewer().is_refused(SEGMENT, "origin_down")
        until(lambda: "certificate" in gate.log.lower(), "the log says why")

    def test_unknown_authority(self, make_gate, make_origin, authority):
        origin = make_origin(tls=authority.server("IP:127.0.0.1"))
        self.refuses(make_gate(access=OPEN, origins=[http_origin(origin, retries=0)]))
        assert "ok" not in origin.handshakes and origin.count() == 0

    def test_name_of_somebody_else(self, make_gate, make_origin, authority):
        origin = make_origin(tls=authority.server("DNS:other.test"))
        self.refuses(make_gate(access=OPEN, origins=[http_origin(origin, retries=0, ca_file=str(authority.file))]))
        assert origin.count() == 0

    def test_configured_host_is_the_name_that_counts(self, make_gate, make_origin, authority):
        origin = make_origin(tls=authority.server("DNS:o1.test"))
        origin.script(rx("GET", SEGMENT, host="o1.test"), tx(200, b"content"))
        gate = make_gate(access=OPEN, origins=[http_origin(origin, host="o1.test", ca_file=str(authority.file))])
        assert gate.viewer().gets(SEGMENT).body == b"content"
        assert set(origin.server_names) == {"o1.test"}

    def test_unverified_when_told_so(self, make_gate, make_origin, authority):
        origin = make_origin(tls=authority.server("DNS:other.test"))
        origin.script(rx("GET", SEGMENT, host=origin.authority), tx(200, b"content"))
        gate = make_gate(access=OPEN, origins=[http_origin(origin, verify=False)])
        assert gate.viewer().gets(SEGMENT).body == b"content"

    @pytest.mark.parametrize("has_own", [True, False])
    def test_certificate_of_our_own(self, make_gate, make_origin, authority, has_own):
        context = authority.server("IP:127.0.0.1")
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.file)
        origin = make_origin(tls=context)
        own = dict(zip(("certificate", "certificate_key"), map(str, authority.certificate("DNS:gate.test"))))
        gate = make_gate(access=OPEN, origins=[
            http_origin(origin, retries=0, ca_file=str(authority.file), **(own if has_own else {}))])
        if has_own:
            origin.script(rx("GET", SEGMENT), tx(200, b"content"))
            assert gate.viewer().gets(SEGMENT).body == b"content"
        else:
            gate.viewer().is_refused(SEGMENT, "origin_down")
            assert origin.count() == 0

    def test_plain_server_behind_https(self, make_gate, make_nginx):
        """What it gets is no HTTP, and what it answers no TLS."""
        gate = make_gate(access=OPEN, origins=[http_origin(make_nginx().url.replace("http:", "https:"), retries=0)])
        gate.viewer().is_refused(SEGMENT, "origin_down")


MISTAKES = {
    "neither": ({"prefix": "/"}, "origins[0]", "either filesystem or http"),
    "both": ({"filesystem": {"root": "/tmp"}} | http_origin("http://a"), "origins[0]", "either filesystem or http"),
    "no server": (http_origin(), "origins[0].http.servers", "no server"),
    "an empty one": (http_origin(""), "origins[0].http.servers[0]", "http://"),
    "another scheme": (http_origin("ftp://a"), "origins[0].http.servers[0]", "http://"),
    "no scheme": (http_origin("http://a", "b:80"), "origins[0].http.servers[1]", "http://"),
    "a path": (http_origin("http://a/b"), "origins[0].http.servers[0]", "nothing may follow"),
    "a port there is none of": (http_origin("http://a:99999"), "origins[0].http.servers[0]", "port"),
    "a password": (http_origin("http://u:p@a"), "origins[0].http.servers[0]", "user name"),
    "half an address": (http_origin("http://[::1"), "origins[0].http.servers[0]", "address"),
    "twice": (http_origin("http://a", "http://a"), "origins[0].http.servers[1]", "twice"),
    "too many": (http_origin(*[f"http://a{i}" for i in range(65)]), "origins[0].http.servers", "64"),
    "a relative socket": (http_origin("unix:o.sock"), "origins[0].http.servers[0]", "absolute"),
    "a line end in the host": (http_origin("http://a", host="a\r\nX: y"), "origins[0].http", "host"),
    "another balance": (http_origin("http://a", balance="random"), "origins[0].http.balance", "round_robin"),
    "a path to check that is none": (http_origin("http://a", health={"path": "ping"}), "origins[0].http.health.path", "/"),
    "a negative time": (http_origin("http://a", stall_timeout="-1s"), "origins[0].http.stall_timeout", "duration"),
}


@pytest.mark.parametrize("row", MISTAKES)
def test_mistakes_in_the_configuration_are_named(make_gate, row):
    origin, key, word = MISTAKES[row]
    gate = make_gate(start=False, origins=[origin])
    done = run("check", "-c", gate.config_file, check=False)
    assert done.returncode == 1 and re.search(rf"hlsgate.yaml:\d+: {re.escape(key)}: .*{word}", done.stderr), done.stderr


class TestRequest:
    """It carries what the specification names, and nothing else: the harness checks that in every test (Request in
    support/origin.py); here the viewer tries."""

    SECRETS = {"Cookie": "hlsgate_session=1; a=b", "Authorization": "Bearer secret", "X-Session-ID": "1",
               "Proxy-Authorization": "Basic eA==", "Referer": "https://site.test/?token=1", "Origin": "https://site.test",
               "Accept": "*/*", "Accept-Language": "de", "Accept-Encoding": "gzip, br", "Forwarded": "for=10.0.0.1",
               "X-Forwarded-For": "10.0.0.1", "X-Real-IP": "10.0.0.1", "CMCD-Request": "bl=1", "Cache-Control": "no-cache",
               "Pragma": "no-cache", "Via": "1.1 x", "TE": "trailers", "X-Anything": "1"}

    def test_fields(self, make_gate, origin):
        gate = make_gate(access=OPEN, origins=[http_origin(origin)])
        v = gate.viewer()
        origin.script(rx("GET", SEGMENT, host=origin.authority, user_agent=v.ua, x_forwarded_for=HOME,
                         accept_encoding="identity", absent=["Range", "If-Range", "If-None-Match", "If-Modified-Since"]),
                      tx(200, b"content"))
        assert v.gets(SEGMENT, self.SECRETS).body == b"content"

    def test_a_viewer_without_user_agent_gets_none(self, make_gate, origin):
        gate = make_gate(access=OPEN, origins=[http_origin(origin)])
        origin.script(rx("GET", SEGMENT, absent=["User-Agent"]), tx(200, b"content"))
        gate.viewer(ua=None).gets(SEGMENT)

    def test_of_a_token_and_of_the_gate_nothing_is_seen(self, make_gate, make_origin, streams):
        origin = make_origin().routes(folder(streams))
        gate = make_gate(origins=[http_origin(origin)])
        gate.admitted().play(sign(MASTER))
        assert [r.query for r in origin.asked()] == [""] * 11

    @pytest.mark.parametrize("asked, sent", [
        ("uid=u1&expires=1&token=ab&lang=en&x=1", "lang=en&x=1"),
        ("lang=en&CMCD=bl%3D21300%2Csid%3D%221%22", "lang=en"),
        ("scope=%2Fv%2F&gate=abc", ""),
        ("a&b=&a=2", "a&b=&a=2"),
        ("q=%C3%A9+%2F", "q=%C3%A9+%2F"),
    ])
    def test_query(self, make_gate, origin, asked, sent):
        gate = make_gate(access=OPEN, origins=[http_origin(origin)])
        origin.script(rx("GET", f"{SEGMENT}?{sent}".rstrip("?")), tx(200, b"content"))
        gate.viewer().gets(f"{SEGMENT}?{asked}")

    @pytest.mark.parametrize("asked, sent", [
        ("/a%20b/c.ts", "/a%20b/c.ts"), ("/%61/./b/../c.ts", "/a/c.ts"), ("/caf%C3%A9/c.ts", "/caf%C3%A9/c.ts"),
        ("/100%25/c.ts", "/100%25/c.ts"), ("/a%3Fb/c.ts", "/a%3Fb/c.ts"),
    ])
    def test_path(self, make_gate, origin, asked, sent):
        """The path that was judged is the path that is asked for."""
        gate = make_gate(access=OPEN, origins=[http_origin(origin)])
        origin.script(rx("GET", sent), tx(200, b"content"))
        gate.viewer().gets(asked)

    def test_line_ends_do_not_get_into_it(self, make_gate, origin):
        gate = make_gate(access=OPEN, origins=[http_origin(origin)])
        gate.viewer().is_refused("/a%0d%0aCookie:%20x=1/c.ts", "bad_path")
        assert origin.count() == 0

    def test_head_stays_a_head(self, make_gate, origin):
        gate = make_gate(access=OPEN, origins=[http_origin(origin)])
        origin.script(rx("HEAD", SEGMENT), head(200, content_length=12345, etag='"1"'))
        response = gate.viewer().ask("HEAD", SEGMENT)
        assert response.status == 200 and response["Content-Length"] == "12345" and response["ETag"] == '"1"'

    def test_client_ip_is_the_one_that_a_trusted_proxy_names(self, make_gate, origin):
        gate = make_gate(access=OPEN, origins=[http_origin(origin)], trusted_proxies=["127.0.0.0/8"])
        origin.script(rx("GET", SEGMENT, x_forwarded_for="203.0.113.9"), tx(200, b"content"))
        gate.viewer().gets(SEGMENT, {"X-Forwarded-For": "203.0.113.9"})


class TestAnswer:
    @pytest.fixture
    def viewer(self, make_gate, origin):
        return make_gate(access=OPEN, workers=1, origins=[http_origin(origin)]).viewer()

    def test_fields(self, viewer, origin):
        """Validators are the origin's; the type follows the suffix, the policy towards viewers is the gate's."""
        origin.script(rx("GET", SEGMENT), tx(
            200, b"content", etag='"abc"', last_modified="Sun, 01 Dec 2024 10:00:00 GMT", content_type="text/plain",
            cache_control="max-age=77", set_cookie="a=b", server="x", x_powered_by="y"))
        response = viewer.gets(SEGMENT)
        assert response["ETag"] == '"abc"' and response["Last-Modified"] == "Sun, 01 Dec 2024 10:00:00 GMT"
        assert response["Content-Type"] == "video/mp2t" and response["Accept-Ranges"] == "bytes"
        assert response["Cache-Control"] == "public, max-age=300"
        assert not response.all("Set-Cookie") + response.all("X-Powered-By") + response.all("X-Cache")
        assert viewer.gets(SEGMENT, {"If-None-Match": '"abc"'}, status=304).body == b""

    def test_type_of_the_origin_where_the_suffix_says_nothing(self, make_gate, origin):
        gate = make_gate(access={"policy": {"other": []}}, origins=[http_origin(origin)])
        origin.script(rx("GET", "/a/thing.dash"), tx(200, b"content", content_type="application/thing"))
        for _ in range(2):
            assert gate.viewer().gets("/a/thing.dash")["Content-Type"] == "application/thing"

    def test_empty(self, viewer, origin):
        origin.script(rx("GET", SEGMENT), tx(200))
        for _ in range(2):
            assert viewer.gets(SEGMENT).body == b""

    def test_informational_heads_are_passed_over(self, viewer, origin):
        origin.script(rx("GET", SEGMENT), raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3), tx(200, b"content"))
        assert viewer.gets(SEGMENT).body == b"content"

    def test_of_an_http_1_0_server(self, viewer, origin):
        origin.script(rx("GET", SEGMENT), raw(b"HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\ncontent"), lambda p: p.close())
        assert viewer.gets(SEGMENT).body == b"content"

    def test_byte_by_byte(self, viewer, origin):
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nETag: \"1\"\r\n\r\ncontent"
        origin.script(rx("GET", SEGMENT), *[raw(answer[i:i + 1]) for i in range(len(answer))])
        assert viewer.gets(SEGMENT).body == b"content"


class TestConnections:
    def test_are_kept_and_used_again(self, make_gate, make_origin, streams):
        origin = make_origin().routes(folder(streams))
        gate = make_gate(workers=1, access=OPEN, origins=[http_origin(origin)])
        for i in range(20):
            streams.write(f"/a/{i}.ts", bytes_of(str(i), 50_000))
            assert gate.viewer().gets(f"/a/{i}.ts").body == streams.read(f"/a/{i}.ts")
        assert {r.connection for r in origin.asked()} == {0}

    def test_over_tls_are_kept_too(self, make_gate, make_origin, streams, authority):
        """The first one may go for finding out that there is no HTTP/2."""
        origin = make_origin(tls=authority.server("IP:127.0.0.1")).routes(folder(streams))
        gate = make_gate(workers=1, access=OPEN, origins=[http_origin(origin, ca_file=str(authority.file))])
        for i in range(20):
            streams.write(f"/a/{i}.ts", bytes_of(str(i), 50_000))
            assert gate.viewer().gets(f"/a/{i}.ts").body == streams.read(f"/a/{i}.ts")
        assert len({r.connection for r in origin.asked()}) == 1 and origin.connections <= 2

    def test_are_no_more_than_configured(self, make_gate, make_origin):
        origin = make_origin()
        hold = origin.barrier()
        origin.routes(lambda request: [hold, tx(200, request.path.encode())])
        gate = make_gate(workers=1, access=OPEN, origins=[http_origin(origin)], pool={"max_connections": 3})
        waiting = [gate.viewer().start(f"/a/{i}.ts") for i in range(9)]
        gate.wait_gauge("fetches", 9)
        origin.wait_count(3)
        hold.open()
        for i, c in enumerate(waiting):
            with c:
                assert c.read().body == f"/a/{i}.ts".encode()
        assert origin.connections <= 3

    def test_are_closed_when_idle_for_long(self, make_gate, make_origin, streams):
        origin = make_origin().routes(folder(streams))
        gate = make_gate(access=OPEN, origins=[http_origin(origin)], pool={"keep_alive": "1s"})
        streams.write(SEGMENT, b"content")
        gate.viewer().gets(SEGMENT)
        until(lambda: not origin.peers, "the idle connection is closed")

    def test_one_that_the_origin_closed_meanwhile_harms_nobody(self, make_gate, make_origin):
        origin = make_origin().routes(lambda request: [tx(200, b"content"), lambda peer: peer.close()])
        gate = make_gate(workers=1, access=OPEN, origins=[http_origin(origin, retries=0)])
        for i in range(20):
            gate.viewer().gets(f"/a/{i}.ts")

    def test_hundred_streams_of_one_http2_connection(self, make_gate, make_nginx, streams, authority):
        nginx = make_nginx(tls=authority.certificate("IP:127.0.0.1"))
        gate = make_gate(workers=1, access=OPEN, origins=[http_origin(nginx, ca_file=str(authority.file))])
        paths = [streams.write(f"/a/{i}.ts", bytes_of(str(i), 30_000)) for i in range(100)]
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            for path, response in zip(paths, pool.map(gate.viewer().gets, paths)):
                assert response.body == streams.read(path)
        assert len({line.connection for line in nginx.log()}) <= 20


class TestBackPressure:
    SIZE = 64 << 20

    @pytest.mark.multiworker
    def test_a_slow_viewer_slows_its_origin(self, make_gate, origin):
        """What is passed through uncached is not piled up in memory."""
        flood = pour(bytes_of("flood", 1 << 20), self.SIZE)
        origin.script(rx("GET", SEGMENT), head(200, content_length=self.SIZE, cache_control="no-store"), flood)
        gate = make_gate(access=OPEN, origins=[http_origin(origin)])
        with gate.viewer().start(SEGMENT, receive_buffer=16 << 10) as c:
            assert int(c.read_head()["Content-Length"]) == self.SIZE
            until_still(lambda: flood.sent, "the origin is held up")
            assert flood.sent < self.SIZE / 2  # the kernel's buffers, and a MiB
            c.sock.settimeout(30)
            piece = bytes_of("flood", 1 << 20)
            for _ in range(64):
                assert c.read_content(1 << 20) == piece


    def test_nor_does_he_hold_up_others_on_the_same_connection(self, make_gate, make_nginx, streams, authority):
        """HTTP/2: all of them are streams of one connection."""
        nginx = make_nginx(tls=authority.certificate("IP:127.0.0.1"))
        gate = make_gate(workers=1, access=OPEN, cache={"max_object": "1MiB"},
                         origins=[http_origin(nginx, ca_file=str(authority.file), stall_timeout="3s")])
        streams.write("/a/large.ts", bytes_of("large", 4 << 20))
        slow = [gate.viewer().start("/a/large.ts", receive_buffer=16 << 10) for _ in range(2)]
        for c in slow:
            assert int(c.read_head()["Content-Length"]) == 4 << 20
        for i in range(20):
            streams.write(f"/a/{i}.ts", bytes_of(str(i), 100_000))
            assert gate.viewer().gets(f"/a/{i}.ts").body == bytes_of(str(i), 100_000)
        for c in slow:
            with c:
                c.sock.settimeout(30)
                assert c.read_content(4 << 20) == bytes_of("large", 4 << 20)


class TestLife:
    """Reload and stop, in the middle of an answer."""

    BODY = bytes_of("body", 200_000)

    def half_way(self, origin, gate):
        hold = origin.barrier()
        origin.script(rx("GET", SEGMENT), head(200, content_length=len(self.BODY)), data(self.BODY[:100_000]), hold,
                      data(self.BODY[100_000:]))
        c = gate.viewer().start(SEGMENT)
        c.read_head()
        assert c.read_content(100_000) == self.BODY[:100_000]
        return c, hold

    @pytest.mark.multiworker
    def test_reload_to_other_servers(self, make_gate, origin, make_origin):
        gate = make_gate(access=OPEN, origins=[http_origin(origin)])
        other = make_origin().routes(lambda request: tx(200, b"other"))
        c, hold = self.half_way(origin, gate)
        gate.reload(origins=[http_origin(other)])
        origin.routes(lambda request: tx(200, b"old", cache_control="no-store"))
        until(lambda: gate.viewer().gets("/a/new.ts").body == b"other", "new requests go to the new servers")
        hold.open()
        with c:
            assert c.read_content(100_000) == self.BODY[100_000:]

    def test_sigterm_waits_for_the_body(self, make_gate, origin):
        gate = make_gate(access=OPEN, origins=[http_origin(origin)])
        c, hold = self.half_way(origin, gate)
        gate.signal(signal.SIGTERM)
        until(gate.is_refusing, "no new connections")
        hold.open()
        with c:
            assert c.read_content(100_000) == self.BODY[100_000:]
        assert gate.wait_exit() == 0

    def test_sigint_does_not(self, make_gate, origin):
        gate = make_gate(access=OPEN, origins=[http_origin(origin)])
        origin.script(rx("GET", SEGMENT), stall())
        origin.script(rx("GET", f"{BASE}/hd/s1.ts"), head(200, content_length=10), data(b"12345"), gone())
        with gate.viewer().start(SEGMENT), gate.viewer().start(f"{BASE}/hd/s1.ts"):
            origin.wait_count(2)
            gate.signal(signal.SIGINT)
            assert gate.wait_exit(10) == 0
