"""SIGHUP: a new configuration without dropping a viewer, or none at all when it has a mistake."""
import threading

import pytest

from support.signing import SECRET, sign
from support.streams import bytes_of
from support.wait import until

BASE = "/v/2026-01-02/movie1"
MASTER = f"{BASE}/master.m3u8"
SEGMENT = f"{BASE}/hd/s0.ts"
BIG = f"{BASE}/big.ts"
BIG_SIZE = 8 << 20
NEXT_SECRET = b"a secret for the season to come"


def two_secrets(gate):
    (gate.config_file.parent / "next.secret").write_bytes(NEXT_SECRET)
    return {"secrets": [{"id": "k2", "file": "next.secret"}, {"id": "k1", "file": "token.secret"}]}


@pytest.mark.multiworker
def test_a_secret_is_rotated_without_an_outage(make_gate):
    gate = make_gate(workers=2)
    v = gate.admitted()
    before = v.gets(sign(MASTER))
    fresh = sign(MASTER, secret=NEXT_SECRET)
    v.is_refused(fresh, "token_bad_sig")
    with v.connect() as held:
        held.request("GET", sign(MASTER), v.fields())
        assert held.read().status == 200
        gate.reload(token=two_secrets(gate))
        until(lambda: v.get(fresh).status == 200, "the new secret signs")
        held.request("GET", sign(MASTER), v.fields())  # the connection has seen it all
        assert held.read().status == 200
    assert v.gets(sign(MASTER)).status == 200
    gate.reload(token={"secrets": gate.config["token"]["secrets"][:1]})
    until(lambda: v.get(sign(MASTER, secret=SECRET)).status == 403, "the old secret is gone")
    assert before.status == 200


def test_a_running_download_is_not_touched(make_gate):
    gate = make_gate(access={"policy": {"segment": []}})
    gate.streams.write(BIG, bytes_of("big", BIG_SIZE))
    c = gate.connect(receive_buffer=16 << 10)
    c.request("GET", BIG)
    assert c.read_head().status == 200
    gate.reload(access={"policy": {"segment": ["credential"]}})
    v = gate.viewer()
    until(lambda: v.get(BIG).status == 403, "the new policy is in force")
    assert c.read_content(BIG_SIZE) == bytes_of("big", BIG_SIZE)
    c.close()


def test_a_mistake_changes_nothing(gate):
    v = gate.admitted()
    good = dict(gate.config)
    gate.reload(access={"policy": {"playlist": ["tokn"]}})
    assert "the old one stays in force" in gate.log and "access.policy.playlist" in gate.log
    v.gets(sign(MASTER))
    gate.viewer(ua="Other/1").is_refused(sign(MASTER), "no_grant")
    gate.config = good
    gate.reload()
    assert "the new configuration is in force" in gate.log


def test_api_keys_and_limits_change(gate):
    v = gate.admitted()
    keys = [k for k in gate.config["api"]["keys"] if k["scope"] != "admin"]
    gate.reload(api={"keys": keys}, grant={"ttl": "7s"})
    until(lambda: gate.api("GET", "/health", key="admin").status == 403, "the key is gone")
    assert gate.grant(v)["ttl"] == 7
    v.gets(sign(MASTER))


def test_another_root_is_not_served_from_what_was_cached(make_gate, tmp_path):
    gate = make_gate(access={"policy": {"segment": []}}, cache={"check": "1h", "hot_after": 1})
    gate.streams.movie()
    v = gate.viewer()
    old = v.gets(SEGMENT).body
    v.gets(SEGMENT)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / SEGMENT[1:]).parent.mkdir(parents=True)
    (elsewhere / SEGMENT[1:]).write_bytes(b"other bytes")
    gate.reload(origins=[{"prefix": "/", "filesystem": {"root": str(elsewhere)}}])
    until(lambda: v.get(SEGMENT).body == b"other bytes", "the new root")
    assert old != b"other bytes"


@pytest.mark.multiworker
def test_reloads_under_load(make_gate):
    gate = make_gate(workers=2)
    viewers = [gate.admitted(uid=f"u{i}", ua=f"Player/{i}") for i in range(4)]
    failed, over = [], threading.Event()

    def play(i, v):
        url = sign(MASTER, uid=f"u{i}")
        with v.connect() as c:
            while not over.is_set():
                c.request("GET", url, v.fields())
                if c.read().status != 200:
                    failed.append(v)

    threads = [threading.Thread(target=play, args=(i, v)) for i, v in enumerate(viewers)]
    for t in threads:
        t.start()
    for i in range(20):
        gate.reload(session={"ttl": f"{3600 + i}s"})
    over.set()
    for t in threads:
        t.join()
    assert not failed
