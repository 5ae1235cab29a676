"""Several daemons over one Redis are one gate: what is known to one is known to all."""
import re
import time

import pytest

from support.fleet import (MASTER, OTHER, SEGMENT, at, on_redis, other_viewer, race, segment_of, shared,
                           store_of, user_of_the_example)
from support.gate import ELSEWHERE, uri_ending
from support.redis_proxy import Fault
from support.signing import sign
from support.traffic import reports_of
from support.wait import DEADLINE, until, until_past

pytestmark = pytest.mark.once


@pytest.fixture
def make_fleet(make_gate):
    """make_fleet(server, ...) starts three daemons."""
    def make(server, count=3, redis=None, **config):
        store = on_redis(server, **redis or {})
        return [make_gate(folder=f"gate{n}", store=store, **config) for n in range(count)]

    return make


@pytest.fixture
def fleet(make_fleet, redis):
    return make_fleet(redis)


class TestOneTruth:
    def test_token_is_bound_for_all(self, fleet):
        a, b, c = fleet
        url = sign(MASTER)
        v = a.admitted()
        v.gets(url)
        for gate in (b, c):
            at(gate, v).gets(url)
            other_viewer(gate).is_refused(url, "token_other_viewer")

    @pytest.mark.multiworker
    def test_of_many_at_once_at_all_exactly_one_is_bound(self, fleet):
        url = sign(MASTER, uid="r")
        fleet[0].admitted()
        who = [(f"127.0.{10 + n}.1", "Racer") for n in range(5)]
        for ip, ua in who:
            other_viewer(fleet[0], ua, ip, uid="r")
        answers = race(fleet, url, who, 3)
        winners = {who for who, status in answers if status == 200}
        assert len(winners) == 1
        assert {status for who, status in answers if who not in winners} == {403}
        assert {status for who, status in answers if who in winners} == {200}

    @pytest.mark.multiworker
    def test_use_limit_is_one_for_all(self, make_fleet, redis):
        fleet = make_fleet(redis, access={"replay": {"mode": "count", "max_uses": 7, "ttl": "1h"}})
        v = fleet[0].admitted()
        answers = race(fleet, sign(MASTER), [(v.ip, v.ua)], 12)
        statuses = [status for _, status in answers]
        assert statuses.count(200) == 7 and statuses.count(403) == 29
        at(fleet[2], v).is_refused(sign(MASTER, expires=2_000_000_000, uid="u2"), "no_grant")

    def test_key_is_fetched_as_often_as_it_may_be_at_all_together(self, make_fleet, redis):
        a, b, _ = make_fleet(redis, access={"key": {"mode": "count", "max_uses": 1, "retry": "0"}})
        v = a.admitted()
        key = segment_of(v, suffix="enc.key")
        at(b, v).gets(key)
        v.is_refused(key, "token_used_up")

    @pytest.mark.parametrize("way", ["cookie", "header", "address"])
    def test_session_is_known_to_all_by(self, fleet, way):
        a, b, c = fleet
        v = a.admitted()
        cookie = v.gets(sign(MASTER))["Set-Cookie"].split(";")[0]
        fields = {"cookie": {"Cookie": cookie}, "header": {"X-Session-ID": cookie.split("=")[1]}, "address": {}}[way]
        for gate in (b, c):
            at(gate, v).gets(SEGMENT, fields)
            at(gate, v).gets(OTHER, fields)
            gate.viewer(ip=ELSEWHERE).is_refused(SEGMENT, "no_credential", fields=fields)
        until(lambda: shared(a)["sessions"] == 1, "it is one session")

    def test_session_carries_on_elsewhere_when_its_token_has_expired(self, fleet):
        a, b, _ = fleet
        v = a.admitted()
        expires = int(time.time()) + 1
        url = sign(MASTER, expires=expires)
        v.gets(url)
        until_past(expires)
        at(b, v).gets(url)
        b.viewer(ip=ELSEWHERE).is_refused(url, "token_expired")

    def test_grant_is_good_and_listed_everywhere(self, fleet):
        a, b, c = fleet
        v = a.admitted()
        at(b, v).gets(sign(MASTER))
        for gate in (b, c):
            entry, = gate.api("GET", "/whitelist-info").json["entries"]
            assert entry["uid"] == "u1" and entry["paths"] == ["movie1"]

    def test_sixth_pair_of_a_user_pushes_out_the_oldest_wherever_it_came_from(self, fleet, streams):
        streams.movie()
        viewers = [other_viewer(fleet[n % 3], f"Player/{n}") for n in range(6)]
        at(fleet[2], viewers[0]).is_refused(sign(MASTER), "no_grant")
        for n, v in enumerate(viewers[1:]):
            at(fleet[n % 3], v).gets(sign(MASTER, ttl=3600 + n))

    def test_stream_begun_at_one_plays_at_another(self, fleet):
        a, b, c = fleet
        v = a.admitted()
        link = segment_of(v)
        for gate in (b, c):
            before = store_of(gate)["calls"]
            at(gate, v).gets(link)
            assert gate.counters()["gate_tokens_admitted"] == 1
            gate.viewer(ip=ELSEWHERE).is_refused(link, "gate_bad_sig")
            assert gate.count_of("gate_bad_sig") == 1 and before <= store_of(gate)["calls"]
        at(c, v).play(sign(MASTER))

    def test_each_shows_its_own_figures_and_the_shared_ones(self, fleet):
        v = fleet[0].admitted()
        v.gets(sign(MASTER))
        want = {"grants": 1, "sessions": 1, "uses": 1}
        for gate in fleet:
            until(lambda: want.items() <= shared(gate).items(), "shared figures", deadline=max(DEADLINE, 5))
            store = store_of(gate)
            assert store["kind"] == "redis" and store["healthy"] and store["trouble"] == "" and store["server"]
        admissions = [gate.counters()["sessions_begun"] for gate in fleet]
        assert admissions == [1, 0, 0]


