"""A Redis that is slow, silent, full, wrong or gone: an outcome, a counter, a line in the log; nobody is let in by it."""
import struct
import time

import pytest

from support.fleet import BASE, MASTER, OTHER, SEGMENT, on_redis, segment_of, store_of
from support.gate import ELSEWHERE, HOME, OUTCOMES
from support.redis_proxy import Fault
from support.resp import bulk
from support.signing import sign
from support.wait import DEADLINE, until

pytestmark = pytest.mark.once

TIMEOUT = 0.4  # store.redis.timeout: s
SLACK = DEADLINE / 15  # a machine that is busy, a daemon under sanitizers
QUICK = 0.05 * SLACK


@pytest.fixture
def proxy(redis, make_proxy):
    return make_proxy(redis)


@pytest.fixture
def gate(proxy, make_gate):
    return make_gate(store=on_redis(proxy, timeout=f"{TIMEOUT * 1000:g}ms"))


@pytest.fixture
def viewer(gate):
    v = gate.admitted()
    v.gets(sign(MASTER))
    return v


def timed(viewer, url):
    begun = time.monotonic()
    return viewer.get(url), time.monotonic() - begun


def is_away(viewer, url=None, word="store_down", within=TIMEOUT + SLACK):
    """503, in time, counted, and worth a retry."""
    before = viewer.gate.count_of(word)
    response, took = timed(viewer, url or sign(MASTER))
    assert response.status == OUTCOMES[word] == 503, response.text
    assert int(response["Retry-After"]) > 0 and took < within, took
    until(lambda: viewer.gate.count_of(word) > before, f"{word} counted")


def nobody_gets_in(gate):
    """Without a grant or a signature nothing is opened, whatever Redis says."""
    stranger = gate.viewer(ip=ELSEWHERE, ua="Stranger/1")
    for target in (sign(MASTER, ttl=3601), MASTER, SEGMENT, OTHER):
        assert stranger.get(target).status in (403, 503), target


def comes_back(viewer, deadline=5):
    until(lambda: store_of(viewer.gate)["healthy"], "the store is back", deadline=deadline)
    until(lambda: viewer.get(sign(MASTER)).status == 200, "plays again", deadline=deadline)
    # A machine that has no time for Redis loses it once more: it must be well in the end, not at every moment.
    until(lambda: viewer.gate.fetch("GET", "/health").status == 200, "and is well", deadline=deadline)


def trouble_of(gate):
    return store_of(gate)["trouble"]


class TestSlow:
    def test_answers_in_time_and_then_at_once(self, gate, viewer, proxy):
        proxy.fault = Fault(delay=3)
        is_away(viewer)
        assert store_of(gate)["timeouts"] > 0
        until(lambda: not store_of(gate)["healthy"], "the breaker is open")
        took = sorted(timed(viewer, sign(MASTER))[1] for _ in range(20))
        assert took[10] < QUICK, took
        assert store_of(gate)["refused"] > 0 and proxy.address in gate.log
        assert gate.fetch("GET", "/health").status == 503
        nobody_gets_in(gate)
        proxy.fault = None
        comes_back(viewer, deadline=10)

    def test_late_write_is_no_second_use(self, make_gate, proxy):
        gate = make_gate(folder="count", store=on_redis(proxy, timeout="400ms"),
                         access={"replay": {"mode": "count", "max_uses": 1}})
        v, url = gate.admitted(), sign(MASTER)
        proxy.fault = Fault(delay=1, script="admit")
        is_away(v, url)
        met = proxy.fault.met
        proxy.fault = None
        until(lambda: store_of(gate)["healthy"], "the store is back", deadline=5)
        statuses = [v.get(url).status for _ in range(5)]
        assert statuses.count(200) <= 1 and statuses[1:] == [403] * 4 and met > 0

    def test_by_default_within_a_quarter_of_a_second(self, proxy, make_gate):
        gate = make_gate(folder="default", store=on_redis(proxy, timeout=None))
        v = gate.admitted()
        proxy.fault = Fault(delay=3)
        is_away(v, within=0.25 + SLACK / 2)

    def test_slow_within_its_time_is_served(self, proxy, make_gate):
        gate = make_gate(folder="patient", store=on_redis(proxy, timeout="10s"))
        v = gate.admitted()
        proxy.fault = Fault(script="admit", delay=0.3)
        v.gets(sign(MASTER))
        assert proxy.fault.met == 1 and store_of(gate)["timeouts"] == 0

    def test_what_a_playlist_names_plays_on_while_it_is_frozen(self, gate, viewer, redis):
        segment, key = segment_of(viewer), segment_of(viewer, suffix="enc.key")
        redis.pause()
        for _ in range(3):
            for link in (segment, key, segment.replace("s0.ts", "index.m3u8")):
                response, took = timed(viewer, link)
                assert response.status == 200 and took < TIMEOUT
        is_away(viewer)
        redis.resume()
        comes_back(viewer, deadline=10)


