"""What is compared over TLS 1.3 and HTTP/2: hlsgate, nginx and h2o, one worker each."""
import json
import subprocess

import h2load
import load
import media
from harness import TOOLS, USEC, Result, Servers, Target, in_turn

KIB = "KiB per connection"
CONNECTIONS, STREAMS = 1000, 4
HANDSHAKE_THREADS = 4


def _admitted(server, path):
    """A signed URL of a viewer who holds a grant; over TLS."""
    server.grant(media.SMALL)
    return server.over_tls(server.signed(path))


def _per_request(settings, server, url, at_once):
    def measure():
        cost = h2load.run(server, url, 64, at_once, settings.seconds)
        return cost.cpu_seconds / cost.requests * 1e6

    return measure


def _per_segment(settings, server, url):
    """Per 3 MB sent: what is under way at the end has cost something, too."""
    def measure():
        cost = h2load.run(server, url, 32, 1, settings.seconds)
        return cost.cpu_seconds / (cost.body_bytes / media.SEGMENT_BYTES) * 1e6

    return measure


def small_playlist(settings):
    subjects, notes = {}, []
    with Servers(settings) as servers:
        certificate = servers.certificate()
        if servers.wants("hlsgate"):
            server = servers.hlsgate_tls(certificate)
            subjects["hlsgate: token, grant, session, use"] = server, _admitted(server, media.SMALL)
        if servers.wants("h2o"):
            server = servers.h2o(certificate)
            subjects["h2o: a file, no check"] = server, server.plain(media.SMALL)
        if servers.wants("nginx"):
            server = servers.nginx_tls(certificate)
            subjects["nginx: secure_link"] = server, server.signed(media.SMALL)
        notes += [f"{server.name} sends {len(load.fetch(url))} bytes of body" for server, url in subjects.values()]

        def result(at_once, targets):
            rounds = in_turn(settings, {s: _per_request(settings, *of, at_once) for s, of in subjects.items()})
            return Result(f"HTTP/2 over TLS: 225-byte playlist, 64 connections, {at_once} at a time on each", USEC, rounds,
                          targets, tuple(notes))

        return [result(4, (Target(1.3, "h2o"), Target(0.6, "nginx"))), result(1, ())]


def hot_segment(settings):
    measures = {}
    with Servers(settings) as servers:
        certificate = servers.certificate()
        if servers.wants("hlsgate"):
            server = servers.hlsgate_tls(certificate)
            load.fetch(_admitted(server, media.SMALL))
            url = _admitted(server, media.SEGMENT)
            assert len(load.fetch(url)) == media.SEGMENT_BYTES
            measures["hlsgate: credential checked"] = _per_segment(settings, server, url)
        for name, start in (("h2o", servers.h2o), ("nginx", servers.nginx_tls)):
            if servers.wants(name):
                server = start(certificate)
                measures[f"{name}: a file, no check"] = _per_segment(settings, server, server.plain(media.SEGMENT))
        rounds = in_turn(settings, measures)
    return [Result("HTTP/2 over TLS: hot segment of 3 000 000 bytes, 32 connections, 1 at a time on each",
                   "µs CPU per 3 MB", rounds, (Target(1.0, "h2o"),))]


def _tls_port(server):
    return getattr(server, "tls_port", server.port)


def _per_handshake(settings, server, kind):
    def measure():
        argv = [f"{TOOLS}/handshakes", str(_tls_port(server)), str(settings.seconds), kind, str(HANDSHAKE_THREADS)]
        before = server.process.cpu_seconds()
        out = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=settings.seconds + 60).stdout
        return (server.process.cpu_seconds() - before) / json.loads(out)["handshakes"] * 1e6

    return measure


def handshakes(settings):
    results = []
    with Servers(settings) as servers:
        certificate = servers.certificate()
        started = {"hlsgate": servers.hlsgate_tls, "nginx": servers.nginx_tls, "h2o": servers.h2o}
        subjects = {name: start(certificate) for name, start in started.items() if servers.wants(name)}
        for kind in ("full", "resumed"):
            rounds = in_turn(settings, {name: _per_handshake(settings, s, kind) for name, s in subjects.items()})
            results.append(Result(f"TLS 1.3 handshakes, {kind}: ECDSA P-256, X25519, AES-128-GCM", "µs CPU per handshake",
                                  rounds, (Target(1.0, "nginx"),)))
    return results


def _grown_kib(server, held):
    """By how much the server's memory has grown, for each connection of `held`."""
    before = server.process.resident_bytes()
    with held:
        return (server.process.resident_bytes() - before) / CONNECTIONS / 1024


def _standing(server, url):
    return _grown_kib(server, h2load.standing_streams(url, CONNECTIONS, STREAMS))


def _idle(server, url):
    return _grown_kib(server, load.idle_connections(url, CONNECTIONS))


def _openssl_alone(certificate):
    return float(subprocess.run([f"{TOOLS}/tls_memory", certificate.file, certificate.key, str(CONNECTIONS)], check=True,
                                capture_output=True, text=True, timeout=60).stdout)


def _hlsgate_memory(servers, certificate):
    """Each figure with a server of its own: what one leaves behind the next would use again."""
    def fresh():
        server = servers.hlsgate_tls(certificate)
        url = _admitted(server, media.SEGMENT)
        load.fetch(url)
        return server, url

    clear, sealed, streams = fresh(), fresh(), fresh()
    return {
        "hlsgate, HTTP/1.1 in the clear, idle": _idle(clear[0], clear[0].signed(media.FIRST)),
        "hlsgate, HTTP/1.1 over TLS, idle": _idle(sealed[0], sealed[0].over_tls(sealed[0].signed(media.FIRST))),
        f"hlsgate, HTTP/2 over TLS, {STREAMS} open streams": _standing(*streams),
    }


def open_streams(settings):
    rounds, targets = {}, ()
    with Servers(settings) as servers:
        certificate = servers.certificate()
        if servers.wants("hlsgate"):
            alone = _openssl_alone(certificate)
            figures = _hlsgate_memory(servers, certificate)
            clear, _, streams = figures.values()
            figures |= {"OpenSSL alone": alone,
                        "hlsgate, streams less HTTP/1.1 in the clear less OpenSSL": streams - clear - alone}
            rounds |= {subject: [value] for subject, value in figures.items()}
            targets = (Target(24.0, of="hlsgate, streams less"),)
        for name, start in (("h2o", servers.h2o), ("nginx", servers.nginx_tls)):
            if servers.wants(name):
                server = start(certificate)
                load.fetch(server.plain(media.SEGMENT))
                rounds[f"{name}, HTTP/2 over TLS, {STREAMS} open streams"] = [_standing(server, server.plain(media.SEGMENT))]
    notes = (f"each stream has a response of 3 MB under way, of which it has taken {h2load.WINDOW} bytes, its window",
             "once per server, freshly started; kernel memory not included; OpenSSL alone: bench/tls_memory.c")
    return [Result(f"Memory of a connection, {CONNECTIONS} of them", KIB, rounds, targets, notes)]


ALL = {
    "h2-playlist": small_playlist,
    "h2-segment": hot_segment,
    "handshakes": handshakes,
    "h2-streams": open_streams,
}
