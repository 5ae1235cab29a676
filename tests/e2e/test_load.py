"""Many at once, and slow ones: nobody holds up anybody else."""
import concurrent.futures
import os
import resource
import time

import pytest

from support.gate import HOME, OUTCOMES
from support.http import Closed, open_socket
from support.signing import sign
from support.streams import bytes_of
from support.wait import until, until_past

BASE = "/v/2026-01-02/movie1"
MASTER = f"{BASE}/master.m3u8"
BIG = f"{BASE}/big.ts"
BIG_SIZE = 4 << 20
OPEN = {"policy": {"segment": []}}


@pytest.fixture
def big(streams):
    streams.write(BIG, bytes_of("big", BIG_SIZE))
    return BIG


@pytest.mark.multiworker
def test_thousands_of_connections(make_gate):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gate = make_gate()
    v = gate.admitted()
    idle, count = [], 1000 if gate.protocol.is_tls else 5000  # handshakes take their time, most of it ours
    try:
        for _ in range(count):
            idle.append(v.connect())
        gate.wait_gauge("connections", count + 1)
        v.play(sign(MASTER))
        for c in idle[::100]:
            c.request("GET", "/health")
            assert c.read().status == 200
    finally:
        for c in idle:
            c.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    gate.wait_gauge("connections", 1)


def test_limit_of_connections(make_gate):
    gate = make_gate(workers=1, http={"max_connections": 10})
    held = [until(lambda: served(gate), "the one that asked for its health is gone") for _ in range(10)]
    assert not served(gate)
    for c in held:
        c.request("GET", "/health")
        assert c.read().status == 200
        c.close()
    until(lambda: served(gate), "room again").close()


def served(gate):
    """A connection that an answer has come on; None: there was none."""
    try:
        c = gate.connect(HOME)
        c.request("GET", "/health")
        assert c.read().status == 200
        return c
    except (Closed, ConnectionError):
        return None


@pytest.mark.multiworker
def test_many_viewers_of_one_hot_file(make_gate, big):
    gate = make_gate(access=OPEN)
    content = bytes_of("big", BIG_SIZE)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for response in pool.map(lambda _: gate.viewer().gets(big).body == content, range(48)):
            assert response