class TestRevocation:
    """Within a second at all, measured from the answer to the revocation."""

    @pytest.fixture
    def policy(self):
        return {}

    def revoked_within(self, gates, v, link, seconds=1.0, **what):
        gates[0].revoke(uid="u1", **what)
        begun = time.monotonic()
        until(lambda: all(at(gate, v).get(link).status == 403 for gate in gates for _ in range(4)), "revoked everywhere")
        took = time.monotonic() - begun
        assert took < seconds, took
        return took

    @pytest.mark.multiworker
    def test_reaches_every_worker_of_all(self, fleet):
        v = fleet[0].admitted()
        link = segment_of(v)
        for gate in fleet:
            at(gate, v).gets(link)
        self.revoked_within(fleet, v, link)
        for gate in fleet:
            at(gate, v).is_refused(link, "revoked")
            at(gate, v).is_refused(sign(MASTER, ttl=4000), "no_grant")

    def test_reaches_those_whose_subscription_broke_off(self, fleet, redis):
        v = fleet[0].admitted()
        link = segment_of(v)
        assert redis.kill_subscribers() >= len(fleet)
        self.revoked_within(fleet, v, link)

    def test_reaches_one_that_hears_no_news_at_all(self, make_gate, redis, make_proxy):
        proxy = make_proxy(redis)
        proxy.fault = Fault(commands=("SUBSCRIBE",), reply=b"-ERR no\r\n")
        deaf = make_gate(folder="deaf", store=on_redis(proxy))
        speaks = make_gate(folder="speaks", store=on_redis(redis))
        v = speaks.admitted()
        link = segment_of(v)
        at(deaf, v).gets(link)
        self.revoked_within([speaks, deaf], v, link)
        assert proxy.fault.met > 0

    def test_is_known_to_one_that_starts_later(self, make_gate, redis):
        a = make_gate(store=on_redis(redis))
        v = a.admitted()
        link = segment_of(v)
        a.revoke(uid="u1")
        later = make_gate(folder="later", store=on_redis(redis))
        until(lambda: at(later, v).get(link).status == 403, "it has read what was revoked", deadline=1)
        at(later, v).is_refused(link, "revoked")

    def test_ends_verdicts_that_are_used_again(self, make_fleet, redis):
        fleet = make_fleet(redis, redis={"verdict_ttl": "60s"}, access={"policy": {"segment": ["session"]}})
        v = fleet[0].admitted()
        v.gets(sign(MASTER))
        for gate in fleet:
            for _ in range(8):
                at(gate, v).gets(SEGMENT)
            assert store_of(gate)["reused"] > 0
        self.revoked_within(fleet, v, SEGMENT)

    def test_leaves_others_alone_and_a_new_grant_plays_again(self, fleet):
        a, b, c = fleet
        v, other = a.admitted(), other_viewer(a, uid="u2")
        theirs, mine = segment_of(other, sign(MASTER, uid="u2")), segment_of(v)
        self.revoked_within(fleet, v, mine)
        at(c, other).gets(theirs)
        b.grant(v)
        at(c, v).play(sign(MASTER))


def test_verdicts_are_not_used_again_when_that_is_turned_off(make_gate, redis):
    gate = make_gate(store=on_redis(redis, verdict_ttl="0"), access={"policy": {"segment": ["session"]}})
    v = gate.admitted()
    v.gets(sign(MASTER))
    before = store_of(gate)["calls"]
    for _ in range(5):
        v.gets(SEGMENT)
    assert store_of(gate)["reused"] == 0 and store_of(gate)["calls"] >= before + 5


