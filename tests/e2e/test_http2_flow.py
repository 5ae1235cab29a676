"""HTTP/2: windows and priorities. Who reads slowly holds up nobody but himself, what a player cannot go on without goes first."""
import time

import pytest

from support import frames as f
from support import proto
from support.gate import HOME, Gate, http_origin, running
from support.origin import head, pour, rx
from support.streams import Streams, bytes_of, media
from support.wait import until, until_still

pytestmark = pytest.mark.once

SEGMENT = "/v/2026-01-02/movie1/hd/s0.ts"
CONTENT = bytes_of("movie1.hd.0", 20_000)
PLAYLIST = "/v/2026-01-02/movie1/hd/index.m3u8"
KEY = "/v/2026-01-02/movie1/hd/enc.key"
BIG, BIG_SIZE = "/v/2026-01-02/movie1/big.ts", 3_000_000
BIG_CONTENT = bytes_of("big", BIG_SIZE)
OPEN = {"policy": {"segment": [], "playlist": [], "key": []}}


@pytest.fixture(scope="module")
def gate(tmp_path_factory, authority):
    home = tmp_path_factory.mktemp("flow")
    with running(Gate(home, Streams(home / "streams"), proto.Protocol("h2c", authority), workers=1, access=OPEN)) as gate:
        gate.streams.movie()
        gate.streams.write(BIG, BIG_CONTENT)
        yield gate


@pytest.fixture
def own_gate(make_gate, authority):
    def make(**config):
        gate = make_gate(protocol=proto.Protocol("h2c", authority), workers=1, access=OPEN, **config)
        gate.streams.movie()
        gate.streams.write(BIG, BIG_CONTENT)
        return gate

    return make


def client(gate, *settings, **options):
    return f.Client(gate.port, HOME, preface=f.PREFACE + f.settings(*settings), **options)


def wait_data(c, stream, n):
    """Until so many bytes of it have come; then no more may, until a PING has come back."""
    c.read_until(lambda: len(c.content(stream)) >= n)
    c.send(f.frame(f.PING, 0, 0, b"whatever"))
    c.wait(f.PING)
    assert len(c.content(stream)) == n


class TestWindows:
    @pytest.mark.parametrize("window", [1, 100, 16384, 16385, 65535])
    def test_never_more_than_the_window(self, gate, window):
        with client(gate, (f.INITIAL_WINDOW_SIZE, window)) as c:
            c.send(f.request(1, BIG))
            wait_data(c, 1, window)
            c.send(f.window_update(1, 5))
            if window < 65535:
                wait_data(c, 1, window + 5)
            assert BIG_CONTENT.startswith(c.content(1))

    def test_zero_at_first(self, gate):
        with client(gate, (f.INITIAL_WINDOW_SIZE, 0)) as c:
            c.send(f.request(1, SEGMENT))
            assert c.wait(f.HEADERS, 1)
            wait_data(c, 1, 0)
            c.send(f.window_update(1, 20_000))
            wait_data(c, 1, 20_000)
            assert c.content(1) == CONTENT

    def test_empty_content_needs_none(self, gate):
        with client(gate, (f.INITIAL_WINDOW_SIZE, 0)) as c:
            c.send(f.request(1, SEGMENT, method="HEAD"))
            assert c.read_response(1).status == 200

    def test_settings_move_the_windows_of_open_streams(self, gate):
        """RFC 9113 6.9.2: below zero, too."""
        with client(gate, (f.INITIAL_WINDOW_SIZE, 10_000)) as c:
            c.send(f.request(1, SEGMENT))
            wait_data(c, 1, 10_000)
            c.send(f.settings((f.INITIAL_WINDOW_SIZE, 4_000)), f.window_update(1, 5_000))
            wait_data(c, 1, 10_000)
            c.send(f.window_update(1, 2_000))
            wait_data(c, 1, 11_000)
            c.send(f.settings((f.INITIAL_WINDOW_SIZE, 60_000)))
            wait_data(c, 1, 20_000)
            assert c.content(1) == CONTENT

    def test_of_the_connection_is_shared(self, gate):
        with client(gate, (f.INITIAL_WINDOW_SIZE, BIG_SIZE)) as c:
            c.send(f.request(1, BIG))
            wait_data(c, 1, f.WINDOW)
            c.send(f.request(3, SEGMENT))
            assert c.wait(f.HEADERS, 3)
            wait_data(c, 3, 0)
            c.send(f.window_update(0, 2 * BIG_SIZE))
            c.wait(f.DATA, 3, f.END_STREAM)
            assert c.content(3) == CONTENT

    def test_one_byte_at_a_time(self, gate):
        gate.streams.write("/v/small.ts", b"0123456789" * 5)
        with client(gate, (f.INITIAL_WINDOW_SIZE, 0)) as c:
            c.send(f.request(1, "/v/small.ts"))
            for i in range(50):
                c.send(f.window_update(1, 1))
                assert c.wait(f.DATA, 1).payload == b"0123456789"[i % 10:i % 10 + 1]
            assert c.seen[-1].flags & f.END_STREAM or c.wait(f.DATA, 1, f.END_STREAM).payload == b""