class TestSlowReaders:
    def test_does_not_hold_up_the_others(self, make_gate, big):
        gate = make_gate(workers=1, access=OPEN)
        slow = [gate.viewer().connect(receive_buffer=8 << 10) for _ in range(6)]
        for c in slow:
            c.request("GET", big)
            assert c.read_head().status == 200
        for _ in range(5):
            assert gate.viewer().gets(big).body == bytes_of("big", BIG_SIZE)
        for c in slow:
            assert c.read_content(BIG_SIZE) == bytes_of("big", BIG_SIZE)
            c.close()

    def test_who_reads_nothing_is_dropped_in_time(self, make_gate, big):
        gate = make_gate(access=OPEN, http={"send_timeout": "300ms"})
        with gate.viewer().connect(receive_buffer=8 << 10) as c:
            c.request("GET", big)
            until(lambda: gate.count_of("send_timeout") == 1, "send timeout")
            with pytest.raises((Closed, ConnectionResetError)):
                c.read_head()
                c.read_content()

    def test_who_reads_a_little_at_a_time_is_not(self, make_gate, big):
        gate = make_gate(access=OPEN, http={"send_timeout": "1s"})
        with gate.viewer().connect(receive_buffer=8 << 10) as c:
            c.request("GET", big)
            c.read_head()
            for _ in range(BIG_SIZE // (256 << 10)):
                c.read_content(256 << 10)
        assert gate.count_of("send_timeout") == 0

    @pytest.mark.h1_only
    def test_pipelining_without_reading_has_an_end(self, make_gate, big):
        """Requests are not read ahead without bound while a response waits."""
        gate = make_gate(access=OPEN)
        with gate.viewer().connect(receive_buffer=8 << 10) as c:
            c.sock.settimeout(0.5)
            request = f"GET {big} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 100
            sent = 0
            with pytest.raises(TimeoutError):
                for _ in range(2000):
                    sent += c.sock.send(request)
            assert gate.gauges()["requests"] <= 3


@pytest.mark.h1_only
class TestSlowSenders:
    def test_head_has_its_time(self, make_gate):
        gate = make_gate(http={"head_timeout": "300ms"})
        with gate.viewer().connect() as c:
            c.send(b"GET /health HTTP/1.1\r\nHost: ")
            assert c.read().status == OUTCOMES["head_timeout"]
            assert c.is_closed_by_peer()

    def test_drip_by_drip_does_not_renew_it(self, make_gate):
        gate = make_gate(http={"head_timeout": "500ms"})
        with gate.viewer().connect() as c:
            c.send(b"GET /health HTTP/1.1\r\nHost: x\r\nX: ")
            c.sock.settimeout(0.02)

            def is_over():
                try:
                    c.send(b"a")
                    return c._more() or True
                except TimeoutError:
                    return False
                except OSError:
                    return True

            until(is_over, "head timeout", deadline=8)

    def test_content_has_its_time(self, make_gate):
        gate = make_gate(http={"content_timeout": "300ms"})
        with gate.viewer().connect() as c:
            c.request("POST", "/api/whitelist", {"Content-Length": "100", "Authorization": "Bearer key-of-an-operator"})
            c.send(b'{"uid":')
            try:
                assert c.read().status == OUTCOMES["head_timeout"]
            except (Closed, ConnectionResetError):
                pass
            c.is_closed_by_peer()

    def test_idle_connection_has_its_time(self, make_gate):
        gate = make_gate(http={"idle_timeout": "300ms"})
        with gate.viewer().connect() as c:
            c.request("GET", "/health")
            assert c.read().status == 200
            assert c.is_closed_by_peer()

    def test_connection_that_never_speaks(self, make_gate):
        gate = make_gate(http={"idle_timeout": "300ms", "head_timeout": "300ms"})
        with gate.viewer().connect() as c:
            try:
                assert c.read().status == OUTCOMES["head_timeout"]
            except Closed:
                pass

    def test_do_not_hold_up_the_others(self, make_gate):
        gate = make_gate(workers=1)
        v = gate.admitted()
        slow = [v.connect() for _ in range(50)]
        for c in slow:
            c.send(b"GET / HTTP/1.1\r\nX: ")
        v.play(sign(MASTER))
        for c in slow:
            c.close()


class TestChanges:
    """A file that changes on disk is noticed within about a second."""

    PATH = f"{BASE}/s.ts"

    def reads(self, gate, content):
        until(lambda: gate.viewer().gets(self.PATH).body == content, "the new content", deadline=3)

    @pytest.mark.parametrize("times_asked", [1, 5])
    def test_replaced(self, make_gate, streams, times_asked):
        gate = make_gate(access=OPEN)
        streams.write(self.PATH, b"old")
        for _ in range(times_asked):
            assert gate.viewer().gets(self.PATH).body == b"old"
        streams.write(self.PATH, b"new")
        self.reads(gate, b"new")

    def test_grown_in_place(self, make_gate, streams):
        gate = make_gate(access=OPEN)
        streams.write(self.PATH, b"old")
        for _ in range(4):
            gate.viewer().gets(self.PATH)
        with streams.file(self.PATH).open("ab") as f:
            f.write(b" and more")
        self.reads(gate, b"old and more")

    def test_removed_and_back(self, make_gate, streams):
        gate = make_gate(access=OPEN)
        streams.write(self.PATH, b"old")
        for _ in range(4):
            gate.viewer().gets(self.PATH)
        streams.file(self.PATH).unlink()
        until(lambda: gate.viewer().get(self.PATH).status == 404, "gone", deadline=3)
        streams.write(self.PATH, b"back")
        self.reads(gate, b"back")

    def test_etag_changes_with_it(self, make_gate, streams):
        gate = make_gate(access=OPEN)
        streams.write(self.PATH, b"old")
        etag = gate.viewer().gets(self.PATH)["ETag"]
        streams.write(self.PATH, b"new")
        self.reads(gate, b"new")
        assert gate.viewer().gets(self.PATH)["ETag"] != etag


@pytest.mark.multiworker
def test_without_file_descriptors_it_neither_dies_nor_spins(make_gate):
    gate = make_gate(start=False)
    gate.wrapper = ["prlimit", "--nofile=80:80"]
    gate.start()
    crowd = [open_socket(gate.port, HOME) for _ in range(200)]
    began = cpu_seconds(gate)
    until_past(time.time())
    assert cpu_seconds(gate) - began < 0.5
    for c in crowd:
        c.close()
    until(lambda: served(gate), "room again").close()
    gate.wait_gauge("connections", 1)


def cpu_seconds(gate):
    fields = open(f"/proc/{gate.process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
