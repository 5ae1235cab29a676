"""What a daemon has counted and reported, as its API and a receiver say."""
from .signing import sign
from .wait import until

TOKENS = {"policy": {name: ["token"] for name in ("key", "playlist", "segment")} | {"other": []}}
SIZE = 300_000
PATH = "/v/2026-01-02/movie1/s0.ts"


def top(gate, **query):
    response = gate.api("GET", "/traffic" + "".join(f"?{k}={v}" for k, v in query.items()), key="viewer")
    assert response.status == 200, response.text
    return {line["uid"]: line for line in response.json["top"]}


def counted(gate):
    """uid -> bytes."""
    return {uid: line["total_bytes"] for uid, line in top(gate).items()}


def reports_of(gate):
    return gate.api("GET", "/traffic", key="viewer").json["reports"]


def wait_counted(gate, want):
    """Exactly so many bytes, and no more after the next writing."""
    until(lambda: counted(gate) == want, f"counted {want}, not {counted(gate)}")


def wait_totals(receiver, want):
    until(lambda: receiver.totals() == want, f"reported {want}, not {receiver.totals()}")


def fetch(gate, uid="u1", path=PATH, **viewer):
    """A whole answer; how many bytes of content came."""
    return len(gate.viewer(**viewer).gets(sign(path, uid)).body)
