"""The primary dies, freezes, or is taken away from its clients: nobody gets in by it, and soon all is as before."""
import collections
import itertools
import time

import pytest

from support.fleet import MASTER, SEGMENT, at, on_redis, other_viewer, segment_of, store_of
from support.load import Load, Player
from support.signing import sign
from support.wait import DEADLINE, until

pytestmark = pytest.mark.once

SETTLED = 5.0 * DEADLINE / 15  # after a promotion: s
COUNT = {"replay": {"mode": "count", "max_uses": 1, "ttl": "1h"}}


class Site:
    """Two daemons where a token belongs to its first viewer and two where it is good once, over one Redis."""

    def __init__(self, make_gate, watched):
        self.watched = watched
        store = on_redis(None, **watched.settings())
        self.bound = [make_gate(folder=f"bound{n}", store=store) for n in range(2)]
        self.once = [make_gate(folder=f"once{n}", store=store, access=COUNT) for n in range(2)]
        self.gates = self.bound + self.once
        self.players = []

    def viewers(self, count):
        """Each with a token of its own, which it has used; and a thief of it, who has a grant too."""
        self.bound[0].streams.movie()
        for n in range(count):
            uid, url = f"v{n}", sign(MASTER, uid=f"v{n}")
            owner = other_viewer(self.bound[0], f"Owner/{n}", f"127.1.{n}.1", uid=uid)
            thief = other_viewer(self.bound[0], f"Thief/{n}", f"127.2.{n}.1", uid=uid)
            owner.gets(url)
            for kind, v in (("owner", owner), ("thief", thief)):
                ports = itertools.cycle([gate.port for gate in self.bound])
                self.players.append(Player(kind, v.ip, v.ua, lambda ports=ports, url=url: (next(ports), url)))
        return self

    def single_use(self, count):
        """New tokens all the time, each asked for four times, at one daemon and then the other."""
        for n in range(count):
            v = other_viewer(self.once[0], f"Once/{n}", f"127.3.{n}.1", uid=f"o{n}")
            self.players.append(Player("once", v.ip, v.ua, self._four_times(f"o{n}")))
        return self

    def _four_times(self, uid):
        targets = ((gate.port, url) for expires in itertools.count(2_000_000_000)
                   for url in [sign(MASTER, uid=uid, expires=expires)] for gate in self.once * 2)
        return lambda: next(targets)

    def outsiders(self, count):
        """With a good signature and no grant."""
        url = sign(MASTER, uid="v0")
        for n in range(count):
            ports = itertools.cycle([gate.port for gate in self.gates])
            self.players.append(Player("outsider", f"127.4.{n}.1", "Outsider/1", lambda ports=ports: (next(ports), url)))
        return self

    def load(self):
        return Load(self.players)


@pytest.fixture
def watched(make_watched):
    return make_watched()


@pytest.fixture
def site(make_gate, watched):
    return Site(make_gate, watched)


def wait_answers(load, count=1000):
    seen = len(load.answers)
    until(lambda: load.error or len(load.answers) >= seen + count, "viewers watch", deadline=max(DEADLINE, 30))


def wait_quiet(load, since, seconds=1.0):
    """Until nobody was refused by the store for so long; when that began."""
    def quiet():
        last = max([a.came for a in load.answers if a.status == 503 and a.came > since], default=since)
        return last if time.monotonic() - last > seconds else 0

    return until(quiet, "normal again", deadline=max(DEADLINE, 20))


def wrong(load):
    """Answers that nobody may get, whatever happens to the store: the right viewer refused for good, a wrong one let in."""
    right = {"owner": {200, 503}, "thief": {403, 503}, "outsider": {403, 503}, "once": {200, 403, 503}}
    return [a for a in load.answers if a.status not in right[a.kind]][:5]


def accepted_twice(load, dying, dead):
    """Single-use tokens that one primary has accepted twice: both times before the old one died, or both times after.
    What was under way in between may have been either's."""
    times = collections.Counter()
    for a in load.of("once"):
        if a.status == 200 and (a.came < dying or a.asked > dead):
            times[a.url, a.asked > dead] += 1
    return [token for token, count in times.items() if count > 1]


def check(load, dying, dead, promoted, settled):
    assert wrong(load) == []
    assert accepted_twice(load, dying, dead) == []
    early = [a for a in load.answers if a.status == 503 and a.came < dying]
    late = [a for a in load.answers if a.status == 503 and a.asked > settled]
    assert early == [] and late == []
    assert settled - promoted < SETTLED, settled - promoted
    for kind, status in (("owner", 200), ("thief", 403), ("outsider", 403), ("once", 200)):
        for is_after in (False, True):
            some = [a for a in load.of(kind) if a.status == status and (a.asked > settled if is_after else a.came < dying)]
            assert some, (kind, status, is_after)


def nothing_is_asked_of(server):
    """No script has run there since the last look; a replica's writes are not clients'."""
    return server.calls_of("evalsha") + server.calls_of("eval") == 0


@pytest.mark.multiworker
def test_primary_dies_under_load(site, watched):
    old, replica = watched.first, watched.replicas[0]
    with site.viewers(30).outsiders(20).single_use(20).load() as load:
        wait_answers(load)
        assert nothing_is_asked_of(replica)
        dying = time.monotonic()
        old.kill()
        dead = time.monotonic()
        new = watched.wait_promoted(old)
        promoted = time.monotonic()
        settled = wait_quiet(load, promoted)
        wait_answers(load)
        old.start()
        new.wait_replicas(1)
        wait_answers(load)
        assert old.role() == "slave" and nothing_is_asked_of(old)
    assert new is replica
    check(load, dying, dead, promoted, settled)
    for gate in site.gates:
        store = store_of(gate)
        assert store["switches"] == 1 and store["server"] == new.address and store["healthy"] and store["trouble"] == ""
        until(lambda: store_of(gate)["replicas"] == 1, "its replica is counted")


