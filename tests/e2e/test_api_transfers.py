"""/active-transfers: what is on its way, how fast, to whom."""
import pytest

from support.gate import ELSEWHERE, HOME
from support.signing import sign
from support.wait import until

LARGE = "/v/2026-01-02/movie1/hd/large.ts"
SIZE = 30_000_000
SLOW = {"receive_buffer": 8 << 10}


def transfers(gate, query=""):
    response = gate.api("GET", "/active-transfers" + query, key="viewer")
    assert response.status == 200, response.text
    return response.json


def wait_transfers(gate, n, query=""):
    return until(lambda: (t := transfers(gate, query))["matching"] == n and t, f"{n} transfers")["transfers"]


@pytest.fixture
def watching(gate, streams):
    """Who takes a large segment, slowly."""
    connections = []

    def watch(uid="u1", **viewer):
        v = gate.admitted(uid=uid, **viewer)
        streams.write(LARGE, b"x" * SIZE)
        connections.append(v.start(sign(LARGE, uid=uid), **SLOW))
        return connections[-1]

    yield watch
    for c in connections:
        c.close()


def test_none_at_rest_and_none_for_what_goes_at_once(gate):
    gate.admitted().gets(sign("/v/2026-01-02/movie1/hd/s0.ts"))
    assert transfers(gate) == {"total": 0, "matching": 0, "bytes_per_second": 0, "transfers": []}


def test_one_is_shown_while_it_runs(gate, watching):
    c = watching(ua='Player "<b>1</b>"')
    [t] = wait_transfers(gate, 1)
    until(lambda: transfers(gate)["transfers"][0]["first_byte_ms"], "its first byte")
    assert (t["uid"], t["client_ip"], t["path"], t["stream_key"], t["class"], t["status"], t["user_agent"]) == \
        ("u1", HOME, LARGE, "movie1", "segment", 200, 'Player "<b>1</b>"')
    assert t["total_bytes"] == SIZE and 0 <= t["bytes_sent"] < SIZE
    assert t["progress"] == pytest.approx(t["bytes_sent"] / SIZE)
    assert t["tls"] == gate.protocol.is_tls
    assert "token" not in str(t)
    c.close()
    wait_transfers(gate, 0)


def test_what_is_sent_grows_and_ends_whole(gate, watching):
    c = watching()
    before = wait_transfers(gate, 1)[0]["bytes_sent"]
    c.read_head()
    c.read_content(SIZE // 2)
    until(lambda: transfers(gate)["transfers"][0]["bytes_sent"] >= before + SIZE // 4, "more is sent")
    assert len(c.read_content()) == SIZE - SIZE // 2
    wait_transfers(gate, 0)


def test_of_a_range_the_range_is_the_whole(gate, streams):
    v = gate.admitted()
    streams.write(LARGE, b"x" * SIZE)
    with v.start(sign(LARGE), {"Range": "bytes=1000-20000999"}, **SLOW):
        [t] = wait_transfers(gate, 1)
        assert (t["status"], t["total_bytes"]) == (206, 20_000_000)
    wait_transfers(gate, 0)


def test_sorted_filtered_and_bounded(gate, watching):
    for uid, ip in (("u2", HOME), ("u1", ELSEWHERE), ("u3", HOME)):
        watching(uid=uid, ip=ip)
    wait_transfers(gate, 3)

    def uids(query):
        return [t["uid"] for t in transfers(gate, query)["transfers"]]

    assert uids("?sort=uid") == ["u3", "u2", "u1"]
    assert uids("?sort=uid&order=asc") == ["u1", "u2", "u3"]
    assert uids("?sort=uid&order=asc&limit=2") == ["u1", "u2"]
    assert uids("?sort=client&order=desc&limit=1") == ["u1"]
    assert uids("?uid=u2") == ["u2"]
    assert uids("?stream_key=movie2") == []
    for sort in ("duration", "bytes", "speed", "progress", "first_byte", "path"):
        assert sorted(uids(f"?sort={sort}&stream_key=movie1")) == ["u1", "u2", "u3"]
    answer = transfers(gate, "?uid=u1")
    assert (answer["total"], answer["matching"]) == (3, 1)


@pytest.mark.multiworker
def test_many_readers_while_viewers_come_and_go(make_gate, streams):
    """For ThreadSanitizer: lists of four workers, looked at while they change."""
    gate = make_gate(workers=4)
    v = gate.admitted()
    streams.write(LARGE, b"x" * 3_000_000)
    for _ in range(10):
        slow = [v.start(sign(LARGE), **SLOW) for _ in range(8)]
        seen = [transfers(gate, "?sort=speed")["total"] for _ in range(5)]
        assert all(0 <= n <= 8 for n in seen)
        for c in slow:
            c.close()
    wait_transfers(gate, 0)
