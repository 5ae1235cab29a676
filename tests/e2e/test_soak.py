"""Everything at once, for some seconds or for long (make soak): afterwards nothing is left behind."""
import os
import random
import threading
import time

import pytest

from support.gate import http_origin
from support.http import Closed
from support.origin import chunk, close, data, folder, head, raw, reset, stall, tx
from support.signing import sign

SECONDS = float(os.environ.get("SOAK_SECONDS", "600"))


def behave(gate, number, stop, trouble):
    """One viewer who plays, reloads, seeks, leaves in the middle, is revoked and comes back."""
    dice = random.Random(number)
    v = gate.viewer(ip=f"127.0.{number % 200 + 1}.5", ua=f"Soak/{number}")
    movie = f"movie{number % 5}"
    path = f"/v/2026-01-02/{movie}/master.m3u8"
    uid = f"u{number}"
    while not stop.is_set():
        try:
            gate.grant(v, uid=uid, path=path)
            got = list(v.play(sign(path, uid=uid, ttl=dice.randint(1000, 9000))))
            for target in dice.sample(got, 4):
                first = dice.randint(0, 500)
                v.get(target, {"Range": f"bytes={first}-{first + 99}"})
                with v.connect() as c:
                    c.request("GET", target, v.fields())
            if dice.random() < 0.3:
                gate.revoke(uid=uid)
        except (OSError, Closed, AssertionError) as error:
            trouble.append(f"viewer {number}: {error!r}")
            return


def storm(make_gate, seconds, viewers):
    gate = make_gate(workers=4)
    for n in range(5):
        gate.streams.movie(f"movie{n}", size=200_000)
    together(seconds, [(behave, gate, n) for n in range(viewers)])


def together(seconds, actors):
    """Each (function, argument, ...) in a thread of its own, called with these arguments, an event that ends it and a
    list for its troubles."""
    stop, trouble = threading.Event(), []
    threads = [threading.Thread(target=act, args=(*args, stop, trouble)) for act, *args in actors]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not trouble:
        stop.wait(0.1)
    stop.set()
    for thread in threads:
        thread.join()
    assert not trouble, trouble[:3]


@pytest.mark.multiworker
def test_a_few_seconds_of_everything(make_gate):
    storm(make_gate, 3, viewers=8)


@pytest.mark.soak
def test_soak(make_gate):
    storm(make_gate, SECONDS, viewers=24)


# ---- origins over HTTP, with faults

SEGMENTS = [f"/v/2026-01-02/movie{n}/hd/s{i}.ts" for n in range(8) for i in range(12)]
SIZE = 150_000
ROUGH = {"connect_timeout": "500ms", "first_byte_timeout": "400ms", "stall_timeout": "400ms", "retry_pause": "10ms",
         "deadline": "3s", "eject_time": "100ms", "eject_max": "500ms", "balance": "round_robin"}


def misbehaving(streams, dice):
    """A program: mostly honest, at times anything but."""
    honest = folder(streams, cache_control="max-age=1")

    def broken(request, ending):
        body = streams.read(request.path)
        fields = {"etag": f'"{streams.file(request.path).stat().st_mtime_ns:x}"', "content_length": len(body)}
        return [head(200, **fields), data(body[:dice.randrange(len(body))]), ending]

    faults = [
        lambda r: reset(), lambda r: close(), lambda r: stall(), lambda r: tx(dice.choice([500, 502, 503, 504, 404])),
        lambda r: broken(r, reset()), lambda r: broken(r, close()), lambda r: broken(r, stall()),
        lambda r: [raw(b"HTTP/1.1 200 OK\r\nwhat?\r\n\r\n"), close()], lambda r: head(304),
        lambda r: tx(200, streams.read(r.path), content_encoding="gzip"),
        lambda r: [head(200, transfer_encoding="chunked"), chunk(streams.read(r.path)), close()],
        lambda r: tx(200, streams.read(r.path), cache_control="private"),
    ]
    return lambda request: dice.choice(faults)(request) if dice.random() < 0.2 else honest(request)


def watch(gate, number, stop, trouble):
    """One viewer who takes segments, whole, in parts, or leaves in the middle: what he gets is right or plainly failed."""
    dice = random.Random(number)
    v = gate.viewer(ip=f"127.0.{number + 1}.5", ua=f"Soak/{number}")
    while not stop.is_set():
        path = dice.choice(SEGMENTS)
        body = gate.streams.read(path)
        first = dice.randrange(SIZE) if dice.random() < 0.3 else 0
        with v.start(path, {"Range": f"bytes={first}-"} if first else {}) as c:
            if dice.random() < 0.1:
                continue
            try:
                response = c.read_head()
                if response.status in (404, 502, 504):
                    continue
                got = c.read_content()
            except (Closed, ConnectionResetError):
                continue  # cut, and so known to be no whole
        want = {200: body, 206: body[first:]}.get(response.status)
        if got != want:
            trouble.append(f"{path} from {first}: {response.status}, {len(got)} bytes")


def disturb(servers, number, stop, trouble):
    """Kills, stops and starts one server after the other."""
    dice = random.Random(number)
    while not stop.is_set():
        server = dice.choice(servers)
        harm, heal = dice.choice([(server.kill, server.start), (server.pause, server.resume)])
        harm()
        stop.wait(dice.uniform(0.05, 0.6))
        heal()
        stop.wait(dice.uniform(0.05, 0.6))


def rss(gate):
    with open(f"/proc/{gate.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def rough_storm(make_gate, make_origin, make_nginx, streams, seconds, viewers):
    """Half of the movies come from nginx servers that die, half from an origin that lies. Answers how memory went: after a
    third of the time and at the end, in KiB."""
    for path in SEGMENTS:
        streams.write(path, random.Random(path).randbytes(SIZE))
    liar = make_origin().routes(misbehaving(streams, random.Random(7)), may_leave=True)
    mortals = [make_nginx(limit_rate="2m") for _ in range(2)]
    gate = make_gate(workers=4, access={"policy": {"segment": []}}, cache={"memory": "4MiB", "ttl": "1s", "stale_if_error": "1s"},
                     origins=[http_origin(*mortals, **ROUGH)] +
                     [http_origin(liar, prefix=f"/v/2026-01-02/movie{n}/", **ROUGH) for n in range(4)])
    actors = [(watch, gate, n) for n in range(viewers)] + [(disturb, mortals, 1)]
    together(seconds / 3, actors)
    gate.wait_all_given_back()
    warm = rss(gate)
    together(seconds * 2 / 3, actors)
    gate.wait_all_given_back()
    return warm, rss(gate), gate


@pytest.mark.multiworker
def test_a_few_seconds_of_faulty_origins(make_gate, make_origin, make_nginx, streams):
    *_, gate = rough_storm(make_gate, make_origin, make_nginx, streams, 4, viewers=8)
    assert gate.counters()["fetch_resumes"] > 0 and gate.counters()["fetch_retries"] > 0


@pytest.mark.soak
def test_soak_of_faulty_origins(make_gate, make_origin, make_nginx, streams):
    warm, end, gate = rough_storm(make_gate, make_origin, make_nginx, streams, SECONDS, viewers=24)
    assert end < warm * 1.1 + 8192, f"memory grew from {warm} to {end} KiB"
