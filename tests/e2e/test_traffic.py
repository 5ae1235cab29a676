"""What viewers were delivered is counted to the byte and reported, whatever happens on the way."""
import signal
import time

import pytest

from support.gate import HOME, NEXT_DOOR, http_origin, run
from support.origin import data, head, rx
from support.receiver import Stall
from support.signing import sign
from support.streams import bytes_of
from support.traffic import PATH, SIZE, TOKENS, counted, fetch, reports_of, top, wait_counted, wait_totals
from support.wait import until


@pytest.fixture
def make_metered(make_gate):
    """A gate where a signed URL is enough; with a receiver, it reports every second whatever there is."""
    def make(receiver=None, traffic=None, **config):
        reports = {"report_url": receiver.url, "interval": "1s", "threshold": 0} if receiver else {}
        gate = make_gate(**{"access": TOKENS, "traffic": reports | (traffic or {})} | config)
        gate.streams.movie()
        gate.streams.write(PATH, bytes_of("s0", SIZE))
        return gate

    return make


class TestCounting:
    def test_to_the_byte(self, make_metered):
        gate = make_metered(compression={"min_size": "1"})
        v = gate.viewer()
        url, playlist = sign(PATH, "u1"), sign("/v/2026-01-02/movie1/hd/index.m3u8", "u1")
        asked = [("GET", url, {}), ("GET", url, {"Range": "bytes=100-199"}), ("GET", url, {"Range": "bytes=-5"}),
                 ("GET", url, {"Range": "bytes=0-0, 10-19"}), ("HEAD", url, {}), ("GET", playlist, {}),
                 ("GET", playlist, {"Accept-Encoding": "gzip"}), ("GET", url, {"Range": "bytes=999999999-"}),
                 ("GET", sign("/v/2026-01-02/movie1/none.ts", "u1"), {})]
        got = [len(v.ask(method, target, fields).body) for method, target, fields in asked]
        etag = v.gets(url)["ETag"]
        assert v.ask("GET", url, {"If-None-Match": etag}).status == 304
        wait_counted(gate, {"u1": sum(got) + SIZE})
        line = top(gate)["u1"]
        assert line["request_count"] == len(asked) + 2
        assert line["bytes"]["playlist"] == got[5] + got[6]
        assert line["file_types"] == {"m3u8": got[5] + got[6], "ts": line["total_bytes"] - got[5] - got[6]}
        assert abs(line["start_time"] - time.time()) < 60

    def test_by_user(self, make_metered):
        gate = make_metered()
        fetch(gate, "u1", ip=HOME)
        fetch(gate, "u1", ip=HOME, ua="Another/1.0")
        fetch(gate, "u1", ip=NEXT_DOOR)
        fetch(gate, "u2")
        other = len(gate.viewer().gets("/v/2026-01-02/movie1/about.bin").body)
        denied = len(gate.viewer().is_refused(PATH, "token_missing").body)
        wait_counted(gate, {"u1": 3 * SIZE, "u2": SIZE, "unknown": other + denied})
        assert top(gate)["u1"]["unique_ips"] == 2
        assert list(top(gate)) == ["u1", "u2", "unknown"]
        assert list(top(gate, limit=1)) == ["u1"]

    def test_sessions_are_told_apart(self, make_gate):
        gate = make_gate()
        v = gate.admitted()
        v.play(sign("/v/2026-01-02/movie1/master.m3u8", "u1"))
        until(lambda: counted(gate))
        line = until(lambda: top(gate)["u1"])
        assert line["unique_sessions"] >= 1
        first = line["unique_sessions"]
        v.play(sign("/v/2026-01-02/movie1/master.m3u8", "u1"))  # the same session
        until(lambda: top(gate)["u1"]["request_count"] > line["request_count"])
        assert top(gate)["u1"]["unique_sessions"] == first

    def test_hostile_uids_are_text(self, make_metered):
        gate = make_metered()
        uids = ['<script>alert("1")</script>', "用户", "a\\u0041'\"", "unknown", "\u202e x"]
        for uid in uids:
            fetch(gate, uid)
        wait_counted(gate, dict.fromkeys(uids, SIZE))


