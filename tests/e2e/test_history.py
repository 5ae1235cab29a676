"""/api/history: what was counted, over time."""
import re
import time

import pytest

from support import openapi
from support.gate import ELSEWHERE, http_origin
from support.origin import tx
from support.signing import sign
from support.wait import until

BASE = "/v/2026-01-02/movie1"
SEGMENT = f"{BASE}/hd/s0.ts"
OPEN = {"policy": {"segment": []}}
RANGES = {"5m": 1, "1h": 12, "24h": 300}


def history(gate, query="?range=5m"):
    response = gate.api("GET", "/api/history" + query, key="viewer")
    assert response.status == 200, response.text
    openapi.check_answer("GET", "/api/history", response)
    return response.json


def columns(seen):
    """name -> column, those of groups as "group.name"."""
    flat = {}
    for name, value in seen.items():
        for inner, column in value.items() if isinstance(value, dict) else [("", value)]:
            if isinstance(column, list):
                flat[f"{name}.{inner}" if inner else name] = column
    return flat


def known(column):
    return [value for value in column if value is not None]


def total(gate, name):
    """What a rate adds up to; each step lies between two points."""
    seen = history(gate)
    at, rates = seen["at"], columns(seen)[name]
    return sum(rate * (now - before) for before, now, rate in zip(at, at[1:], rates[1:]))


def wait_points(gate, n):
    """Before anything is asked: a step's length is known from the point before it."""
    return until(lambda: (seen := history(gate))["points"] >= n and seen, f"{n} points")


def wait_total(gate, name, value, within=0.02):
    until(lambda: abs(total(gate, name) - value) <= within * value, f"{name} adds up to {value}")


@pytest.mark.parametrize("range_, step", RANGES.items())
def test_columns_are_of_one_length(shared_gate, range_, step):
    seen = history(shared_gate, f"?range={range_}")
    assert (seen["range"], seen["step_seconds"]) == (range_, step)
    lengths = {len(column) for column in columns(seen).values()}
    assert lengths == {seen["points"]} and seen["points"] <= 300


def test_five_minutes_without_being_told(shared_gate):
    assert history(shared_gate, "")["range"] == "5m"


def test_every_column_is_in_the_manual(shared_gate):
    text = (openapi.SOURCE.parents[2] / "docs/api.md").read_text()
    section = text.split("\n## History\n")[1].split("\n## ")[0]
    manual = {name for row in re.findall(r"^\| (`[^|]+) \|", section, re.M) for name in re.findall(r"`(\w+)`", row)}
    seen = history(shared_gate)
    assert manual == {name for name, value in seen.items() if isinstance(value, (list, dict))} - {"at"}


def test_a_step_a_second(make_gate):
    started = time.time()
    seen = wait_points(make_gate(), 3)
    steps = [b - a for a, b in zip(seen["at"], seen["at"][1:])]
    assert all(0.5 < step for step in steps) and started < seen["at"][0] <= seen["at"][-1] <= time.time() + 0.1
    assert all(value > 1_000_000 for value in seen["memory_bytes"])
    assert all(0 <= value < 1000 for value in seen["cpu_percent"])


def test_what_viewers_got(make_gate):
    gate = make_gate(access=OPEN)
    wait_points(gate, 1)
    one, other = gate.admitted(), gate.admitted(ip=ELSEWHERE)
    size = sum(len(v.gets(SEGMENT).body) for v in [one, other] for _ in range(5))
    one.is_refused(sign(f"{BASE}/master.m3u8", ttl=-1), "token_expired")
    wait_total(gate, "requests_per_second.segment", 10)
    wait_total(gate, "denied_per_second", 1)
    seen = history(gate)
    assert 0.98 * size <= total(gate, "bytes_per_second") <= size + 1000, "what the API answers is no viewer's"
    assert seen["viewers"][-1] == 2
    assert known(seen["first_byte_ms"]["p50"]) and all(value > 0 for value in known(seen["first_byte_ms"]["p99"]))
    assert max(known(seen["requests_per_second"]["api"])) > 0


def test_connections(make_gate):
    gate = make_gate()
    held = [gate.connect() for _ in range(3)]
    until(lambda: history(gate)["connections"][-1:] >= [3], "three are open")
    for c in held:
        c.close()
    until(lambda: history(gate)["connections"][-1] < 3, "they are gone")


def test_nothing_answered_is_null_and_no_zero(make_gate):
    seen = wait_points(make_gate(), 1)
    assert not known(seen["first_byte_ms"]["p50"]) and not known(seen["hit_ratio"])
    assert known(seen["bytes_per_second"])


def test_hits_misses_and_what_they_saved(make_gate, origin):
    origin.routes(lambda request: tx(200, b"x" * 1000, cache_control="max-age=60"))
    gate = make_gate(access=OPEN, origins=[http_origin(origin)])
    wait_points(gate, 1)
    v = gate.viewer()
    for _ in range(4):
        v.gets(SEGMENT)
    until(lambda: gate.counters()["cache_bytes"] == 3000, "three of four came from memory")
    seen = until(lambda: (seen := history(gate)) and known(seen["hit_ratio"]) and seen, "a hit ratio")
    assert all(0 <= ratio <= 1 for ratio in known(seen["hit_ratio"])) and max(known(seen["hit_ratio"])) > 0
