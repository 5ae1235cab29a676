"""What is compared over one Redis: hlsgate and a gate written in Lua for nginx (nginx_redis.lua), one worker each."""
import dataclasses
import json
import os
import statistics
import subprocess
import urllib.parse

import load
import media
from cases import fill, viewer_requests, viewers_file
from harness import TOOLS, USEC, Result, Servers, Target, in_turn

CONNECTIONS = 64
FEW_GRANTS = 1000
PREFIX = "hlsgate:"
WAYS = {"pipeline": "sismember", "script": "evalsha"}  # in which the peer asks Redis (nginx_redis.lua), and what it says each time
PARTS = ("gateway", "Redis")


def _costs(redis, run):
    """Of the gateway and of Redis, for each request of what `run` asks of the gateway."""
    before = redis.process.cpu_seconds()
    cost = run()
    return cost.usec_per_request, (redis.process.cpu_seconds() - before) / cost.requests * 1e6


@dataclasses.dataclass
class Subject:
    server: object
    url: str
    redis: object
    command: str  # of Redis, one for each admission

    def costs(self, run):
        """As above; that an admission passed Redis by is an error. `run` returns load.Cost."""
        calls = self.redis.calls_of(self.command)
        return _costs(self.redis, lambda: self._counted(run, calls))

    def _counted(self, run, calls):
        cost = run()
        calls = self.redis.calls_of(self.command) - calls
        if calls < cost.requests:
            raise load.LoadError(f"{self.server.name}: {cost.requests} requests, but {calls} times {self.command}")
        return cost


def _admitted(server, redis, command):
    """A gateway that has refused what it must, and admitted a viewer."""
    url = server.signed(media.SMALL)
    load.must_refuse(url)  # no grant
    server.grant(media.SMALL)
    load.must_refuse(url[:-1] + ("0" if url[-1] != "0" else "1"))
    load.must_refuse(url, "another viewer")
    load.fetch(url)
    load.must_refuse(url, "another viewer")
    return Subject(server, url, redis, command)


def _subjects(servers):
    """All over the same Redis, each with a viewer who has been admitted."""
    redis, found = servers.redis(), {}
    if servers.wants("hlsgate"):
        found["hlsgate"] = _admitted(servers.hlsgate_over(redis, PREFIX), redis, "evalsha")
    if servers.wants("nginx"):
        found |= {f"nginx, {way}": _admitted(servers.nginx_over(redis, way), redis, command) for way, command in WAYS.items()}
    return found


def _against_peers(at_most):
    return tuple(Target(at_most, f"nginx, {way}") for way in WAYS)


def _with_parts(rounds):
    """Rows of sums, then rows of what they are made of."""
    rows = {subject: [sum(costs) for costs in values] for subject, values in rounds.items()}
    for i, part in enumerate(PARTS):
        rows |= {f"{part} alone, {subject}": [costs[i] for costs in values] for subject, values in rounds.items()}
    return rows


def small_playlist(settings):
    def cost(s):
        return lambda: s.costs(lambda: load.run_wrk(s.server, s.url, CONNECTIONS, settings.seconds))

    with Servers(settings) as servers:
        rounds = in_turn(settings, {name: cost(s) for name, s in _subjects(servers).items()})
    return [Result(f"State in Redis: 225-byte playlist, {CONNECTIONS} connections, gateway and Redis together", USEC,
                   _with_parts(rounds), _against_peers(0.35),
                   ("every request was admitted by Redis: token, grant, session, use; no verdict was used twice",))]


def _peak(settings, s):
    """Requests a second that the machine can do with it, load generator included."""
    return lambda: load.run_wrk(s.server, s.url, CONNECTIONS, settings.seconds).requests / settings.seconds


def _paced(settings, s, rate):
    target = load.target_of(urllib.parse.urlsplit(s.url))
    argv = [f"{TOOLS}/paced", str(s.server.port), str(CONNECTIONS), str(rate), str(settings.seconds), target, load.USER_AGENT]

    def late():
        done = subprocess.run(argv, capture_output=True, text=True, timeout=settings.seconds + 60)
        if done.returncode != 0:
            raise load.LoadError(f"{s.server.name}: {done.stderr.strip()}")
        return json.loads(done.stdout)["p99"]

    return late


def _at_half_of_peak(settings, subjects, peaks):
    """Each at half of its own peak, and hlsgate at half of each peer's, too."""
    rates = {name: statistics.median(values) / 2 for name, values in peaks.items()}
    measures = {f"{name}, own rate": _paced(settings, s, rates[name]) for name, s in subjects.items()}
    if "hlsgate" in subjects:
        measures |= {f"hlsgate at the {way}'s rate": _paced(settings, subjects["hlsgate"], rates[peer])
                     for way in WAYS if (peer := f"nginx, {way}") in rates}
    return measures


