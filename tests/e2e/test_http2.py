"""HTTP/2 frame by frame (RFC 9113): preface, settings, streams, windows, priorities, contents, the end. What is malformed and
what floods is in files of its own."""
import json
import signal
import socket

import pytest

from support import frames as f
from support import h2, http, proto
from support.gate import HOME, KEYS, Gate, http_origin, running
from support.http import NAME, Closed
from support.origin import data, head, rx, tx
from support.signing import sign
from support.streams import Streams, bytes_of
from support.wait import until

pytestmark = pytest.mark.once

SEGMENT = "/v/2026-01-02/movie1/hd/s0.ts"
PLAYLIST = "/v/2026-01-02/movie1/hd/index.m3u8"
CONTENT = bytes_of("movie1.hd.0", 20_000)
BIG, BIG_SIZE = "/v/2026-01-02/movie1/big.ts", 3_000_000
BIG_CONTENT = bytes_of("big", BIG_SIZE)
OPEN = {"policy": {"segment": [], "playlist": []}}
KEY = ("authorization", f"Bearer {KEYS['operator']}")
GRANT = json.dumps({"uid": "h", "path": PLAYLIST, "clientIp": "10.0.0.1", "UserAgent": "x"}).encode()


@pytest.fixture(scope="module")
def gate(tmp_path_factory, authority):
    home = tmp_path_factory.mktemp("http2")
    with running(Gate(home, Streams(home / "streams"), proto.Protocol("h2c", authority), workers=1, access=OPEN)) as gate:
        gate.streams.movie()
        gate.streams.write(BIG, BIG_CONTENT)
        yield gate


@pytest.fixture
def h2_gate(make_gate, authority):
    """A daemon of the test's own."""
    def make(**config):
        gate = make_gate(protocol=proto.Protocol("h2c", authority), **{"access": OPEN, "workers": 1, **config})
        gate.streams.movie()
        gate.streams.write(BIG, BIG_CONTENT)
        return gate

    return make


@pytest.fixture
def raw(gate):
    with f.Client(gate.port, HOME) as c:
        yield c


class TestPreface:
    def test_server_begins_with_settings(self, raw):
        first = raw.read_frame()
        assert first.kind == f.SETTINGS and first.stream == 0 and not first.flags & f.ACK
        assert raw.wait(f.SETTINGS, flags=f.ACK).payload == b""
        values = settings_of(first)
        assert 100 <= values[f.MAX_CONCURRENT_STREAMS] <= 256 and values[f.NO_RFC7540_PRIORITIES] == 1
        assert f.ENABLE_PUSH not in values

    def test_limit_of_streams_is_configured(self, h2_gate):
        gate = h2_gate(http={"max_streams": 7})
        with f.Client(gate.port, HOME) as c:
            assert settings_of(c.wait(f.SETTINGS))[f.MAX_CONCURRENT_STREAMS] == 7

    def test_byte_by_byte(self, gate):
        bytes_ = f.PREFACE + f.frame(f.SETTINGS, 0, 0) + f.request(1, SEGMENT)
        with f.Client(gate.port, HOME, preface=b"") as c:
            for byte in bytes_:
                c.send(bytes([byte]))
            assert c.read_response(1).body == CONTENT

    def test_all_at_once(self, gate):
        with f.Client(gate.port, HOME, preface=f.PREFACE + f.frame(f.SETTINGS, 0, 0) + f.request(1, SEGMENT)) as c:
            assert c.read_response(1).body == CONTENT

    def test_http_1_1_is_spoken_at_the_same_address(self, gate):
        assert http.fetch(gate.port, "GET", SEGMENT).body == CONTENT

    def test_not_where_it_is_off(self, h2_gate):
        gate = h2_gate(start=False)
        gate.config["listen"][0]["http2"] = False
        gate.protocol = proto.Protocol("h1", gate.protocol.authority)
        gate.write_config()
        gate.start()
        with socket.create_connection(("127.0.0.1", gate.port), timeout=10) as s:
            s.sendall(f.PREFACE + f.frame(f.SETTINGS, 0, 0))
            assert s.recv(1000).startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 505 "))

    @pytest.mark.parametrize("bytes_", [f.frame(f.PING, 0, 0, b"12345678"), f.request(1, SEGMENT), f.frame(f.SETTINGS, f.ACK, 0)],
                             ids=["ping", "request", "ack"])
    def test_client_must_begin_with_settings(self, gate, bytes_):
        """RFC 9113 3.4"""
        with f.Client(gate.port, HOME, preface=f.PREFACE + bytes_) as c:
            assert c.error() == f.PROTOCOL_ERROR

    @pytest.mark.parametrize("preface", [f.PREFACE[:-4] + b"XX\r\n", f.PREFACE.replace(b"SM", b"sm")])
    def test_wrong_preface(self, gate, preface):
        with f.Client(gate.port, HOME, preface=preface + f.frame(f.SETTINGS, 0, 0)) as c:
            piece = c.sock.recv(1000)
            assert piece.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 505 ")) or piece[3] in (f.SETTINGS, f.GOAWAY)
            while c.sock.recv(1000):
                pass

    def test_ping_is_answered_with_its_content(self, raw):
        raw.send(f.frame(f.PING, 0, 0, b"whatever"))
        assert raw.wait(f.PING, flags=f.ACK).payload == b"whatever"