class TestConnection:
    CASES = {
        "password": ({"password": "pass"}, {"password": {"key": "pass"}}),
        "ACL user": ({"users": [user_of_the_example("pass"), "default off"], "login": ("hlsgate", "pass")},
                     {"user": "hlsgate", "password": {"key": "pass"}}),
        "unix socket": ({"unix": True}, {}),
        "several connections": ({}, {"connections": 3}),
        "long timeout": ({}, {"timeout": "5s"}),
    }

    @pytest.mark.parametrize("case", CASES)
    def test_with(self, case, make_redis, make_gate):
        server, settings = self.CASES[case]
        server = make_redis(**server)
        gate = make_gate(store=on_redis(server, **settings))
        v = gate.admitted()
        link = segment_of(v)
        gate.revoke(uid="u1")
        until(lambda: v.get(link).status == 403, "revoked", deadline=1)
        store = store_of(gate)
        assert store["server"] == server.address and store["errors"] == store["connect_failures"] == 0

    def test_database_by_number(self, redis, make_gate):
        gate = make_gate(store=on_redis(redis, database=7))
        gate.admitted().gets(sign(MASTER))
        assert redis.keys() == {} and redis.keys(7)

    def test_prefixes_keep_gates_apart(self, redis, make_gate):
        one, two = (make_gate(folder=p, store=on_redis(redis, prefix=f"{p}:")) for p in ("one", "two"))
        v = one.admitted()
        link = segment_of(v)
        at(two, v).is_refused(sign(MASTER), "no_grant")
        two.grant(v)
        theirs = segment_of(at(two, v))
        two.revoke(uid="u1")
        until(lambda: at(two, v).get(theirs).status == 403, "revoked at that one", deadline=1)
        v.gets(link)
        assert one.api("GET", "/whitelist-info").json["total_entries"] == 1


class TestKeys:
    """What stands in the database."""

    def use_everything(self, gate):
        v = gate.admitted()
        v.play(sign(MASTER))
        body = {"uid": "u1", "clientIp": v.ip, "UserAgent": v.ua}
        assert gate.api("POST", "/api/static-whitelist", body, key="operator").status == 200
        other_viewer(gate, "Gone/1", uid="u2").gets(sign(MASTER, uid="u2"))
        gate.revoke(uid="u2")
        return v

    def test_all_begin_with_the_prefix_and_end(self, redis, make_gate):
        gate = make_gate(store=on_redis(redis, prefix="a-gate:"), access={"key": {"mode": "count"}})
        self.use_everything(gate)
        keys = redis.keys()
        assert len(keys) > 8
        assert [key for key in keys if not key.startswith("a-gate:")] == []
        assert [key for key, left in keys.items() if left < 0] == []

    def test_none_outlives_what_it_holds(self, redis, make_gate):
        gate = make_gate(store=on_redis(redis), grant={"ttl": "1s"}, session={"ttl": "1s", "max": "2s"},
                         access={"replay": {"mode": "count", "ttl": "1s"}})
        gate.admitted().gets(sign(MASTER))
        gate.revoke(uid="u1")
        gate.admitted().gets(sign(MASTER, ttl=3601))
        assert max(redis.keys().values()) <= 30 * 86400 * 1000
        # Whose version it is; who is here; how many uses end in which minute; what was delivered, which nobody takes here.
        own = re.compile(r"hlsgate:(meta|instances|uses|traffic(:(bytes|since|totals|lead|source:.{16}))?)", re.DOTALL)
        until(lambda: all(own.fullmatch(key) for key in redis.keys()), "all has ended but for what counts")

    def test_traffic_ends_with_its_report(self, redis, make_gate, receiver):
        gate = make_gate(store=on_redis(redis),
                         traffic={"report_url": receiver.url, "interval": "1s", "threshold": 0})
        gate.admitted().gets(sign(MASTER))
        until(lambda: reports_of(gate)["acknowledged"] == 1, "reported")
        left = {key.removeprefix("hlsgate:"): life for key, life in redis.keys().items()}
        assert [key for key in left if key in ("traffic", "traffic:bytes", "traffic:since") or key.startswith("report")] == []
        assert 0 < left["traffic:lead"] <= 10_000 and 0 < left["traffic:totals"] <= 30 * 86400 * 1000
        sources = [life for key, life in left.items() if key.startswith("traffic:source:")]
        assert sources and all(0 < life <= 86400 * 1000 for life in sources)

    def test_is_asked_once_for_a_token_and_never_for_what_a_playlist_names(self, redis, make_gate):
        gate = make_gate(store=on_redis(redis, verdict_ttl="0"))
        v = gate.admitted()
        url = sign(MASTER)
        link = segment_of(v, url)
        scripts = redis.calls_of("evalsha")
        for _ in range(20):
            v.gets(link)
            v.gets(link.replace("s0.ts", "index.m3u8"))
        by_signature = redis.calls_of("evalsha") - scripts
        for _ in range(20):
            v.gets(url)
        by_store = redis.calls_of("evalsha") - scripts - by_signature
        # Beside them: what each daemon asks now and then for news.
        assert by_signature < 10 and 20 <= by_store < 30, (by_signature, by_store)


