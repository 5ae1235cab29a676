"""What is compared over local files: hlsgate and nginx, one worker each."""
import os
import subprocess
import time
import urllib.parse

import load
import media
from harness import TOOLS, USEC, Result, Servers, Target, in_turn, usec
from servers import STORE_SIZE, hlsgate_target

KIB = "KiB per connection"
VIEWERS = 10_000
IDLE_CONNECTIONS = 5000


def _admitted(server, path):
    """A signed URL of a viewer who holds a grant."""
    server.grant(media.SMALL)
    server.grant(media.LARGE)
    return server.signed(path)


def small_playlist(settings):
    measures, notes = {}, []
    with Servers(settings) as servers:
        if servers.wants("hlsgate"):
            hlsgate = servers.hlsgate()
            url = _admitted(hlsgate, media.SMALL)
            notes.append(f"hlsgate sends {len(load.fetch(url))} bytes of body, with its credentials in them")
            measures["hlsgate: token, grant, session, use"] = usec(settings, hlsgate, url, 64)
        if servers.wants("nginx"):
            nginx = servers.nginx()
            url = nginx.signed(media.SMALL)
            notes.append(f"nginx sends {len(load.fetch(url))}")
            measures["nginx: secure_link"] = usec(settings, nginx, url, 64)
        rounds = in_turn(settings, measures)
    return [Result("225-byte playlist, 64 keep-alive connections", USEC, rounds, (Target(1.0, "nginx"),), tuple(notes))]


def hot_segment(settings):
    measures = {}
    with Servers(settings) as servers:
        if servers.wants("hlsgate"):
            hlsgate = servers.hlsgate()
            load.fetch(_admitted(hlsgate, media.SMALL))
            url = hlsgate.signed(media.SEGMENT)
            assert len(load.fetch(url)) == media.SEGMENT_BYTES
            measures["hlsgate: credential checked"] = usec(settings, hlsgate, url, 32)
        if servers.wants("nginx"):
            nginx = servers.nginx()
            url = nginx.plain(media.SEGMENT)
            assert len(load.fetch(url)) == media.SEGMENT_BYTES
            measures["nginx: sendfile, no check"] = usec(settings, nginx, url, 32)
        rounds = in_turn(settings, measures)
    return [Result("Hot segment of 3 000 000 bytes, 32 connections", USEC, rounds, (Target(0.75, "nginx"),))]


def viewer_requests(count, viewers=VIEWERS, turn=0):
    """As many tokens, spread over the viewers that fill_store made: uid u<n>, User-Agent bench/<n>. Others in each turn."""
    now = int(time.time())
    for i in range(viewers):
        n = i * count // viewers + turn if count > viewers else i % count
        yield hlsgate_target(media.SMALL, f"u{n}", now + 3600 + i), f"bench/{n}"


def fill(count, *where):
    """As fill_store.c does it, for the viewers that viewer_requests() asks for."""
    subprocess.run([f"{TOOLS}/fill_store", str(count), media.SMALL.split("/")[-2], *where], check=True, timeout=1200)


def viewers_file(folder, name, requests):
    """For viewers.lua."""
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.writelines(f"{target}\t{agent}\n" for target, agent in requests)
    return path


def _filled(settings, servers, count):
    """A server whose store holds `count` grants and sessions, and a file that names viewers among them."""
    folder = os.path.join(settings.folder, f"filled-{count}")
    os.makedirs(folder)
    fill(count, "embedded", f"{folder}/state", STORE_SIZE.removesuffix("GiB"))
    requests = list(viewer_requests(count))
    return servers.hlsgate(folder), requests, viewers_file(folder, "viewers", requests)


def admission(settings):
    if not settings.wants("hlsgate"):
        return []
    first, again = {}, {}
    with Servers(settings) as servers:
        for count in reversed(settings.store_counts):  # the largest is the one judged, the smallest the baseline
            subject = f"{count:,} grants and sessions".replace(",", " ")
            server, requests, viewers = _filled(settings, servers, count)
            first[subject] = [load.fetch_one_by_one(server, requests).usec_per_request]
            again[subject] = lambda s=server, v=viewers: load.run_wrk(s, s.base, 64, settings.seconds, v).usec_per_request
        again = in_turn(settings, again)
    largest, *_, smallest = again
    targets = (Target(1.5, smallest, largest),)
    return [
        Result(f"Admission among many: {VIEWERS} viewers in turn, 64 connections", USEC, again, targets),
        Result("The same, first use of each token (writes), one request at a time", USEC, first, targets),
    ]


def idle_memory(settings):
    def kib(server, url):
        before = server.process.resident_bytes()
        with load.idle_connections(url, IDLE_CONNECTIONS):
            return (server.process.resident_bytes() - before) / IDLE_CONNECTIONS / 1024

    rounds = {}
    with Servers(settings) as servers:
        if servers.wants("hlsgate"):
            server = servers.hlsgate()
            url = _admitted(server, media.SMALL)
            load.fetch(url)
            rounds["hlsgate"] = [kib(server, url)]
        if servers.wants("nginx"):
            server = servers.nginx()
            url = server.signed(media.SMALL)
            load.fetch(url)
            rounds["nginx"] = [kib(server, url)]
    return [Result(f"Memory of an idle keep-alive connection, {IDLE_CONNECTIONS} of them", KIB, rounds, (Target(4.0),),
                   ("once per server, freshly started; kernel memory not included",))]


def _splice_rounds(settings, query_bytes):
    path = settings.root + media.LARGE
    return [float(subprocess.run([f"{TOOLS}/splice_cost", path, str(query_bytes)], check=True, capture_output=True,
                                 text=True, timeout=60).stdout) for _ in range(settings.rounds)]


def _query_bytes(text):
    """Of the credential in a personalised playlist."""
    uri = next(line for line in text.decode().splitlines() if line and not line.startswith("#"))
    return len(urllib.parse.urlsplit(uri).query)


def large_playlist(settings):
    measures, splice, notes = {}, None, []
    with Servers(settings) as servers:
        weight = 300_000
        if servers.wants("hlsgate"):
            hlsgate = servers.hlsgate()
            url = _admitted(hlsgate, media.LARGE)
            body = load.fetch(url)
            weight = len(body)
            splice = _splice_rounds(settings, _query_bytes(body))
            measures["hlsgate: personalised for each"] = usec(settings, hlsgate, url, 16)
        if servers.wants("nginx"):
            nginx = servers.nginx()
            media.write_bytes(settings.root, "/vod/large/same_size.m3u8", weight)
            measures["nginx: a file of that size"] = usec(settings, nginx, nginx.plain("/vod/large/same_size.m3u8"), 16)
        rounds = in_turn(settings, measures)
    notes.append(f"{weight:,} bytes of body".replace(",", " "))
    if splice is not None:
        rounds["splice alone, in memory"] = splice
    return [Result(f"Playlist of {media.LARGE_SEGMENTS} segments, 16 connections", USEC, rounds, (Target(100.0),), tuple(notes))]


ALL = {
    "playlist": small_playlist,
    "segment": hot_segment,
    "admission": admission,
    "memory": idle_memory,
    "large": large_playlist,
}