@pytest.mark.multiworker
def test_primary_freezes_under_load_and_wakes_up(site, watched):
    """It still thinks it is the primary when it does."""
    old = watched.first
    with site.viewers(30).outsiders(20).single_use(20).load() as load:
        wait_answers(load)
        dying = time.monotonic()
        old.pause()
        dead = time.monotonic()
        new = watched.wait_promoted(old)
        promoted = time.monotonic()
        settled = wait_quiet(load, promoted)
        old.resume()
        old.ask("CONFIG", "RESETSTAT")  # behind what had been sent to it before it froze
        wait_answers(load)
        new.wait_replicas(1)
        wait_answers(load)
        assert old.role() == "slave" and nothing_is_asked_of(old)
    check(load, dying, dead, promoted, settled)


def test_switch_by_hand_with_one_sentinel_frozen_and_the_replica_too_for_a_while(site, watched):
    frozen, *awake = watched.sentinels
    replica = watched.replicas[0]
    with site.viewers(10).outsiders(5).single_use(5).load() as load:
        wait_answers(load, 300)
        frozen.pause()
        replica.pause()
        wait_answers(load, 500)
        replica.resume()
        assert [a for a in load.answers if a.status in (0, 503)] == []
        until(lambda: all(s.knows(1, 2) or s.knows(1, 1) for s in awake), "the replica is there again")
        begun = time.monotonic()
        until(lambda: can_fail_over(awake[0]), "a switch by hand")
        new = watched.wait_promoted(watched.first, of=awake)
        promoted = time.monotonic()
        settled = wait_quiet(load, promoted)
        wait_answers(load, 300)
        assert new is replica
        frozen.resume()
        wait_answers(load, 300)
    assert wrong(load) == [] and settled - promoted < SETTLED
    assert [a for a in load.answers if a.status == 503 and not begun < a.came <= settled] == []
    for gate in site.gates:
        assert store_of(gate)["switches"] == 1 and store_of(gate)["server"] == new.address


def can_fail_over(sentinel):
    try:
        return sentinel.ask("SENTINEL", "FAILOVER", "hlsgate") == b"OK"
    except Exception:  # NOGOODSLAVE, until it has looked again
        return False


def test_what_was_known_before_is_known_after(make_gate, watched):
    """Grants, sessions, bindings and revocations: all that the replica had."""
    a, b = (make_gate(folder=f"gate{n}", store=on_redis(None, **watched.settings())) for n in range(2))
    v, gone = a.admitted(), other_viewer(a, "Gone/1", uid="u2")
    url = sign(MASTER)
    link, lost = segment_of(v, url), segment_of(gone, sign(MASTER, uid="u2"))
    a.revoke(uid="u2")
    watched.first.wait_replicated()
    watched.first.kill()
    watched.wait_promoted(watched.first)
    until(lambda: all(store_of(gate)["healthy"] for gate in (a, b)), "followed", deadline=SETTLED)
    for gate in (a, b):
        at(gate, v).gets(url)
        at(gate, v).gets(SEGMENT)
        at(gate, v).gets(link)
        other_viewer(gate).is_refused(url, "token_other_viewer")
        at(gate, gone).is_refused(lost, "revoked")
        at(gate, gone).is_refused(sign(MASTER, uid="u2", ttl=3700), "no_grant")
    b.revoke(uid="u1")
    until(lambda: all(at(gate, v).get(link).status == 403 for gate in (a, b)), "news from the new primary", deadline=1)


def test_sentinels_with_a_password_and_one_that_lies_dead(make_gate, make_redis, make_sentinel):
    redis = make_redis(password="of-redis")
    sentinels = [make_sentinel(redis, password="of-sentinel") for _ in range(3)]
    sentinels[0].kill()
    gate = make_gate(store=on_redis(None, sentinels=[s.address for s in sentinels], primary="hlsgate",
                                    password={"key": "of-redis"}, sentinel_password={"key": "of-sentinel"}))
    gate.admitted().gets(sign(MASTER))


class TestWait:
    """wait_replicas: what no replica has is not done."""

    @pytest.fixture
    def replica(self, redis, make_redis):
        replica = make_redis(replica_of=redis)
        redis.wait_replicas(1)
        return replica

    @pytest.fixture
    def gate(self, replica, redis, make_gate):
        return make_gate(store=on_redis(redis, wait_replicas=1))

    def test_with_a_replica_all_is_well(self, gate):
        v = gate.admitted()
        v.play(sign(MASTER))
        gate.revoke(uid="u1")
        assert store_of(gate)["unacknowledged"] == 0 == store_of(gate)["errors"]

    @pytest.mark.parametrize("way", ["stopped", "frozen"])
    def test_without_it_what_writes_is_refused_and_counted(self, gate, replica, way):
        v = gate.admitted()
        url = sign(MASTER)
        v.gets(url)
        replica.stop() if way == "stopped" else replica.pause()
        begun = time.monotonic()
        assert v.get(sign(MASTER, ttl=3601)).status == 503
        assert time.monotonic() - begun < 1.0 * DEADLINE / 15
        assert store_of(gate)["unacknowledged"] > 0
        v.gets(url)  # only reads
        replica.start() if way == "stopped" else replica.resume()
        until(lambda: v.get(sign(MASTER, ttl=3602)).status == 200, "acknowledged again", deadline=max(DEADLINE, 20))