class TestLosses:
    def test_scripts_are_loaded_again(self, redis, make_gate):
        gate = make_gate(store=on_redis(redis))
        v = gate.admitted()
        url = sign(MASTER)
        v.gets(url)
        redis.ask("SCRIPT", "FLUSH")
        for n in range(6):
            v.gets(url)
            other_viewer(gate, uid=f"w{n}").gets(sign(MASTER, uid=f"w{n}"))
        store = store_of(gate)
        assert store["reloads"] > 0 and store["errors"] == 0

    @pytest.mark.parametrize("way", ["FLUSHALL", "restart"])
    def test_empty_database_refuses_and_takes_grants_again(self, redis, make_gate, way):
        gates = [make_gate(folder=f"gate{n}", store=on_redis(redis)) for n in range(2)]
        v = gates[0].admitted()
        v.gets(sign(MASTER))
        if way == "restart":
            redis.stop()
            redis.start()
            until(lambda: all(store_of(gate)["healthy"] for gate in gates), "all have come back", deadline=5)
        else:
            redis.ask("FLUSHALL")
        for gate in gates:
            at(gate, v).is_refused(sign(MASTER, ttl=3700), "no_grant")
            at(gate, v).is_refused(SEGMENT, "no_credential")
        link = segment_of(gates[1].admitted())
        at(gates[0], v).gets(link)
        self.revoke_at_one(gates, v, link)

    def revoke_at_one(self, gates, v, link):
        gates[1].revoke(uid="u1")
        until(lambda: all(at(gate, v).get(link).status == 403 for gate in gates), "news after that too", deadline=1)

    def test_restart_is_followed_without_a_restart(self, redis, make_gate):
        gate = make_gate(store=on_redis(redis))
        v = gate.admitted()
        url = sign(MASTER)
        v.gets(url)
        redis.kill()
        until(lambda: v.get(url).status == 503, "the store is away")
        redis.start()
        begun = time.monotonic()
        until(lambda: store_of(gate)["healthy"], "it is back")
        assert time.monotonic() - begun < 5
        v.is_refused(sign(MASTER, ttl=3700), "no_grant")


class TestBigNumbers:
    @pytest.mark.parametrize("expires", [2**31, 2**32 + 1, 253402300799])
    @pytest.mark.parametrize("mode", ["bind", "count"])
    def test_far_future(self, redis, make_gate, expires, mode):
        gate = make_gate(store=on_redis(redis), access={"replay": {"mode": mode, "max_uses": 1_000_000, "ttl": "1h"}})
        url = sign(MASTER, expires=expires)
        v = gate.admitted()
        for _ in range(2):
            v.gets(url)
        other = other_viewer(gate)
        if mode == "bind":
            other.is_refused(url, "token_other_viewer")
        else:
            other.gets(url)
        assert min(redis.keys().values()) > 0

    def test_longest_names(self, redis, make_gate, streams):
        gate = make_gate(store=on_redis(redis))
        uid, name = "ü" * 64, "m" * 255
        path = streams.movie(name)
        v = gate.viewer(ua="x" * 2000)
        gate.grant(v, uid, path)
        link = uri_ending(v.gets(sign(path, uid=uid)).text, path, "hd/index.m3u8")
        v.gets(link)
        assert gate.api("GET", "/whitelist-info").json["entries"][0]["uid"] == uid
        gate.revoke(uid=uid)
        until(lambda: v.get(link).status == 403, "revoked", deadline=1)

    def test_many_grants_cost_what_few_do(self, redis, make_gate):
        """Counted in commands that Redis runs for one admission: nothing scans."""
        gate = make_gate(store=on_redis(redis), workers=1)
        v = gate.admitted()
        url = sign(MASTER)
        v.gets(url)

        def commands():
            redis.ask("CONFIG", "RESETSTAT")
            for _ in range(10):
                v.gets(url)
            return int(redis.info("stats")["total_commands_processed"])

        few = commands()
        for n in range(300):
            gate.grant(gate.viewer(ip=f"10.{n // 200}.{n % 200}.1"), uid=f"w{n}")
        assert commands() < few * 1.5 + 30
