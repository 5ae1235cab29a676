"""The matrix: each check, on each class of path, against each way to be the wrong one. After every refusal the right
viewer still gets in, so nothing was spent."""
import pytest

from support.gate import ELSEWHERE
from support.signing import sign

BASE = "/v/2026-01-02/movie1"
PATHS = {"playlist": "hd/index.m3u8", "key": "hd/enc.key", "segment": "hd/s0.ts", "static": "poster.jpg",
         "other": "about.bin"}
CHECKS = ["token", "credential", "grant", "ip", "session"]

# What the right viewer brings: a session began before where "session" is looked for, a signed URL where a token is.
WRONG = {
    # name: (viewer, URL made from the path)
    "wrong network": ({"ip": ELSEWHERE}, lambda path: sign(path)),
    "wrong player": ({"ua": "Thief/1"}, lambda path: sign(path)),
    "wrong stream": ({}, lambda path: sign(path.replace("movie1", "movie2"))),
    "token of another path": ({}, lambda path: sign(path + ".x").replace(".x?", "?")),
    "expired": ({}, lambda path: sign(path, ttl=-10)),
    "no token": ({}, lambda path: path),
}

# The word for each (check, wrong); what is not here is let through by that check alone.
WORDS = {
    ("token", "token of another path"): "token_bad_sig",
    ("token", "expired"): "token_expired",
    ("token", "no token"): "token_missing",
    ("credential", "token of another path"): "token_bad_sig",
    ("credential", "expired"): "token_expired",
    ("credential", "no token"): "no_credential",
    ("grant", "wrong network"): "no_grant",
    ("grant", "wrong player"): "no_grant",
    ("grant", "wrong stream"): "grant_other_stream",
    ("ip", "wrong network"): "no_grant",
    ("ip", "wrong player"): "no_grant",
    ("session", "wrong network"): "no_session",
    ("session", "wrong player"): "no_session",
    ("session", "wrong stream"): "no_session",
    ("session", "no token"): "no_session",
}


# A playlist is where sessions begin: asked for by itself, "session" refuses none.
PAIRS = [(check, name) for check in CHECKS for name in PATHS if (check, name) != ("session", "playlist")]


@pytest.mark.parametrize("check, path_class", PAIRS)
def test_matrix(make_gate, streams, check, path_class):
    gate = make_gate(access={"policy": {name: [check] for name in PATHS}})
    streams.movie("movie2")
    right = gate.admitted()
    path = f"{BASE}/{PATHS[path_class]}"
    for wrong, (who, url_of) in WRONG.items():
        word = WORDS.get((check, wrong))
        if word:
            gate.viewer(**who).is_refused(url_of(path), word)
    if check != "session":
        right.gets(sign(path))


def test_nothing_is_spent_by_a_refusal(make_gate, streams):
    """One use there is; every wrong viewer comes before the right one."""
    gate = make_gate(access={"replay": {"mode": "count", "max_uses": 1, "ttl": "1h"}})
    right = gate.admitted()
    url = sign(f"{BASE}/master.m3u8")
    for who in ({"ip": ELSEWHERE}, {"ua": "Thief/1"}):
        gate.viewer(**who).is_refused(url, "no_grant")
    right.is_refused(url.replace("uid=u1", "uid=u2"), "token_bad_sig")
    assert gate.stats()["store"]["uses"] == 0 and gate.stats()["store"]["sessions"] == 0
    right.gets(url)
    right.is_refused(url, "token_used_up")


def test_replayed_key_and_playlist(make_gate):
    gate = make_gate(access={"replay": {"mode": "count", "max_uses": 1, "ttl": "1h"},
                             "key": {"mode": "count", "max_uses": 1, "retry": "0"}})
    v = gate.admitted()
    for name in ("hd/index.m3u8", "hd/enc.key"):
        url = sign(f"{BASE}/{name}")
        v.gets(url)
        v.is_refused(url, "token_used_up")


@pytest.mark.parametrize("path_class", PATHS)
def test_empty_policy_is_open(make_gate, streams, path_class):
    gate = make_gate(access={"policy": {path_class: []}})
    streams.movie()
    path = f"{BASE}/{PATHS[path_class]}"
    assert gate.viewer(ip=ELSEWHERE, ua="anybody").gets(path).body == streams.read(path)


def test_everything_everywhere(make_gate):
    every = ["token", "grant", "session", "use_limit"]
    gate = make_gate(access={"policy": {name: every for name in PATHS}})
    v = gate.admitted()
    for name in PATHS.values():
        v.gets(sign(f"{BASE}/{name}"))
        gate.viewer(ip=ELSEWHERE).is_refused(sign(f"{BASE}/{name}", ttl=3601), "no_grant")
        v.is_refused(f"{BASE}/{name}", "token_missing")
