"""Several daemons over one Redis, and what they share."""
import concurrent.futures
import re

from .gate import HOME, ROOT, uri_ending
from .signing import sign

BASE = "/v/2026-01-02/movie1"
MASTER = f"{BASE}/master.m3u8"
SEGMENT = f"{BASE}/hd/s0.ts"
OTHER = f"{BASE}/about.bin"


def user_of_the_example(password):
    """What redis.conf lets hlsgate do, with another password."""
    text = (ROOT / "examples/cluster-redis/redis.conf").read_text()
    return re.search(r"^user (hlsgate .*)", text, re.M)[1].replace("HLSGATE-PASSWORD", password)


def on_redis(server, **more):
    """The section `store`, for a server of the harness or an address; None: `more` says where it is. With time enough for
    a machine that does much else besides."""
    where = {"server": getattr(server, "address", server)} if server else {}
    return {"embedded": None, "redis": {"timeout": "1s", **where, **more}}


def at(gate, viewer):
    """The same viewer at another daemon."""
    return gate.viewer(viewer.ip, viewer.ua)


def segment_of(viewer, url=None, suffix="s0.ts"):
    """The link of a segment (key: enc.key) that this viewer is given."""
    child = uri_ending(viewer.gets(url or sign(MASTER)).text, MASTER, "hd/index.m3u8")
    return uri_ending(viewer.gets(child).text, child, suffix)


def other_viewer(gate, ua="Other/1", ip=HOME, **grant):
    """One who may watch too."""
    v = gate.viewer(ip=ip, ua=ua)
    gate.grant(v, **grant)
    return v


def race(gates, url, viewers, times):
    """All at once, each of `viewers` (ip, ua) at each daemon so many times: [(viewer, status)]."""
    todo = [(gate.viewer(*who), who) for gate in gates for who in viewers] * times
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda job: (job[1], job[0].get(url).status), todo))


def store_of(gate):
    return gate.stats()["store"]


def shared(gate):
    """What all daemons have together."""
    return store_of(gate)["shared"]