def record(ends, last, started, session_id=b"A" * 22):
    """What an admission that repeats is answered: the count of its use, and its session."""
    return bulk(struct.pack(">I3d", 1, ends, last, started) + session_id)


class TestAnswers:
    """To an admission: what it is made of is looked at."""
    CASES = {
        "error": (b"-ERR something is wrong\r\n", "ERR"),
        "error of a script": (b"-WRONGTYPE Operation against a key holding the wrong kind of value script: 1\r\n",
                              "WRONGTYPE"),
        "loading": (b"-LOADING Redis is loading the dataset in memory\r\n", "LOADING"),
        "read-only": (b"-READONLY You can't write against a read only replica.\r\n", "READONLY"),
        "no primary": (b"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
                       "MASTERDOWN"),
        "no login": (b"-NOAUTH Authentication required.\r\n", "NOAUTH"),
        "not allowed": (b"-NOPERM this user has no permissions to run the 'evalsha' command\r\n", "NOPERM"),
        "snapshots fail": (b"-MISCONF Redis is configured to save RDB snapshots, but it's unable to.\r\n", "MISCONF"),
        "busy": (b"-BUSY Redis is busy running a script. You can only call SCRIPT KILL.\r\n", "BUSY"),
        "number": (b":1\r\n", ""),
        "status": (b"+OK\r\n", ""),
        "nothing": (b"$-1\r\n", ""),
        "text": (bulk(b"ADMITTED"), ""),
        "empty array": (b"*0\r\n", ""),
        "short array": (b"*3\r\n:1\r\n:0\r\n:1\r\n", ""),
        "numbers alone": (b"*12\r\n" + b":0\r\n" * 12, ""),
        "texts alone": (b"*12\r\n" + bulk(b"0") * 12, ""),
        "unknown verdict": (b"*12\r\n:0\r\n:99\r\n" + b":0\r\n" * 5 + bulk(b"") * 2 + b":0\r\n" * 2 + bulk(b""), ""),
        "negative verdict": (b"*12\r\n:0\r\n:-1\r\n" + b":0\r\n" * 5 + bulk(b"") * 2 + b":0\r\n" * 2 + bulk(b""), ""),
        "session with a wrong id": (b"*12\r\n:1\r\n:0\r\n:1\r\n:1\r\n:1\r\n:0\r\n:0\r\n" + bulk(b"x\r\nSet-Cookie: a=b") +
                                    bulk(b"u1") + b":1\r\n:2\r\n" + bulk(b"u1"), ""),
        "session with a long uid": (b"*12\r\n:1\r\n:0\r\n:1\r\n:1\r\n:1\r\n:0\r\n:0\r\n" + bulk(b"A" * 22) +
                                    bulk(b"u" * 129) + b":1\r\n:2\r\n" + bulk(b"u1"), ""),
        "record with a wrong id": (record(2e9, 1e9, 1e9, b"x\r\nSet-Cookie: a=b\r\n.."), ""),
        "record without end": (record(float("nan"), 1e9, 1e9), ""),
        "record for ever": (record(float("inf"), 1e9, float("-inf")), ""),
        "record and more": (bulk(b"\0" * 4000), ""),
        "array in an array": (b"*2\r\n:0\r\n*1\r\n*1\r\n*1\r\n:0\r\n", ""),
        "garbage": (b"hello, is this the right place?\r\n", ""),
        "HTTP": (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", ""),
        "more than there is memory": (b"$2147483647\r\nx", ""),
        "negative length": (b"*-7\r\n", ""),
    }

    @pytest.mark.parametrize("case", CASES)
    def test_that_cannot_be_used(self, case, gate, viewer, proxy):
        reply, says = self.CASES[case]
        before = store_of(gate)
        proxy.fault = Fault(script="admit", reply=reply)
        is_away(viewer)
        assert proxy.fault.met > 0
        nobody_gets_in(gate)
        after = store_of(gate)
        assert sum(after[name] - before[name] for name in ("errors", "timeouts", "refused")) > 0
        until(lambda: any(proxy.address in line and says in line for line in gate.log.splitlines()),
              f"a line that names the server and {says!r}")
        proxy.fault = None
        comes_back(viewer)

    def test_out_of_memory_has_a_word_of_its_own(self, gate, viewer, proxy):
        proxy.fault = Fault(script="admit", reply=b"-OOM command not allowed when used memory > 'maxmemory'.\r\n")
        is_away(viewer, word="store_full")
        nobody_gets_in(gate)
        until(lambda: any(proxy.address in line and "OOM" in line for line in gate.log.splitlines()), "says so")
        proxy.fault = None
        comes_back(viewer)

    @pytest.mark.parametrize("after", [0, 1, 30])
    @pytest.mark.parametrize("then", ["silence", "close", "reset"])
    def test_that_breaks_off(self, gate, viewer, proxy, after, then):
        proxy.fault = Fault(script="admit", after=after, then=then)
        is_away(viewer)
        nobody_gets_in(gate)
        assert store_of(gate)["timeouts"] > 0
        proxy.fault = None
        comes_back(viewer)

    def test_log_names_no_key_of_a_viewer_and_no_secret(self, gate, viewer, proxy):
        proxy.fault = Fault(script="admit", reply=b"-ERR unknown, with args beginning with: 'uid-of-a-viewer'\r\n")
        is_away(viewer)
        until(lambda: "ERR unknown" in gate.log, "says so")
        assert "uid-of-a-viewer" not in gate.log + trouble_of(gate)

    def test_all_answers_at_once_are_loading(self, gate, viewer, proxy):
        proxy.fault = Fault(reply=b"-LOADING Redis is loading the dataset in memory\r\n")
        proxy.cut()
        until(lambda: "LOADING" in trouble_of(gate), "trouble says it")
        is_away(viewer)
        proxy.fault = None
        comes_back(viewer)


class TestData:
    """Not what a script expects to find."""

    @pytest.mark.parametrize("spoil", [("SET", "{key}", "spoilt"), ("RPUSH", "{key}", "spoilt")])
    def test_of_a_wrong_type(self, gate, redis, spoil):
        v = gate.admitted()
        segment_of(v)
        errors = 0
        for key in redis.keys():
            kept = redis.ask("DUMP", key.encode("latin-1"))
            if kept is None:
                continue  # another one is in its place since
            redis.ask("DEL", key.encode("latin-1"))
            redis.ask(*(word.replace("{key}", key).encode("latin-1") for word in spoil))
            new = gate.viewer(ip=HOME, ua=f"New/{errors}")
            body = {"uid": "u1", "path": MASTER, "clientIp": new.ip, "UserAgent": new.ua}
            granted = gate.api("POST", "/api/whitelist", body, key="operator").status
            assert granted in (200, 503)
            statuses = {granted, v.get(sign(MASTER)).status, v.get(OTHER).status, new.get(sign(MASTER, ttl=3700)).status}
            assert statuses <= {200, 403, 503}, (key, statuses)
            errors += 503 in statuses
            nobody_gets_in(gate)
            redis.ask("RESTORE", key.encode("latin-1"), 600_000, kept, "REPLACE")
        assert errors > 2 and store_of(gate)["errors"] > 0
        assert any(gate.config["store"]["redis"]["server"] in line for line in gate.log.splitlines())
        comes_back(v)

    def test_of_a_grant_that_is_no_grant(self, gate, redis, viewer):
        with redis.client() as client:
            key, = [key for key in redis.keys() if key.startswith("hlsgate:g:")]
            field, = client("HKEYS", key)
            for value in (b"", b"\xff" * 20, b"\x93\x01\x02\x03", b"text"):
                client("HSET", key, field, value)
                other = gate.viewer(ua=viewer.ua, ip=viewer.ip).get(sign(MASTER, ttl=3800))
                assert other.status in (200, 403, 503)  # 200: its session carries on
                nobody_gets_in(gate)
        viewer.gate.grant(viewer)
        comes_back(viewer)

    def test_of_another_version(self, redis, make_gate):
        redis.ask("HSET", "hlsgate:meta", "version", "999")
        gate = make_gate(start=False, store=on_redis(redis)).start(health=503)
        gate.streams.movie()
        until(lambda: "999" in trouble_of(gate), "trouble says it")
        assert any(redis.address in line and "999" in line for line in gate.log.splitlines())
        nobody_gets_in(gate)
        assert redis.keys().keys() == {"hlsgate:meta"}
        redis.ask("DEL", "hlsgate:meta")
        until(lambda: store_of(gate)["healthy"], "it is ours now", deadline=5)
        comes_back(gate.admitted())


class TestFull:
    def test_memory(self, gate, viewer, redis):
        redis.ask("CONFIG", "SET", "maxmemory", 1)
        url = sign(MASTER, ttl=3601)
        is_away(viewer, url, word="store_full")
        nobody_gets_in(gate)
        response = gate.api("POST", "/api/whitelist", {"uid": "u9", "path": MASTER, "clientIp": "10.0.0.1",
                                                       "UserAgent": "x"}, key="operator")
        assert response.status == 503, response.text
        redis.ask("CONFIG", "SET", "maxmemory", 0)
        comes_back(viewer)
        viewer.gets(url)


class TestGone:
    def test_at_the_start(self, redis, make_gate):
        redis.stop()
        gate = make_gate(start=False, store=on_redis(redis)).start(health=503)
        gate.streams.movie()
        v = gate.viewer()
        is_away(v, within=QUICK + TIMEOUT)
        until(lambda: redis.address in gate.log and redis.address in trouble_of(gate), "it says who refuses")
        assert store_of(gate)["connect_failures"] > 0
        nobody_gets_in(gate)
        redis.start()
        until(lambda: store_of(gate)["healthy"], "it has come", deadline=5)
        gate.grant(v)
        v.gets(sign(MASTER))

    def test_cut_and_refused_and_back(self, gate, viewer, proxy):
        proxy.stop()
        is_away(viewer)
        until(lambda: not store_of(gate)["healthy"], "known to be away")
        took = sorted(timed(viewer, sign(MASTER))[1] for _ in range(20))
        assert took[10] < QUICK, took
        nobody_gets_in(gate)
        proxy.start()
        comes_back(viewer)

    def test_one_cut_connection_is_replaced_unseen(self, gate, viewer, proxy):
        before = gate.count_of("store_down")  # at its start /health had to wait for the store
        for _ in range(5):
            connects = store_of(gate)["connects"]
            proxy.cut()
            until(lambda: store_of(gate)["connects"] == connects + gate.config["workers"], "new ones", deadline=2)
            viewer.gets(sign(MASTER))
        assert gate.count_of("store_down") == before

    def test_comes_back_without_a_rush(self, make_gate, redis):
        """Attempts of many workers are spread, and few."""
        gates = [make_gate(folder=f"gate{n}", store=on_redis(redis), workers=4) for n in range(2)]
        redis.stop()
        until(lambda: all(not store_of(gate)["healthy"] for gate in gates), "away")
        before = sum(store_of(gate)["connect_failures"] for gate in gates)
        begun = time.monotonic()
        until(lambda: time.monotonic() - begun > 1.5, "a second and a half")
        failures = sum(store_of(gate)["connect_failures"] for gate in gates) - before
        assert 0 < failures < 8 * 10, failures
        redis.start()
        until(lambda: all(store_of(gate)["healthy"] for gate in gates), "back", deadline=5)

    def test_replica_as_server(self, redis, make_redis, make_gate):
        replica = make_redis(replica_of=redis)
        redis.wait_replicas(1)
        gate = make_gate(start=False, store=on_redis(replica)).start(health=503)
        gate.streams.movie()
        v = gate.viewer()
        is_away(v)
        until(lambda: any(replica.address in line and ("no primary" in line or "replica" in line)
                          for line in gate.log.splitlines()), "says what it is")
        assert replica.changes() == 0 == redis.changes()
        replica.ask("REPLICAOF", "NO", "ONE")
        until(lambda: store_of(gate)["healthy"], "it is the primary now", deadline=5)
        gate.grant(v)
        v.gets(sign(MASTER))

    def test_primary_that_turns_into_a_replica(self, redis, make_redis, gate, viewer):
        other = make_redis()
        redis.ask("REPLICAOF", "127.0.0.1", other.port)
        until(lambda: all(viewer.get(sign(MASTER)).status == 503 for _ in range(8)), "no worker trusts it", deadline=3)
        is_away(viewer)
        nobody_gets_in(gate)
        redis.ask("REPLICAOF", "NO", "ONE")
        until(lambda: store_of(gate)["healthy"], "trusted again", deadline=5)


class TestAllowSigned:
    @pytest.fixture
    def gate(self, proxy, make_gate):
        return make_gate(folder="signed", store=on_redis(proxy, timeout="400ms"),
                         access={"on_store_failure": "allow_signed"})

    def test_lets_verified_tokens_in_and_nothing_else(self, gate, viewer, proxy):
        viewer.play(sign(MASTER))
        proxy.stop()
        until(lambda: not store_of(gate)["healthy"], "away")
        health = viewer.get("/health")
        assert health.status == 200 and health.json["status"] == "degraded", "a balancer must not leave all out at once"
        viewer.play(sign(MASTER))
        gate.viewer(ip=ELSEWHERE).play(sign(MASTER, ttl=3600))
        assert gate.counters()["let_in_unchecked"] > 0
        gate.viewer().is_refused(sign(MASTER, secret=b"another secret, as long as it"), "token_bad_sig")
        for target in (sign(MASTER, ttl=-1), SEGMENT, OTHER, f"{BASE}/poster.jpg"):
            assert viewer.get(target).status in (403, 503), target
        proxy.start()
        comes_back(viewer)
        gate.viewer(ip=ELSEWHERE).is_refused(sign(MASTER, ttl=3602), "no_grant")

    def test_who_was_revoked_before_stays_out(self, gate, viewer, proxy):
        link = segment_of(viewer)
        gate.revoke(uid="u1")
        until(lambda: viewer.get(link).status == 403, "revoked", deadline=1)
        proxy.stop()
        until(lambda: not store_of(gate)["healthy"], "away")
        assert viewer.get(link).status == 403
        assert viewer.get(sign(MASTER)).status in (403, 503)