class TestMidway:
    def half(self, origin, path, n=100_000):
        """A file of twice as many bytes, of which the second half waits."""
        hold = origin.barrier()
        content = bytes_of("live", 2 * n)
        origin.script(rx("GET", path), head(200, content_length=2 * n), data(content[:n]), hold, data(content[n:]))
        return hold, n

    def test_while_it_runs(self, make_metered, origin):
        gate = make_metered(origins=[http_origin(origin)])
        hold, n = self.half(origin, PATH)
        with gate.viewer().start(sign(PATH, "u1")) as c:
            c.read_head()
            c.read_content(n)
            wait_counted(gate, {"u1": n})
            assert top(gate)["u1"]["request_count"] == 1
            hold.open()
            c.read_content()
        wait_counted(gate, {"u1": 2 * n})
        assert top(gate)["u1"]["request_count"] == 1

    def test_who_leaves_has_got_what_he_got(self, make_metered, origin):
        gate = make_metered(origins=[http_origin(origin)])
        hold, n = self.half(origin, PATH)
        with gate.viewer().start(sign(PATH, "u1")) as c:
            c.read_head()
            c.read_content(n)
        until(lambda: gate.count_of("client_left") == 1)
        wait_counted(gate, {"u1": n})
        hold.open()
        gate.wait_gauge("fetches", 0)
        rest = gate.viewer().gets(sign(PATH, "u1"), {"Range": f"bytes={n}-"}, status=206)  # and comes back
        assert len(rest.body) == n
        wait_counted(gate, {"u1": 2 * n})

    def test_who_does_not_read_costs_what_the_socket_took(self, make_metered):
        gate = make_metered(cache={"memory": "64MiB"})
        size = 40_000_000
        gate.streams.write("/v/2026-01-02/movie1/big.ts", bytes_of("big", 1000) * (size // 1000))
        with gate.viewer().start(sign("/v/2026-01-02/movie1/big.ts", "u1")) as c:
            c.read_head()
            got = len(c.read_content(1_000_000))
        until(lambda: gate.count_of("client_left") == 1)
        until(lambda: counted(gate).get("u1", 0) >= got)
        assert counted(gate)["u1"] < size


class TestCrashes:
    def test_kill_9_loses_a_moment_at_most(self, make_metered):
        gate = make_metered()
        for _ in range(3):
            fetch(gate)
        wait_counted(gate, {"u1": 3 * SIZE})
        gate.kill()
        gate.start()
        wait_counted(gate, {"u1": 3 * SIZE})

    def test_a_second_is_all_that_is_at_risk(self, make_metered):
        gate = make_metered()
        written = gate.counters()["traffic_written"]
        fetch(gate)
        began = time.monotonic()
        until(lambda: gate.counters()["traffic_written"] > written, every=0.005)
        assert time.monotonic() - began < 1.0
        gate.kill()
        gate.start()
        wait_counted(gate, {"u1": SIZE})

    def test_a_clean_stop_loses_nothing(self, make_metered):
        gate = make_metered()
        total = 0
        for i in range(3):
            total += fetch(gate, f"u{i}")
            gate.stop()
            gate.start()
        wait_counted(gate, {f"u{i}": SIZE for i in range(3)})
        assert gate.api("GET", "/traffic", key="viewer").json["total_bytes"] == total


class TestReports:
    def test_the_body(self, make_metered, receiver):
        gate = make_metered(receiver, {"report_key": {"key": "sesame"}, "instance": "gate-7"})
        fetch(gate)
        report = until(lambda: receiver.reports)[0]
        assert report.target == "/api/traffic?from=hlsgate"
        assert report.fields["Authorization"] == "Bearer sesame"
        assert report.fields["Content-Type"] == "application/json"
        assert report.fields["X-Report-ID"] == report.id
        body = report.json
        line = body["traffic_details"][0]
        now = time.time()
        assert set(body) == {"report_id", "timestamp", "worker_id", "report_interval_seconds", "min_bytes_threshold",
                             "total_qualified_uids", "traffic_details", "summary"}
        assert (body["worker_id"], body["report_interval_seconds"], body["min_bytes_threshold"]) == ("gate-7", 1, 0)
        assert body["total_qualified_uids"] == len(body["traffic_details"]) == 1
        assert abs(body["timestamp"] - now) < 60
        assert set(line) == {"uid", "total_bytes", "total_mb", "request_count", "duration_seconds", "start_time",
                             "last_activity", "file_types", "unique_ips", "unique_sessions", "avg_bytes_per_request",
                             "bytes_per_second"}
        assert line["file_types"] == {"ts": SIZE} and line["total_mb"] == round(SIZE / 2**20, 2)
        assert body["summary"]["total_bytes"] == SIZE and body["summary"]["total_requests"] == 1
        until(lambda: reports_of(gate)["acknowledged"] == 1)
        assert reports_of(gate)["sent"] == 1 and reports_of(gate)["is_leader"]

    def test_all_is_reported_once(self, make_metered, receiver):
        gate = make_metered(receiver)
        for i in range(12):
            fetch(gate, f"u{i % 4}")
            until(lambda: counted(gate) or receiver.reports)
        wait_totals(receiver, {f"u{i}": 3 * SIZE for i in range(4)})
        until(lambda: counted(gate) == {})
        assert len(receiver.reports) == len(receiver.distinct())

    def test_the_threshold(self, make_metered, receiver):
        gate = make_metered(receiver, {"threshold": "500000"})
        fetch(gate, "much")
        fetch(gate, "little")
        fetch(gate, "much")
        wait_totals(receiver, {"much": 2 * SIZE})
        assert counted(gate) == {"little": SIZE}
        fetch(gate, "little")
        wait_totals(receiver, {"much": 2 * SIZE, "little": 2 * SIZE})

    def test_who_waits_long_is_reported_with_less(self, make_metered, receiver):
        gate = make_metered(receiver, {"threshold": "1GiB", "max_wait": "2s"})
        fetch(gate)
        wait_totals(receiver, {"u1": SIZE})

    @pytest.mark.parametrize("answer", [500, 404, 302, "close", "garbage"])
    def test_until_it_is_taken(self, make_metered, receiver, answer):
        receiver.answers = [answer]
        gate = make_metered(receiver)
        fetch(gate)
        until(lambda: len(receiver.reports) >= 2)
        until(lambda: reports_of(gate)["acknowledged"] == 1)
        assert reports_of(gate)["failed"] == 1
        assert receiver.reports[0].raw == receiver.reports[1].raw
        assert receiver.totals() == {"u1": SIZE}

    def test_late_answers(self, make_metered, receiver):
        """It has been taken, and nobody knows: the same report comes again."""
        late = Stall()
        receiver.answers = [late]
        gate = make_metered(receiver, {"timeout": "300ms"})
        fetch(gate)
        assert late.reached.wait(15)
        until(lambda: reports_of(gate)["last_error"])
        late.open()
        until(lambda: reports_of(gate)["acknowledged"] == 1)
        assert len(receiver.reports) == 2 and len(receiver.distinct()) == 1
        assert receiver.totals() == {"u1": SIZE}

    def test_viewers_do_not_notice(self, make_metered, receiver):
        stall = Stall()
        receiver.answers = [stall]
        gate = make_metered(receiver)
        fetch(gate)
        assert stall.reached.wait(15)
        for i in range(20):
            fetch(gate, "u2")
        wait_counted(gate, {"u2": 20 * SIZE})
        stall.open()
        wait_totals(receiver, {"u1": SIZE, "u2": 20 * SIZE})

    def test_a_receiver_that_is_down(self, make_metered, receiver):
        receiver.down()
        gate = make_metered(receiver, {"stop_timeout": "1s"})
        fetch(gate)
        until(lambda: reports_of(gate)["waiting"] == 1 and reports_of(gate)["last_error"])
        fetch(gate, "u2")
        until(lambda: reports_of(gate)["waiting"] == 2)
        gate.kill()
        gate.start()
        assert reports_of(gate)["waiting"] == 2
        gate.stop()
        gate.start()
        receiver.up()
        wait_totals(receiver, {"u1": SIZE, "u2": SIZE})
        until(lambda: reports_of(gate)["waiting"] == 0)

    def test_a_stop_sends_what_is_left(self, make_metered, receiver):
        gate = make_metered(receiver, {"interval": "1h"})
        until(lambda: reports_of(gate)["is_leader"])
        fetch(gate)
        gate.stop()
        assert receiver.totals() == {"u1": SIZE}
        gate.start()
        fetch(gate, "u2")
        gate.signal(signal.SIGINT)
        assert gate.wait_exit() == 0
        assert receiver.totals() == {"u1": SIZE, "u2": SIZE}

    def test_a_stop_waits_for_nobody_for_long(self, make_metered, receiver):
        stall = Stall()
        gate = make_metered(receiver, {"interval": "1h", "stop_timeout": "500ms"})
        until(lambda: reports_of(gate)["is_leader"])
        fetch(gate)
        wait_counted(gate, {"u1": SIZE})
        receiver.answers = [stall]
        began = time.monotonic()
        gate.stop()
        assert time.monotonic() - began < 10
        stall.open()
        gate.start()
        until(lambda: reports_of(gate)["acknowledged"] == 1)
        assert len(receiver.reports) == 2 and receiver.totals() == {"u1": SIZE}

    @pytest.mark.once
    def test_over_tls(self, make_metered, authority, receiver):
        """A certificate that nobody vouches for gets nothing."""
        context = authority.server("IP:127.0.0.1")
        receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
        url = receiver.url.replace("http:", "https:")
        gate = make_metered(receiver, {"report_url": url, "stop_timeout": "1s"})
        fetch(gate)
        until(lambda: reports_of(gate)["last_error"])
        assert receiver.reports == []
        gate.stop()
        gate.config["traffic"]["ca_file"] = str(authority.file)
        gate.write_config()
        gate.start()
        wait_totals(receiver, {"u1": SIZE})


class TestTheApi:
    def test_needs_a_key(self, make_metered):
        gate = make_metered()
        assert gate.api("GET", "/traffic", key=None).status == 401
        assert gate.api("GET", "/traffic", key="nonsense").status == 403
        assert gate.api("GET", "/traffic?limit=0", key="viewer").status == 400
        assert gate.api("POST", "/traffic", key="viewer", body={}).status == 405

    def test_without_a_receiver(self, make_metered):
        gate = make_metered()
        fetch(gate)
        wait_counted(gate, {"u1": SIZE})
        reports = reports_of(gate)
        assert not reports["is_sending"] and reports["waiting"] == 0


@pytest.mark.once
@pytest.mark.parametrize("traffic, key", [
    ({"report_url": "nonsense"}, "traffic.report_url"),
    ({"report_url": "ftp://a/b"}, "traffic.report_url"),
    ({"report_key": {"key": "abc"}}, "traffic.report_key"),
    ({"interval": "0s"}, "traffic.interval"),
    ({"threshold": "-1"}, "traffic.threshold"),
])
def test_mistakes_are_named(make_gate, traffic, key):
    gate = make_gate(start=False, traffic=traffic)
    done = run("check", "-c", gate.config_file, check=False)
    assert done.returncode != 0 and key in done.stdout + done.stderr
