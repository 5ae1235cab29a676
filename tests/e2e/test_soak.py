"""Everything at once, for some seconds or for long (make soak): afterwards nothing is left behind."""
import os
import random
import signal
import socket
import struct
import threading
import time

import pytest

from support import frames as f
from support import http, proto
from support.gate import HOME, KEYS, TROUBLE, http_origin
from support.http import Closed
from support.origin import chunk, close, data, folder, head, raw, reset, stall, tx
from support.ports import free_port
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
    return lambda request: dice.choice(faults)(request) if request.method == "GET" and dice.random() < 0.2 else honest(request)


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


# ---- connections that begin, break and end in every way

WANTED = [*SEGMENTS[:60], "/v/2026-01-02/movie9/hd/index.m3u8", "/v/2026-01-02/movie9/hd/enc.key", "/nothing", "/health", "*"]
EXTRA = [(), (("range", "bytes=0-9,20-29,-5"),), (("range", "bytes=100-"),), (("accept-encoding", "br, gzip"),),
         (("priority", "u=7, i"),), (("if-none-match", "*"),), (("cookie", "a=1"), ("cookie", "b=2"))]
PREFACES = [f.PREFACE + f.settings(*pairs) for pairs in ((), ((f.INITIAL_WINDOW_SIZE, 0),), ((f.INITIAL_WINDOW_SIZE, 1 << 20),))]
BREAKS = [f.frame(f.PING, 0, 0, b"short"), f.frame(f.DATA, 0, 0, b"of no stream"), b"\0" * 50, b"\xff" * 50]


class Restless:
    """An HTTP/2 client that does one thing after the other without a plan."""

    def __init__(self, client, dice):
        self.client, self.dice, self.next = client, dice, 1
        client.sock.settimeout(0.02)

    def stream(self):
        return self.dice.randrange(1, self.next + 1, 2)

    def new(self):
        self.next += 2
        return self.next - 2

    def ask(self):
        return f.request(self.new(), self.dice.choice(WANTED), *self.dice.choice(EXTRA), method=self.dice.choice(["GET", "GET", "HEAD", "OPTIONS"]))

    def post(self):
        key = ("authorization", f"Bearer {KEYS['operator']}")
        return f.request(self.new(), "/api/whitelist", key, ("content-type", "application/json"), method="POST", flags=f.END_HEADERS)

    def content(self):
        return f.frame(f.DATA, self.dice.choice([0, f.END_STREAM]), self.stream(), self.dice.randbytes(self.dice.choice([0, 1, 9000])))

    def reset(self):
        return f.rst(self.stream())

    def window(self):
        return f.window_update(self.dice.choice([0, self.stream()]), self.dice.choice([1, 1000, 1 << 20]))

    def setting(self):
        return f.settings((f.INITIAL_WINDOW_SIZE, self.dice.choice([0, 1, 65535, 1 << 20])))

    def update(self):
        return f.frame(f.PRIORITY_UPDATE, 0, 0, struct.pack(">I", self.stream()) + b"u=%d" % self.dice.randrange(8))

    def half_a_head(self):
        block = f.block(*f.request_fields("/health"))
        return (f.frame(f.HEADERS, f.END_STREAM, self.new(), block[:20]) +
                f.frame(f.CONTINUATION, self.dice.choice([0, f.END_HEADERS]), self.next - 2, block[20:]))

    def ping(self):
        return f.frame(f.PING, 0, 0, b"whatever")

    def breach(self):
        return self.dice.choice(BREAKS) if self.dice.random() < 0.05 else b""

    def act(self):
        acts = [self.ask] * 6 + [self.post, self.content, self.reset, self.window, self.window, self.setting, self.update,
                                 self.half_a_head, self.ping, self.breach]
        self.client.send(*[self.dice.choice(acts)() for _ in range(self.dice.randint(1, 8))])

    def listen(self):
        try:
            return all(self.client.read_frame() for _ in range(self.dice.randint(1, 30)))
        except TimeoutError:
            return True