def latency(settings):
    with Servers(settings) as servers:
        subjects = _subjects(servers)
        peaks = in_turn(settings, {name: _peak(settings, s) for name, s in subjects.items()})
        late = in_turn(settings, _at_half_of_peak(settings, subjects, peaks))
    targets = [Target(1.0, f"nginx, {way}", of) for way in WAYS for of in (f"hlsgate at the {way}'s rate", "hlsgate, own rate")]
    note = f"a request is due every so often, on {CONNECTIONS} connections, whatever became of those before; its time runs from then"
    return [Result("State in Redis: 225-byte playlist, as fast as the machine can with the load generator on it",
                   "requests per second", peaks),
            Result("State in Redis: latency, 99th percentile, at half of that rate", "µs", late, tuple(targets), (note,))]


def _segment_url(server):
    """As a player has it: from the playlist, with a gate token."""
    server.grant(media.SMALL)
    url = server.signed(media.SMALL)
    name = os.path.basename(media.SEGMENT)
    uri = next(line for line in load.fetch(url).decode().splitlines() if line.startswith(name))
    assert "gate=" in uri
    return urllib.parse.urljoin(url, uri)


def hot_segment(settings):
    """A gate token needs no store, whichever there is. Two that should be equal are told apart by many short turns."""
    if not settings.wants("hlsgate"):
        return []
    settings = dataclasses.replace(settings, rounds=settings.rounds * settings.seconds, seconds=1)
    measures = {}
    with Servers(settings) as servers:
        redis = servers.redis()
        for subject, server in (("hlsgate, state in Redis", servers.hlsgate_over(redis, PREFIX)),
                                ("hlsgate, embedded store", servers.hlsgate())):
            url = _segment_url(server)
            assert len(load.fetch(url)) == media.SEGMENT_BYTES
            measures[subject] = lambda s=server, u=url: sum(_costs(redis, lambda: load.run_wrk(s, u, 32, settings.seconds)))
        rounds = in_turn(settings, measures)
    return [Result("State in Redis: hot segment of 3 000 000 bytes, 32 connections, gateway and Redis together", USEC, rounds,
                   (Target(1.1, "hlsgate, embedded", "hlsgate, state in Redis"),))]


class _Crowd:
    """Redis with `count` grants, and in each turn FEW_GRANTS viewers of them who have not begun."""

    def __init__(self, settings, servers, count):
        self._settings, self._servers, self._count, self._turn = settings, servers, count, 0
        self._fill()

    def _fill(self):
        redis = self._servers.redis()
        fill(self._count, "redis", f"127.0.0.1:{redis.port}", PREFIX)
        self._subject = Subject(self._servers.hlsgate_over(redis, PREFIX), "", redis, "evalsha")

    def begin(self):
        """One at a time."""
        if self._turn > 0 and self._count == FEW_GRANTS:
            self._fill()  # all have begun
        requests = list(viewer_requests(self._count, FEW_GRANTS, self._turn))
        self._turn += 1
        self._viewers = viewers_file(self._settings.folder, f"viewers-{self._count}", requests)
        return self._subject.costs(lambda: load.fetch_one_by_one(self._subject.server, requests))

    def again(self):
        """Those who began last."""
        server = self._subject.server
        return self._subject.costs(
            lambda: load.run_wrk(server, server.base, CONNECTIONS, self._settings.seconds, self._viewers))

    def memory(self):
        return f"{self._subject.redis.process.resident_bytes() / (1 << 20):.0f} MiB of Redis"


def admission(settings):
    if not settings.wants("hlsgate"):
        return []
    with Servers(settings) as servers:
        crowds = {f"{count:,} grants".replace(",", " "): _Crowd(settings, servers, count)
                  for count in (settings.store_counts[-1], FEW_GRANTS)}
        notes = tuple(f"{subject}: {crowd.memory()}" for subject, crowd in crowds.items())
        first = in_turn(settings, {subject: crowd.begin for subject, crowd in crowds.items()})
        again = in_turn(settings, {subject: crowd.again for subject, crowd in crowds.items()})
    many, few = crowds
    target = Target(1.1, few, many)
    return [
        Result(f"State in Redis: {FEW_GRANTS} viewers begin, one at a time: grant found, session begun, token bound; gateway and "
               "Redis together", USEC, _with_parts(first), (target,), notes),
        Result(f"The same viewers again, in turn, {CONNECTIONS} connections", USEC, _with_parts(again), (target,)),
    ]


ALL = {
    "redis-playlist": small_playlist,
    "redis-latency": latency,
    "redis-segment": hot_segment,
    "redis-admission": admission,
}
