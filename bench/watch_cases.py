"""What it costs to be watched: hlsgate with metering and access log beside itself without, and with dashboards open."""
import contextlib
import dataclasses
import http.client
import os
import socket
import statistics
import threading
import urllib.parse

import load
import media
from cases import VIEWERS, fill, viewer_requests, viewers_file
from harness import USEC, Result, Servers, Target, in_turn
from servers import STORE_SIZE

CONNECTIONS = 64
DASHBOARDS = 20
TOGETHER = 10  # pairs of slices that make a round
ACCESS_LOG = 'log: {{ access: {{ path: "{}", queue: 8MiB }} }}\n'


# ---- metering and the access log


def _gate_urls(server):
    """A playlist, and a small segment of its folder as a player asks for it: with a gate token."""
    server.grant(media.SMALL)
    url = server.signed(media.SMALL)
    line = next(line for line in load.fetch(url).decode().splitlines() if not line.startswith("#"))
    query = urllib.parse.urlsplit(line).query
    assert query.startswith("gate=") or "&gate=" in query
    return {"225-byte playlist": url, f"segment of {media.FIRST_BYTES} bytes": f"{server.plain(media.FIRST)}?{query}"}


def _on_and_off(server, url, seconds, log, found):
    """What a request costs with and without, in turn (switched.c), as long as there is load: two lists."""
    before, size = server.stats()["access_log"], os.path.getsize(found)
    load.run_wrk(server, url, CONNECTIONS, seconds)
    after = server.stats()["access_log"]
    if after["lines"] == before["lines"] or after["dropped"] > before["dropped"]:
        raise load.LoadError(f"of the access log {after['dropped'] - before['dropped']} lines are dropped")
    os.truncate(log, 0)  # before the disk is full
    with open(found) as f:
        f.seek(size)
        pairs = [tuple(map(float, line.split())) for line in f]
    return [_means([pair[column] for pair in pairs]) for column in (0, 1)]


def _means(values):
    """A slice says little by itself."""
    whole = len(values) - len(values) % TOGETHER or len(values)
    return [statistics.fmean(values[at:at + TOGETHER]) for at in range(0, whole, TOGETHER)]


def metering(settings):
    if not settings.wants("hlsgate"):
        return []
    log, found, results = f"{settings.folder}/access.log", f"{settings.folder}/switched", []
    seconds = 4 * settings.rounds * settings.seconds
    os.environ["BENCH_SWITCHED"] = found
    try:
        with Servers(settings) as servers:
            server = servers.hlsgate_of("bench_switched", ACCESS_LOG.format(log))
            del os.environ["BENCH_SWITCHED"]  # for it alone
            for what, url in _gate_urls(server).items():
                with_both, without = _on_and_off(server, url, seconds, log, found)
                rounds = {"hlsgate, metering and access log": with_both, "both switched off": without}
                results.append(Result(f"Metering and access log: {what}, {CONNECTIONS} connections", USEC, rounds,
                                      (Target(1.05, "both"),)))
    finally:
        os.environ.pop("BENCH_SWITCHED", None)
    return results


# ---- the dashboard


class _Dashboard(threading.Thread):
    """Reads /events as a browser does, and notes what came."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self._response = server.open_events()
        self.snapshots, self.error = 0, None

    def run(self):
        try:
            for line in self._response:
                self.snapshots += line.startswith(b"event: snapshot")
        except (OSError, ValueError, http.client.HTTPException) as e:
            self.error = e  # it has been closed

    def close(self):
        with contextlib.suppress(OSError):
            self._response.fp.raw._sock.shutdown(socket.SHUT_RDWR)
        self.join()


@contextlib.contextmanager
def _dashboards(server, seconds):
    """That are open while the body runs; none may have missed more than every other second."""
    open_ones = [_Dashboard(server) for _ in range(DASHBOARDS)]
    for d in open_ones:
        d.start()
    try:
        yield
    finally:
        for d in open_ones:
            d.close()
    if any(d.snapshots < max(seconds // 2, 1) for d in open_ones):
        raise load.LoadError(f"snapshots in {seconds} s: {[d.snapshots for d in open_ones]}")


def _usec_and_cpu(server, viewers, seconds):
    """Of the clock and of the CPU for each request, at the highest rate that the machine gives."""
    cost = load.run_wrk(server, server.base, CONNECTIONS, seconds, viewers)
    return seconds / cost.requests * 1e6, cost.usec_per_request


def dashboards(settings):
    """Many viewers and users, so that there is something to show."""
    if not settings.wants("hlsgate"):
        return []
    folder = os.path.join(settings.folder, "watched")
    os.makedirs(folder)
    fill(VIEWERS, "embedded", f"{folder}/state", STORE_SIZE.removesuffix("GiB"))
    viewers = viewers_file(folder, "viewers", viewer_requests(VIEWERS))
    with Servers(settings) as servers:
        server = servers.hlsgate(folder)

        def watched():
            with _dashboards(server, settings.seconds):
                return _usec_and_cpu(server, viewers, settings.seconds)

        measures = {f"hlsgate, {DASHBOARDS} dashboards open": watched,
                    "nobody watches": lambda: _usec_and_cpu(server, viewers, settings.seconds)}
        rounds = in_turn(dataclasses.replace(settings, rounds=2 * settings.rounds), measures)
    title = f"Dashboards: playlists of {VIEWERS} viewers at full load, {CONNECTIONS} connections"
    target = (Target(1.02, "nobody"),)
    return [Result(f"{title}, time per request (of the whole machine)", "µs per request", _column(rounds, 0), target),
            Result(f"{title}, CPU", USEC, _column(rounds, 1))]


def _column(rounds, i):
    return {subject: [values[i] for values in all_values] for subject, all_values in rounds.items()}


ALL = {
    "metering": metering,
    "dashboards": dashboards,
}