class TestSlowStreams:
    def test_hold_up_no_other_of_their_connection(self, gate):
        with client(gate) as c:
            c.send(f.window_update(0, 100 * BIG_SIZE), *[f.request(i, BIG) for i in range(1, 41, 2)])
            for i in range(1, 41, 2):
                c.read_until(lambda: len(c.content(i)) == f.WINDOW)
            for i in range(41, 81, 2):
                c.send(f.request(i, SEGMENT))
                assert c.read_response(i).body == CONTENT

    def test_nothing_is_gathered_for_them(self, own_gate, make_origin):
        """What is passed through uncached stays at its origin while its stream's window is closed."""
        size = 64 << 20
        origin = make_origin()
        floods = [pour(bytes_of("flood", 1 << 20)) for _ in range(4)]
        for i, flood in enumerate(floods):
            origin.script(rx("GET", f"/a/{i}.ts"), head(200, content_length=size, cache_control="no-store"), flood)
        origin.may_leave = True
        gate = own_gate(origins=[http_origin(origin)])
        before = gate.memory()
        with client(gate) as c:
            c.send(f.window_update(0, 1 << 30), *[f.request(2 * i + 1, f"/a/{i}.ts") for i in range(4)])
            for i in range(4):
                c.read_until(lambda: len(c.content(2 * i + 1)) == f.WINDOW)
            until_still(lambda: sum(flood.sent for flood in floods), "the origin is held up")
            assert gate.memory() - before < 16 << 20
        until(lambda: gate.count_of("client_left") == 4)

    def test_who_opens_no_window_is_dropped_in_time_and_alone(self, own_gate):
        gate = own_gate(http={"send_timeout": "500ms"})
        with client(gate, (f.INITIAL_WINDOW_SIZE, 0)) as c:
            c.send(f.request(1, SEGMENT))
            assert f.code_of(c.wait(f.RST_STREAM, 1)) in (f.CANCEL, f.INTERNAL_ERROR)
            assert gate.count_of("send_timeout") == 1
            c.send(f.settings((f.INITIAL_WINDOW_SIZE, 1 << 20)))
            c.send(f.request(3, SEGMENT))
            assert c.read_response(3).body == CONTENT

    def test_who_waits_for_his_turn_is_not_slow(self, own_gate):
        """Over a slow line the second of two waits longer than anybody may read nothing. The limit leaves a busy machine
        room: whoever opens no window for so long, because it has no processor either, is slow."""
        gate = own_gate(http={"send_timeout": "1s"})
        gate.streams.write("/v/endless.ts", bytes(32 << 20))  # more than can be asked for in time, 256 bytes at once
        with client(gate, (f.INITIAL_WINDOW_SIZE, 32 << 20)) as c:
            c.send(f.request(1, "/v/endless.ts"), f.request(3, BIG))
            wait_data(c, 1, f.WINDOW)
            end = time.monotonic() + 2.5
            while time.monotonic() < end:
                n = len(c.content(1))
                c.send(f.window_update(0, 256))
                c.read_until(lambda: len(c.content(1)) > n)
            c.send(f.rst(1), f.window_update(0, BIG_SIZE))
            assert c.read_response(3).body == BIG_CONTENT

    def test_who_reads_nothing_at_all_is_dropped_in_time(self, own_gate):
        gate = own_gate(http={"send_timeout": "500ms"})
        with client(gate, (f.INITIAL_WINDOW_SIZE, 2**31 - 1), receive_buffer=8 << 10) as c:
            c.send(f.window_update(0, 2**31 - 1 - f.WINDOW), *[f.request(i, BIG) for i in range(1, 21, 2)])
            until(lambda: gate.count_of("send_timeout") > 0, "given up")
            gate.wait_gauge("connections", 1)
        assert gate.counters()["send_timeouts"] == 1  # the connection; one or two had gone into the kernel's buffers
        assert gate.count_of("send_timeout") >= 7

    def test_answers_that_nobody_reads_have_an_end(self, own_gate):
        """PINGs without reading their answers: they are not gathered without bound."""
        gate = own_gate(http={"send_timeout": "500ms"})
        before = gate.memory()
        with client(gate, is_polite=False, receive_buffer=4 << 10) as c:
            for _ in range(300):
                c.try_to_send(f.frame(f.PING, 0, 0, b"12345678") * 1000)
            gate.wait_gauge("connections", 1)
        assert gate.memory() - before < 8 << 20


