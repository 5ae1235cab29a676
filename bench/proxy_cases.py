"""What is compared in front of HTTP origins: hlsgate, nginx, HAProxy and Varnish, one core's worth of threads each."""
import json
import os
import subprocess
import time
import urllib.parse

import load
import media
from harness import TOOLS, USEC, Result, Servers, Target, in_turn
from proxies import NOT_KEPT
from servers import TOKEN_SECONDS, hlsgate_scope_query

CROWD = f"{TOOLS}/crowd"
CROWD_VIEWERS = 1000
CROWD_BYTES_PER_SECOND = 1_000_000
READ_BYTES_PER_SECOND = 100_000
READ_SECONDS = 10
BYTES_PER_VIEWER = 64 << 10
MIB = 1 << 20


def _without_queries(playlist):
    return b"\n".join(line if line.startswith(b"#") else line.partition(b"?")[0] for line in playlist.split(b"\n"))


def _file(settings, path):
    with open(settings.root + path, "rb") as f:
        return f.read()


def _require_body(settings, url, path):
    """Twice: as it came and out of the cache."""
    plain = _without_queries if path.endswith(".m3u8") else bytes
    for _ in range(2):
        if plain(load.fetch(url)) != _file(settings, path):
            raise load.LoadError(f"{url} is not what the origin holds")


def _measure(settings, server, origin, url, connections, least_bytes, is_kept):
    """The origin's counter says whether a hit was one, and whether what is not kept came from the origin each time."""
    def measure():
        before = origin.requests()
        cost = load.run_wrk(server, url, connections, settings.seconds)
        asked = origin.requests() - before
        if cost.bytes < cost.requests * least_bytes * 0.99:  # wrk rounds what it prints
            raise load.LoadError(f"{server.name} sent {cost.bytes:.0f} bytes in {cost.requests} responses")
        if is_kept and asked != 0:
            raise load.LoadError(f"{server.name} asked the origin {asked} times for what it holds")
        if not is_kept and not cost.requests <= asked <= cost.requests + 2 * connections:  # some are under way at the end
            raise load.LoadError(f"{server.name} asked the origin {asked} times for {cost.requests} responses")
        return cost.usec_per_request
    return measure


def _before(servers, origin):
    """The peers that are wanted: name in the tables -> server."""
    makers = {"nginx": servers.nginx_before, "haproxy": servers.haproxy_before, "varnish": servers.varnish_before}
    return {name: make(origin) for name, make in makers.items() if servers.wants(name)}


def _hlsgate_before(servers, origin, *paths):
    hlsgate = servers.hlsgate_before(origin)
    for path in paths:
        hlsgate.grant(path)
    return hlsgate


def _rounds(settings, origin, subjects, path, connections, is_kept):
    """`subjects`: subject -> (server, URL)."""
    measures = {}
    for subject, (server, url) in subjects.items():
        _require_body(settings, url, path)
        measures[subject] = _measure(settings, server, origin, url, connections, len(_file(settings, path)), is_kept)
    return in_turn(settings, measures)


def cached_segment(settings):
    path, subjects = media.SEGMENT, {}
    with Servers(settings) as servers:
        origin = servers.origin()
        if servers.wants("hlsgate"):
            hlsgate = servers.hlsgate_before(origin)
            subjects["hlsgate: credential checked"] = hlsgate, hlsgate.signed(path)
        notes = {"nginx": "proxy_cache, sendfile", "haproxy": "cache", "varnish": "malloc"}
        for name, peer in _before(servers, origin).items():
            subjects[f"{name}: {notes[name]}"] = peer, peer.plain(path)
        rounds = _rounds(settings, origin, subjects, path, 32, True)
    return [Result("3 000 000 bytes out of the cache before an HTTP origin, 32 connections", USEC, rounds,
                   (Target(0.75, "nginx"), Target(0.9, "varnish")), ("no request reached the origin",))]


def cached_playlist(settings):
    path, subjects = media.SMALL, {}
    with Servers(settings) as servers:
        origin = servers.origin()
        if servers.wants("hlsgate"):
            hlsgate = _hlsgate_before(servers, origin, path)
            subjects["hlsgate: token, grant, session, use"] = hlsgate, hlsgate.signed(path)
        for name, peer in _before(servers, origin).items():
            subjects[f"{name}: plain hit"] = peer, peer.plain(path)
        rounds = _rounds(settings, origin, subjects, path, 64, True)
    return [Result("225-byte playlist out of the cache before an HTTP origin, 64 connections", USEC, rounds,
                   (Target(1.0, "nginx"),), ("no request reached the origin",))]


def passed_through(settings):
    path, subjects = NOT_KEPT + media.SEGMENT, {}
    with Servers(settings) as servers:
        origin = servers.origin()
        if servers.wants("hlsgate"):
            hlsgate = servers.hlsgate_before(origin)
            subjects["hlsgate: credential checked"] = hlsgate, hlsgate.signed(path)
        peers = _before(servers, origin)
        notes = {"nginx": "64 buffers of 16 KiB", "haproxy": "splice-response", "varnish": "pass"}
        for name, peer in peers.items():
            subjects[f"{name}: {notes[name]}"] = peer, peer.plain(path)
        if "nginx" in peers:
            subjects["nginx: proxy_buffering off"] = peers["nginx"], peers["nginx"].plain("/unbuffered" + media.SEGMENT)
        rounds = _rounds(settings, origin, subjects, media.SEGMENT, 32, False)
    return [Result("3 000 000 bytes passed through (no-store), 32 connections", USEC, rounds, (Target(1.0, "nginx"),),
                   ("every request reached the origin, once",))]


