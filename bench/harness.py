"""
What every case is made of: what is asked of it, servers that are stopped at the end, results and their targets. Subjects
are measured in turn, round after round, so that whatever else the machine does meets all of them.
"""
import dataclasses
import os
import time

import load
import redis_servers
import tls_servers
from proxies import Haproxy, NginxProxy, Origin, PacedOrigin, Varnish
from servers import Hlsgate, Nginx, from_folder, from_server

TOOLS = "build/bench"
USEC = "µs CPU per request"
PEERS = ("nginx", "haproxy", "varnish", "h2o")
STORE_COUNTS = (10, 10_000, 1_000_000)


@dataclasses.dataclass
class Settings:
    hlsgate: str  # the binary
    folder: str   # temporary, ours
    rounds: int
    seconds: int  # of load per measurement
    only: str     # one server, "peers" or ""
    store_counts: tuple = STORE_COUNTS

    @property
    def root(self):
        return os.path.join(self.folder, "root")

    def wants(self, name):
        return self.only in ("", name) or (self.only == "peers" and name in PEERS)


@dataclasses.dataclass
class Target:
    """What the subjects that begin with `of` may reach: so many times the subject that begins with `over`, or this at all."""
    at_most: float
    over: str = None
    of: str = "hlsgate"


@dataclasses.dataclass
class Result:
    title: str
    unit: str
    rounds: dict         # subject -> values
    targets: tuple = ()
    notes: tuple = ()


class Servers:
    """Starts what a case asks for, stops it at the end."""

    def __init__(self, settings):
        self._settings, self._running = settings, []
        self.wants = settings.wants

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in reversed(self._running):
            server.stop()

    def _folder(self, name):
        return os.path.join(self._settings.folder, f"{name}-{time.monotonic_ns()}")

    def _started(self, server):
        self._running.append(server)
        return server

    def nginx(self):
        return self._started(Nginx(self._folder("nginx"), self._settings.root))

    def hlsgate(self, folder=None):
        return self._started(Hlsgate(self._settings.hlsgate, folder or self._folder("hlsgate"),
                                     from_folder(self._settings.root)))

    def hlsgate_of(self, name, more):
        """Another binary of the same build, or the usual one (""), with more in its configuration."""
        binary = os.path.join(os.path.dirname(self._settings.hlsgate), name or os.path.basename(self._settings.hlsgate))
        return self._started(Hlsgate(binary, self._folder("hlsgate"), from_folder(self._settings.root), more=more))

    def redis(self):
        return self._started(redis_servers.Redis(self._folder("redis")))

    def hlsgate_over(self, redis, prefix="hlsgate:"):
        return self._started(Hlsgate(self._settings.hlsgate, self._folder("hlsgate"), from_folder(self._settings.root),
                                     store=redis_servers.in_redis(redis, prefix)))

    def nginx_over(self, redis, way):
        return self._started(redis_servers.NginxRedis(self._folder("nginx"), self._settings.root, redis, way))

    def certificate(self):
        return tls_servers.Certificate(self._folder("certificate"))

    def hlsgate_tls(self, certificate):
        return self._started(tls_servers.HlsgateTls(self._settings.hlsgate, self._folder("hlsgate"),
                                                    from_folder(self._settings.root), certificate))

    def nginx_tls(self, certificate):
        return self._started(tls_servers.NginxTls(self._folder("nginx"), self._settings.root, certificate))

    def h2o(self, certificate):
        return self._started(tls_servers.H2o(self._folder("h2o"), self._settings.root, certificate))

    def hlsgate_before(self, origin, workers=1):
        return self._started(Hlsgate(self._settings.hlsgate, self._folder("hlsgate"), from_server(origin.base), workers))

    def origin(self):
        return self._started(Origin(self._folder("origin"), self._settings.root))

    def paced_origin(self, bytes_per_second):
        return self._started(PacedOrigin(bytes_per_second))

    def nginx_before(self, origin):
        return self._started(NginxProxy(self._folder("nginx"), origin.port))

    def haproxy_before(self, origin):
        return self._started(Haproxy(self._folder("haproxy"), origin.port))

    def varnish_before(self, origin):
        return self._started(Varnish(self._folder("varnish"), origin.port))


def in_turn(settings, measures):
    """`measures`: subject -> function that gives one value."""
    rounds = {subject: [] for subject in measures}
    for measure in measures.values():
        measure()  # warms caches, is not counted
    for _ in range(settings.rounds):
        for subject, measure in measures.items():
            rounds[subject].append(measure())
    return rounds


def usec(settings, server, url, connections):
    return lambda: load.run_wrk(server, url, connections, settings.seconds).usec_per_request