class TestPriorities:
    """RFC 9218. Requests wait with closed windows, so that all of them are there when the window opens."""

    def order(self, gate, *frames):
        """In which order the contents of these requests end."""
        with client(gate) as c:
            c.send(f.request(99_001, BIG))  # takes all of the connection's window
            wait_data(c, 99_001, f.WINDOW)
            c.send(*frames, f.rst(99_001), f.settings((f.INITIAL_WINDOW_SIZE, BIG_SIZE)))
            streams = {f.first_frame(frame)[0].stream for frame in frames} - {0}
            c.read_until(lambda: streams <= set(c.heads))
            c.send(f.window_update(0, 1 << 28))
            c.read_until(lambda: len(c.ended) == len(streams))
            return c.ended

    @pytest.fixture(autouse=True)
    def large_files(self, gate):
        gate.streams.write("/v/large/index.m3u8", media("#EXTINF:6,\ns.ts\n" * 20_000))
        gate.streams.write("/v/large/enc.key", b"k" * 16)

    @staticmethod
    def ask(i, path=BIG, *fields):
        return f.request(99_001 + 2 * i, path, *fields)

    def test_playlist_before_segments_when_the_client_says_nothing(self, gate):
        first = self.order(gate, self.ask(1), self.ask(2), self.ask(3, "/v/large/index.m3u8"))[0]
        assert first == 99_007

    def test_key_too(self, gate):
        assert self.order(gate, self.ask(1), self.ask(2), self.ask(3, "/v/large/enc.key"))[0] == 99_007

    def test_as_the_client_says(self, gate):
        order = self.order(gate, self.ask(1, BIG, ("priority", "u=7")), self.ask(2, BIG, ("priority", "u=5")),
                           self.ask(3, BIG, ("priority", "u=0")), self.ask(4, BIG, ("priority", "u=3")))
        assert order == [99_007, 99_009, 99_005, 99_003]

    def test_the_client_knows_better_than_the_server(self, gate):
        order = self.order(gate, self.ask(1, "/v/large/index.m3u8", ("priority", "u=6")), self.ask(2, BIG, ("priority", "u=1")))
        assert order == [99_005, 99_003]

    def test_not_incremental_ones_come_one_after_the_other(self, gate):
        assert self.order(gate, *[self.ask(i, BIG, ("priority", "u=3")) for i in (1, 2, 3)]) == [99_003, 99_005, 99_007]

    @pytest.mark.parametrize("value", ["u=9", "u=-1", "u", "i=?2", "\"", "u=1, u", "x" * 500])
    def test_nonsense_is_as_if_nothing_were_said(self, gate, value):
        assert set(self.order(gate, self.ask(1, BIG, ("priority", value)), self.ask(2))) == {99_003, 99_005}

    def update(self, i, value):
        stream = 99_001 + 2 * i
        return f.frame(f.PRIORITY_UPDATE, 0, 0, stream.to_bytes(4, "big") + value)

    def test_update_behind_the_request(self, gate):
        order = self.order(gate, self.ask(1), self.ask(2), self.update(2, b"u=0"), self.update(1, b"u=6"))
        assert order == [99_005, 99_003]

    def test_update_before_the_request(self, gate):
        """RFC 9218 7.1: it may overtake."""
        order = self.order(gate, self.update(1, b"u=6"), self.update(2, b"u=0"), self.ask(1), self.ask(2))
        assert order == [99_005, 99_003]

    @pytest.mark.parametrize("payload, codes", [(b"\0\0\0\0u=1", {f.PROTOCOL_ERROR}), (b"\0\0", {f.FRAME_SIZE_ERROR})],
                             ids=["of stream 0", "too short"])
    def test_malformed_update(self, gate, payload, codes):
        with client(gate) as c:
            c.send(f.frame(f.PRIORITY_UPDATE, 0, 0, payload))
            assert c.error() in codes