def settings_of(frame):
    return {int.from_bytes(frame.payload[i:i + 2], "big"): int.from_bytes(frame.payload[i + 2:i + 6], "big")
            for i in range(0, len(frame.payload), 6)}


class TestResponses:
    def test_fields(self, raw):
        raw.send(f.request(1, SEGMENT))
        response = raw.read_response(1)
        assert response.status == 200 and response["content-length"] == "20000" and response["content-type"] == "video/mp2t"
        assert all(name == name.lower() for name, _ in response.fields)
        assert not {"connection", "keep-alive", "transfer-encoding"} & {name for name, _ in response.fields}
        assert response["date"] and response["accept-ranges"] == "bytes"

    @pytest.mark.parametrize("method, fields, status", [
        ("HEAD", (), 200), ("GET", (("if-none-match", "*"),), 304), ("OPTIONS", (), 204)])
    def test_without_content_the_head_is_all(self, raw, method, fields, status):
        """No DATA frame, not even an empty one."""
        raw.send(f.request(1, SEGMENT, *fields, method=method))
        assert raw.read_response(1).status == status
        assert raw.is_served(3)
        assert [got.flags & f.END_STREAM for got in raw.seen if got.stream == 1] == [f.END_STREAM]
        assert f.DATA not in {got.kind for got in raw.seen if got.stream == 1}

    def test_empty_file(self, gate, raw):
        gate.streams.write("/v/empty.ts", b"")
        raw.send(f.request(1, "/v/empty.ts"))
        response = raw.read_response(1)
        assert response.status == 200 and response["content-length"] == "0" and response.body == b""

    def test_range(self, raw):
        raw.send(f.request(1, SEGMENT, ("range", "bytes=100-199")))
        response = raw.read_response(1)
        assert response.status == 206 and response.body == CONTENT[100:200]

    def test_frames_are_no_longer_than_the_client_takes(self, raw):
        raw.send(f.window_update(0, BIG_SIZE), f.settings((f.INITIAL_WINDOW_SIZE, BIG_SIZE)), f.request(1, BIG))
        assert raw.read_response(1).body == BIG_CONTENT
        assert max(len(got.payload) for got in raw.seen) <= 16384

    def test_cookie_in_crumbs_is_one(self, h2_gate):
        """RFC 9113 8.2.3"""
        gate = h2_gate(access={"policy": {}})
        v = gate.admitted()
        session = v.gets(sign("/v/2026-01-02/movie1/master.m3u8"))["set-cookie"].split(";")[0]
        other = gate.viewer(ip="127.0.1.9", ua=v.ua)
        with other.connect() as c:
            crumbs = [("user-agent", v.ua), ("cookie", "a=b"), ("cookie", session), ("cookie", "c=d")]
            assert c.open("GET", SEGMENT, crumbs).read().status == 200

    def test_host_instead_of_authority(self, raw):
        head_ = f.block((":method", "GET"), (":scheme", "http"), (":path", SEGMENT), ("host", NAME))
        raw.send(f.frame(f.HEADERS, f.END_STREAM | f.END_HEADERS, 1, head_))
        assert raw.read_response(1).status == 200

    def test_trailers_are_passed_over(self, raw):
        raw.send(f.request(1, "/api/whitelist", KEY, method="POST", flags=f.END_HEADERS), f.frame(f.DATA, 0, 1, GRANT),
                 f.frame(f.HEADERS, f.END_STREAM | f.END_HEADERS, 1, f.block(("x-checksum", "1"))))
        assert raw.read_response(1).status == 200

    def test_head_in_many_frames_and_padded(self, raw):
        """Not so many that it looks like a flood."""
        block = f.block(*f.request_fields(SEGMENT))
        at = [len(block) * i // 7 for i in range(8)]
        pieces = [block[at[i]:at[i + 1]] for i in range(7)]
        raw.send(f.frame(f.HEADERS, f.END_STREAM | f.PADDED | f.WITH_PRIORITY, 1,
                         b"\x05" + b"\0\0\0\0\x10" + pieces[0] + b"\0" * 5),
                 *[f.frame(f.CONTINUATION, f.END_HEADERS * (piece is pieces[-1]), 1, piece) for piece in pieces[1:]])
        assert raw.read_response(1).body == CONTENT


class TestContent:
    def post(self, c, *pieces, fields=(KEY,), flags=f.END_STREAM):
        c.send(f.request(1, "/api/whitelist", *fields, method="POST", flags=f.END_HEADERS),
               *[f.frame(f.DATA, flags * (piece is pieces[-1]), 1, piece) for piece in pieces])

    @pytest.mark.parametrize("size", [7, len(GRANT)])
    def test_in_pieces(self, raw, size):
        self.post(raw, *[GRANT[i:i + size] for i in range(0, len(GRANT), size)])
        assert raw.read_response(1).status == 200

    def test_with_its_length_and_padding(self, raw):
        raw.send(f.request(1, "/api/whitelist", KEY, ("content-length", str(len(GRANT))), method="POST", flags=f.END_HEADERS),
                 f.frame(f.DATA, f.PADDED, 1, b"\xff" + GRANT + b"\0" * 255), f.frame(f.DATA, f.END_STREAM, 1))
        assert raw.read_response(1).status == 200

    def test_is_asked_for_when_the_client_waits(self, raw):
        """RFC 9110 10.1.1."""
        self.post(raw, fields=(KEY, ("expect", "100-continue")))
        assert raw.wait(f.HEADERS, 1) and raw.heads[1] == [(":status", "100")]
        raw.send(f.frame(f.DATA, f.END_STREAM, 1, GRANT))
        assert raw.read_response(1).status == 200

    def test_is_not_asked_for_when_nobody_will_read_it(self, raw):
        self.post(raw, fields=(("expect", "100-continue"),))
        assert raw.wait(f.HEADERS, 1) and raw.heads[1][0] == (":status", "401")

    def test_of_no_bytes_is_none(self, raw):
        """As with HTTP/1.1: then a GET may have it."""
        raw.send(f.request(1, SEGMENT, ("content-length", "0"), flags=f.END_HEADERS), f.frame(f.DATA, f.END_STREAM, 1))
        assert raw.read_response(1).body == CONTENT

    def test_empty(self, raw):
        self.post(raw, b"")
        assert raw.read_response(1).status == 400

    @pytest.mark.parametrize("fields", [(KEY,), (KEY, ("content-length", str((64 << 10) + 1)))], ids=["by its bytes", "by its length"])
    def test_over_the_limit(self, gate, fields):
        """The whole answer, then RST_STREAM with NO_ERROR for the content that is not wanted (RFC 9113 8.1)."""
        with f.Client(gate.port, HOME) as c:
            self.post(c, *[b"x" * 8000] * 9, fields=fields, flags=0)
            assert c.read_response(1).status == 413
            assert f.code_of(c.wait(f.RST_STREAM, 1)) == f.NO_ERROR
            assert c.is_served(3)

    def test_nobody_asked_for(self, raw):
        raw.send(f.request(1, SEGMENT, flags=f.END_HEADERS), f.frame(f.DATA, f.END_STREAM, 1, b"x" * 100))
        assert raw.read_response(1).status in (200, 400)
        assert raw.is_served(3)

    def test_more_than_the_window_fits_in(self, gate):
        """Its window is opened again as it is taken: 60 KiB for each of several streams of one connection."""
        filler = b" " * 60_000
        with h2.Connection(gate.port, HOME) as c:
            for _ in range(4):
                assert c.open("POST", "/api/whitelist", [KEY], filler + GRANT).read().status == 200

    def test_refused_before_it_comes(self, raw):
        self.post(raw, b"{", fields=(), flags=0)
        assert raw.read_response(1).status == 401
        assert f.code_of(raw.wait(f.RST_STREAM, 1)) == f.NO_ERROR

    def test_has_its_time(self, h2_gate):
        gate = h2_gate(http={"content_timeout": "300ms"})
        with f.Client(gate.port, HOME) as c:
            self.post(c, b"{", flags=0)
            assert c.read_response(1).status == 408
            assert c.is_served(3)


class TestStreams:
    def test_hundred_at_once(self, gate):
        with h2.Connection(gate.port, HOME, settings={f.INITIAL_WINDOW_SIZE: 1 << 20}) as c:
            paths = [SEGMENT.replace("s0", f"s{i % 3}") for i in range(100)]
            streams = [c.open("GET", path) for path in paths]
            for path, stream in zip(paths, streams):
                assert stream.read().body == gate.streams.read(path)

    def test_are_interleaved(self, raw):
        """Two of the same kind share the connection: neither waits for the other's end."""
        raw.send(f.settings((f.INITIAL_WINDOW_SIZE, 0)), f.window_update(0, 2 * BIG_SIZE),
                 f.request(1, BIG, ("priority", "u=3, i")), f.request(3, BIG, ("priority", "u=3, i")))
        raw.read_until(lambda: {1, 3} <= set(raw.heads))  # both are ready to go
        raw.send(f.settings((f.INITIAL_WINDOW_SIZE, BIG_SIZE)))
        assert raw.read_response(1).body == BIG_CONTENT
        assert len([got for got in raw.seen if got.kind == f.DATA and got.stream == 3]) > 10

    def test_answers_overtake_each_other(self, h2_gate, origin):
        hold = origin.barrier()
        origin.script(rx("GET", "/a/slow.ts"), hold, tx(200, b"slow"))
        origin.script(rx("GET", "/a/quick.ts"), tx(200, b"quick"))
        gate = h2_gate(origins=[http_origin(origin)])
        with h2.Connection(gate.port, HOME) as c:
            slow = c.open("GET", "/a/slow.ts")
            assert c.open("GET", "/a/quick.ts").read().body == b"quick"
            hold.open()
            assert slow.read().body == b"slow"

    def test_more_than_allowed_are_refused_and_may_come_again(self, h2_gate, origin):
        """RFC 9113 5.1.2, 8.7"""
        hold = origin.barrier()
        for i in range(3):
            origin.script(rx("GET", f"/a/{i}.ts"), hold, tx(200, b"x"))
        gate = h2_gate(http={"max_streams": 3}, origins=[http_origin(origin)])
        with f.Client(gate.port, HOME) as c:
            c.send(*[f.request(2 * i + 1, f"/a/{i}.ts") for i in range(3)], f.request(7, "/a/3.ts"))
            assert f.code_of(c.wait(f.RST_STREAM, 7)) == f.REFUSED_STREAM
            hold.open()
            assert [c.read_response(stream).body for stream in (1, 3, 5)] == [b"x"] * 3
            assert c.is_served(9)

    def test_reset_one_the_others_go_on(self, h2_gate):
        gate = h2_gate()
        with f.Client(gate.port, HOME) as c:
            c.send(f.request(1, BIG), f.request(3, SEGMENT))
            c.wait(f.DATA, 1)
            c.send(f.rst(1), f.window_update(0, 1 << 20))
            assert c.read_response(3).body == CONTENT
            until(lambda: gate.count_of("client_left") == 1, "the reset is noticed")
            assert gate.counters()["h2_resets"] == 1
            c.send(f.window_update(1, 1 << 20))  # may still be on its way: RFC 9113 5.1
            assert c.is_served(5)

    def test_body_that_breaks_resets_its_stream_alone(self, h2_gate, origin):
        hold = origin.barrier()
        origin.script(rx("GET", "/a/s.ts"), head(200, content_length=100_000), data(b"x" * 50_000), hold,
                      lambda peer: peer.close())
        gate = h2_gate(origins=[http_origin(origin, retries=0)])
        with h2.Connection(gate.port, HOME) as c:
            stream = c.open("GET", "/a/s.ts")
            assert stream.read_content(50_000) == b"x" * 50_000
            hold.open()
            with pytest.raises(Closed):
                stream.read_content()
            assert stream.reset == f.INTERNAL_ERROR
            assert c.open("GET", "/health").read().status == 200

    def test_viewer_vanishes_with_many_open(self, h2_gate):
        gate = h2_gate()
        c = f.Client(gate.port, HOME)
        c.send(*[f.request(i, BIG) for i in range(1, 101, 2)])
        c.wait(f.DATA)
        c.close()
        gate.wait_all_given_back()
        assert gate.count_of("client_left") == 50


class TestGoAway:
    def test_idle_connection_is_told_at_the_stop(self, h2_gate):
        gate = h2_gate()
        with f.Client(gate.port, HOME) as c:
            assert c.is_served(1)
            gate.signal(signal.SIGTERM)
            assert c.error() == f.NO_ERROR and c.goaways[-1] == (1, f.NO_ERROR)
        assert gate.wait_exit(10) == 0

    def test_requests_under_way_are_finished(self, h2_gate):
        gate = h2_gate()
        with f.Client(gate.port, HOME) as c:
            c.send(f.request(1, BIG))
            c.wait(f.DATA)
            gate.signal(signal.SIGTERM)
            c.wait(f.GOAWAY)
            c.send(f.window_update(0, BIG_SIZE), f.window_update(1, BIG_SIZE))
            assert c.read_response(1).body == BIG_CONTENT
            assert c.error() == f.NO_ERROR and c.goaways[-1] == (1, f.NO_ERROR)
        assert gate.wait_exit(10) == 0

    def test_request_that_was_on_its_way_is_served_or_may_come_again(self, h2_gate):
        """RFC 9113 6.8: first a warning, then, once a PING has come back, the last stream that is served."""
        gate = h2_gate()
        with f.Client(gate.port, HOME, is_polite=False) as c:
            c.send(f.frame(f.SETTINGS, f.ACK, 0), f.request(1, BIG))
            c.wait(f.DATA)
            gate.signal(signal.SIGTERM)
            c.read_until(lambda: c.goaways and any(got.kind == f.PING for got in c.seen))
            assert c.goaways == [(2**31 - 1, f.NO_ERROR)]
            [ping] = [got.payload for got in c.seen if got.kind == f.PING]
            c.send(f.request(3, SEGMENT), f.window_update(0, 1 << 20), f.frame(f.PING, f.ACK, 0, ping))
            c.wait(f.GOAWAY)
            c.send(f.request(5, SEGMENT), f.window_update(1, BIG_SIZE), f.window_update(0, BIG_SIZE))
            assert c.error() == f.NO_ERROR and c.goaways[-1] == (3, f.NO_ERROR)
            assert set(c.ended) == {1, 3} and c.read_response(1).body == BIG_CONTENT
        assert gate.wait_exit(10) == 0

    def test_of_the_client_ends_the_connection_when_its_requests_are_done(self, gate):
        with f.Client(gate.port, HOME) as c:
            c.send(f.request(1, SEGMENT), f.goaway())
            assert c.read_response(1).body == CONTENT
            assert c.read_frame() is None or c.error() == f.NO_ERROR

    def test_at_the_end_of_idle_time(self, h2_gate):
        gate = h2_gate(http={"idle_timeout": "300ms"})
        with f.Client(gate.port, HOME) as c:
            assert c.error() == f.NO_ERROR
        assert gate.counters()["idle_timeouts"] == 1
