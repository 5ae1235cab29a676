"""The dashboard of several daemons over one Redis: each shows all of them."""
import json
import re
import struct
import time

import pytest

from support.events import Events
from support.fleet import on_redis
from support.gate import KEYS
from support.wait import until

pytestmark = pytest.mark.once

SEEN = {"Authorization": f"Bearer {KEYS['viewer']}"}
HELLO = {"instance": "aabbccdd", "at": 1.5, "version": "9", "uptime_seconds": 1, "workers": 1, "status": "healthy",
         "viewers": None, "bytes_per_second": 1, "requests_per_second": 0.5, "connections": 3}
NONSENSE = ["", "x", "[]", "{}", "1", '"x"', "{" * 2000, json.dumps(HELLO)[:-1],
            *(json.dumps(HELLO | {name: [1]}) for name in HELLO), json.dumps(HELLO | {"status": 1}),
            *(json.dumps(HELLO | {name: None}) for name in ("instance", "at", "status", "workers", "connections"))]


@pytest.fixture
def make_daemon(make_gate, redis):
    return lambda name: make_gate(folder=name, store=on_redis(redis))


def names(events):
    return {i["instance"] for i in events.snapshot()["instances"]}


def test_they_see_each_other(make_daemon):
    a, b = make_daemon("a"), make_daemon("b")
    with Events(a, SEEN) as of_a, Events(b, SEEN) as of_b:
        both = until(lambda: len(seen := names(of_a)) == 2 and seen, "a sees b")
        assert until(lambda: names(of_b) == both, "b sees a")
        assert of_a.snapshot()["instances"][0]["instance"] != of_b.snapshot()["instances"][0]["instance"], "each is its first"
        b.kill()
        until(lambda: len(names(of_a)) == 1, "a sees that b is gone")


def test_alone_without_the_store(make_daemon, redis):
    a, _ = make_daemon("a"), make_daemon("b")
    with Events(a, SEEN) as events:
        until(lambda: len(names(events)) == 2, "a sees b")
        redis.kill()
        until(lambda: len(names(events)) == 1, "nobody is said to be alive who may be gone")
        assert "store_down" in [warning["code"] for warning in until(lambda: events.snapshot()["warnings"])]
        redis.start()
        until(lambda: len(names(events)) == 2, "both are back")


def test_what_others_say_is_looked_at(make_daemon, redis):
    """A later version may say more; what is not of this shape is passed over."""
    a = make_daemon("a")
    key = until(lambda: [name for name in redis.keys() if name.endswith("instances")], "a has said something")[0]
    until_then = struct.pack(">d", time.time() + 60)
    for number, text in enumerate([json.dumps(HELLO | {"news": {"of": "tomorrow"}}), *NONSENSE]):
        redis.ask("HSET", key, number.to_bytes(16, "big"), until_then + text.encode())
    with Events(a, SEEN) as events:
        seen = until(lambda: len(all_of := events.snapshot()["instances"]) > 1 and all_of)
    assert seen[1:] == [HELLO]


def test_a_replica_that_went_while_nobody_looked(make_gate, make_redis):
    """Who opens the dashboard in the morning is told what has happened in the night."""
    primary = make_redis()
    replica = make_redis(replica_of=primary)
    primary.wait_replicas(1)
    gate = make_gate(store=on_redis(primary))
    replicas = lambda: int(re.search(r"^hlsgate_store_replicas (\d+)$", gate.api("GET", "/metrics", key="viewer").text, re.M)[1])
    until(lambda: replicas() == 1, "it is seen")
    until(lambda: len(gate.api("GET", "/api/history", key="viewer").json["at"]) > 1, "a sample was taken")
    replica.stop()
    until(lambda: replicas() == 0, "it is gone")
    with Events(gate, SEEN) as events:
        assert [warning["code"] for warning in events.snapshot()["warnings"]] == ["store_no_replica"]