def _requests_file(settings, paths, has_credentials):
    """A line for each viewer, each with a credential of its own where one is asked for."""
    name, expires = os.path.join(settings.folder, "crowd"), int(time.time()) + TOKEN_SECONDS
    scope = os.path.dirname(media.SEGMENT) + "/"
    with open(name, "w") as f:
        for n in range(CROWD_VIEWERS):
            query = "?" + hlsgate_scope_query(scope, f"u{n}", expires) if has_credentials else ""
            f.write("\t".join(path + query for path in paths) + "\n")
    return name


def _crowd_argv(settings, server, path, *pace):
    requests = _requests_file(settings, (media.FIRST, path), server.name == "hlsgate")
    return [CROWD, str(server.port), requests, settings.root + media.SEGMENT, *map(str, pace)]


def _run_crowd(settings, server, path):
    argv = _crowd_argv(settings, server, path)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise load.LoadError(f"{server.name}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def _crowd_measure(settings, server, origin, body):
    """Of an object that nobody has asked for before."""
    def measure():
        path = f"{os.path.dirname(media.SEGMENT)}/crowd-{time.monotonic_ns()}.ts"
        origin.objects[path] = body
        result = _run_crowd(settings, server, path)
        return result["spread_ms"], origin.requests(path), result["last_byte_ms"]
    return measure


def crowd(settings):
    body, measures = _file(settings, media.SEGMENT), {}
    with Servers(settings) as servers:
        origin = servers.paced_origin(CROWD_BYTES_PER_SECOND)
        origin.objects[media.FIRST] = _file(settings, media.FIRST)
        if servers.wants("hlsgate"):
            for workers in (1, 2):
                subject = f"hlsgate: {workers} worker{'s' * (workers > 1)}, credentials checked"
                measures[subject] = _crowd_measure(settings, servers.hlsgate_before(origin, workers), origin, body)
        if servers.wants("nginx"):
            measures["nginx: proxy_cache_lock"] = _crowd_measure(settings, servers.nginx_before(origin), origin, body)
        if servers.wants("varnish"):
            measures["varnish"] = _crowd_measure(settings, servers.varnish_before(origin), origin, body)
        rounds = in_turn(settings, measures)
    spread, requests, ends = ({subject: [value[i] for value in values] for subject, values in rounds.items()}
                              for i in range(3))
    title = f"{CROWD_VIEWERS} viewers ask at once for a missing segment that its origin sends in 3 s"
    return [
        Result(title, "ms from the first viewer's first byte to the last viewer's", spread, (Target(50.0),),
               (f"last byte after {', '.join(f'{max(ms):.0f} ms ({subject})' for subject, ms in ends.items())}",)),
        Result("The same", "requests at the origin", requests, (Target(1.0),)),
    ]


def _growth_mib(settings, server, path):
    """Of a fresh server while the viewers read what it did not hold before: the most that was seen."""
    seconds = min(READ_SECONDS, settings.seconds * 4)
    before = most = server.process.resident_bytes()
    argv = _crowd_argv(settings, server, path, READ_BYTES_PER_SECOND, seconds)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as reading:
        while reading.poll() is None:
            most = max(most, server.process.resident_bytes())
            time.sleep(0.1)
        out = reading.stdout.read()
    least = 0.9 * CROWD_VIEWERS * READ_BYTES_PER_SECOND * (seconds - 1)  # nginx lets those wait for a second who came too early
    if reading.returncode != 0 or json.loads(out)["bytes"] < least:
        raise load.LoadError(f"{server.name}: the viewers did not read at their pace: {out}")
    return (most - before) / MIB


def slow_readers(settings):
    most = (media.SEGMENT_BYTES + CROWD_VIEWERS * BYTES_PER_VIEWER) / MIB
    rounds = {}
    with Servers(settings) as servers:
        origin = servers.origin()
        makers = {"hlsgate": servers.hlsgate_before, "nginx": servers.nginx_before, "varnish": servers.varnish_before}
        for name in filter(servers.wants, makers):
            rounds[name] = [_growth_mib(settings, makers[name](origin), media.SEGMENT)]
    return [Result(f"Memory for {CROWD_VIEWERS} viewers who read one object of 3 000 000 bytes at 100 kB/s each", "MiB", rounds,
                   (Target(round(most, 1)),),
                   ("growth of a fresh server, which did not hold the object; kernel memory not included",
                    "target: the object and 64 KiB a viewer; nginx holds the object in a file"))]


ALL = {
    "cached-segment": cached_segment,
    "cached-playlist": cached_playlist,
    "pass": passed_through,
    "crowd": crowd,
    "readers": slow_readers,
}
