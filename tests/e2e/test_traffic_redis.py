"""Metering of several daemons over one Redis: figures come together, one of them reports, another takes over."""
import signal
import time

import pytest

from support.fleet import on_redis
from support.gate import HOME, NEXT_DOOR
from support.receiver import Stall
from support.streams import bytes_of
from support.traffic import PATH, SIZE, TOKENS, counted, fetch, reports_of, top, wait_counted, wait_totals
from support.wait import until

pytestmark = pytest.mark.once


@pytest.fixture
def make_pair(make_gate, redis, streams):
    """Two daemons; with a receiver, they report every second."""
    def make(receiver=None, **traffic):
        reports = {"report_url": receiver.url, "interval": "1s", "threshold": 0} if receiver else {}
        streams.movie()
        streams.write(PATH, bytes_of("s0", SIZE))
        return [make_gate(folder=name, access=TOKENS, store=on_redis(redis), traffic=reports | {"instance": name} | traffic)
                for name in ("a", "b")]

    return make


def leader_of(gates):
    """The one that reports, and the other."""
    def found():
        leads = [reports_of(gate)["is_leader"] for gate in gates]
        return leads.count(True) == 1 and leads

    return (gates if until(found, "one of them leads")[0] else gates[::-1])


def test_figures_come_together(make_pair):
    a, b = make_pair()
    fetch(a, ip=HOME)
    fetch(b, ip=NEXT_DOOR)
    fetch(b, ip=HOME)
    for gate in (a, b):
        wait_counted(gate, {"u1": 3 * SIZE})
        assert top(gate)["u1"]["unique_ips"] == 2
        assert top(gate)["u1"]["request_count"] == 3


def test_one_reports_for_all(make_pair, receiver):
    gates = make_pair(receiver)
    for i in range(6):
        fetch(gates[i % 2], f"u{i % 3}")
        until(lambda: receiver.reports)
    wait_totals(receiver, {f"u{i}": 2 * SIZE for i in range(3)})
    leader, other = leader_of(gates)
    assert reports_of(other)["sent"] == 0
    assert {report.json["worker_id"] for report in receiver.reports} == {leader.folder.name}
    assert len(receiver.reports) == len(receiver.distinct())


def test_another_takes_over(make_pair, receiver):
    """In the middle of a report: it comes again, with the same id, from the other."""
    stall = Stall()
    receiver.answers = [stall]
    leader, other = leader_of(make_pair(receiver))
    fetch(other)
    assert stall.reached.wait(15)
    leader.kill()
    fetch(other, "u2")
    until(lambda: reports_of(other)["is_leader"], "the other leads", deadline=30)
    wait_totals_of_ids(receiver, {"u1": SIZE, "u2": SIZE})
    stall.open()
    leader.start()
    assert not reports_of(leader)["is_leader"]


def wait_totals_of_ids(receiver, want):
    """As wait_totals(), where the same report has come from two instances: all but who sent it is the same."""
    def totals():
        sums = {}
        for report in {report.id: report for report in list(receiver.reports)}.values():
            for line in report.json["traffic_details"]:
                sums[line["uid"]] = sums.get(line["uid"], 0) + line["total_bytes"]
        return sums

    until(lambda: totals() == want, f"{want}, not {totals()}")
    ids = [report.id for report in receiver.reports]
    assert len(ids) > len(set(ids)), "the report that was under way has come again"


def test_a_stop_hands_over_at_once(make_pair, receiver):
    leader, other = leader_of(make_pair(receiver))
    leader.stop()
    fetch(other)
    wait_totals(receiver, {"u1": SIZE})
    assert reports_of(other)["is_leader"]


def test_redis_away_loses_nothing(make_pair, redis, receiver):
    """Counts wait in memory; what had no answer counts once."""
    gates = make_pair()
    fetch(gates[0])
    wait_counted(gates[0], {"u1": SIZE})
    redis.pause()
    for gate in gates:
        fetch(gate, "u2")
    until(lambda: gates[0].counters()["traffic_failed"] > 0 and gates[1].counters()["traffic_failed"] > 0)
    redis.resume()
    wait_counted(gates[0], {"u1": SIZE, "u2": 2 * SIZE})
    assert counted(gates[1]) == {"u1": SIZE, "u2": 2 * SIZE}


def test_a_stop_waits_for_redis(make_pair, redis):
    """That comes back just then: a fail-over is no reason to lose what was delivered."""
    stopping, other = make_pair()
    redis.kill()
    for _ in range(6):
        fetch(stopping)
    stopping.signal(signal.SIGTERM)
    until(stopping.is_refusing, "it stops")
    redis.start()
    assert stopping.wait_exit() == 0
    assert "could not be written" not in stopping.log
    wait_counted(other, {"u1": 6 * SIZE})


def test_a_stop_without_redis_is_soon_over(make_gate, redis, streams):
    """However many workers have counts that nobody takes: they wait together."""
    streams.write(PATH, bytes_of("s0", SIZE))
    gate = make_gate(access=TOKENS, store=on_redis(redis), workers=8)
    redis.kill()
    for _ in range(40):
        fetch(gate)
    began = time.monotonic()
    gate.signal(signal.SIGTERM)
    assert gate.wait_exit() == 0
    assert time.monotonic() - began < 10
    assert gate.log.count("could not be written") > 3