def leave(sock, dice):
    """By a reset, an end, or both."""
    if dice.random() < 0.5:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def be_restless(port, options, number, stop, trouble):
    dice = random.Random(number)
    while not stop.is_set():
        try:
            client = f.Client(port, HOME, preface=dice.choice(PREFACES), **options)
        except (OSError, http.Closed):
            continue
        try:
            restless = Restless(client, dice)
            for _ in range(dice.randint(0, 20)):
                restless.act()
                if dice.random() < 0.7 and not restless.listen():
                    break
            if dice.random() < 0.3:
                client.try_to_send(f.goaway())
                restless.listen()
        except OSError:
            pass  # it has been shown the door
        finally:
            leave(client.sock, dice)


def be_rude(ports, number, stop, trouble):
    """Says the beginning of something, and leaves."""
    dice = random.Random(number)
    words = [b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n" * 3, f.PREFACE + f.settings(), b"PRI * HT", b"\x16\x03\x01\x02\0\x01\0\x01\xfc" + b"x" * 508,
             b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + b"\1" * 12 + f.PREFACE,
             b"POST /api/whitelist HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"]
    while not stop.is_set():
        try:
            sock = http.open_socket(dice.choice(ports), HOME)
        except OSError:
            continue
        try:
            said = dice.choice(words)
            sock.sendall(said[:dice.randint(1, len(said))])
            if dice.random() < 0.5:
                sock.settimeout(0.02)
                sock.recv(1000)
        except OSError:
            pass
        leave(sock, dice)


def reload(gate, stop, trouble):
    while not stop.wait(0.3):
        gate.signal(signal.SIGHUP)


def gate_of_many_doors(make_gate, make_origin, streams, authority):
    """In the clear, over TLS and behind PROXY headers: the gate, and the ports of the latter two."""
    for path in SEGMENTS:
        streams.write(path, random.Random(path).randbytes(SIZE))
    streams.movie("movie9")
    liar = make_origin().routes(misbehaving(streams, random.Random(7)), may_leave=True)
    gate = make_gate(start=False, protocol=proto.Protocol("h2c", authority), workers=3, access={"policy": {"segment": [], "playlist": [], "key": []}},
                     cache={"memory": "4MiB", "ttl": "1s", "stale_if_error": "1s"}, trusted_proxies=["127.0.0.0/8"],
                     http={"send_timeout": "300ms", "idle_timeout": "500ms", "head_timeout": "300ms", "content_timeout": "300ms",
                           "handshake_timeout": "300ms", "drain_timeout": "2s"},
                     origins=[{"prefix": "/", "filesystem": {"root": str(streams.root)}}] +
                     [http_origin(liar, prefix=f"/v/2026-01-02/movie{n}/", **ROUGH) for n in range(4)])
    tls, proxied = free_port(), free_port()
    gate.config["listen"] += [proto.Protocol("h2+tls", authority).listener(f"[::]:{tls}"),
                              {"address": f"[::]:{proxied}", "http2": True, "proxy_protocol": True}]
    gate.write_config()
    return gate.start(), tls, proxied


def storm_of_connections(make_gate, make_origin, streams, authority, seconds, clients):
    """And at the end SIGTERM, amid all of it."""
    gate, tls, proxied = gate_of_many_doors(make_gate, make_origin, streams, authority)
    sealed = {"tls": authority.client("h2")}
    actors = [(be_restless, gate.port, {}, n) for n in range(clients)] + [(be_restless, tls, sealed, 100 + n) for n in range(clients)]
    actors += [(be_rude, [gate.port, tls, proxied], n) for n in range(clients // 2)]
    together(seconds, actors + [(reload, gate)])
    gate.wait_all_given_back()
    killer = threading.Timer(0.5, gate.signal, (signal.SIGTERM,))
    killer.start()
    together(2, actors)
    assert gate.wait_exit() == 0, gate.log[-3000:]
    assert not TROUBLE.search(gate.log), gate.log


@pytest.mark.once
@pytest.mark.multiworker
def test_a_few_seconds_of_connections(make_gate, make_origin, streams, authority):
    storm_of_connections(make_gate, make_origin, streams, authority, 3, clients=4)


@pytest.mark.once
@pytest.mark.soak
def test_soak_of_connections(make_gate, make_origin, streams, authority):
    storm_of_connections(make_gate, make_origin, streams, authority, SECONDS, clients=8)
