"""Defects around the decision that a review found: each case fails on the daemon as it was before its fix."""
import concurrent.futures
import re
import signal
import threading
from pathlib import Path

import pytest

from support import http
from support.gate import ELSEWHERE, HOME, run, uri_ending, uris_of
from support.signing import params_of, sign
from support.streams import bytes_of, media
from support.wait import until

BASE = "/v/2026-01-02/movie1"
MASTER = f"{BASE}/master.m3u8"


class TestProxies:
    A, B = "203.0.113.9", "198.51.100.7"

    @pytest.fixture
    def unix_gate(self, make_gate, tmp_path):
        def make(**config):
            gate = make_gate(start=False, **config)
            gate.config["listen"].append({"address": f"unix:{tmp_path}/s"})
            gate.write_config()
            gate.streams.movie()
            return gate.start()

        return make

    def ask(self, tmp_path, target, **fields):
        with http.Connection(path=tmp_path / "s") as c:
            c.request("GET", target, [("User-Agent", "Player/1.0"), ("Connection", "close"), *fields.items()])
            return c.read().status

    def test_on_a_unix_socket_is_believed_when_trusted(self, unix_gate, tmp_path):
        gate = unix_gate(trusted_proxies=["127.0.0.1"])
        for ip in (self.A, self.B):
            gate.grant(gate.viewer(ip=ip))
        url = sign(MASTER)

        def status(ip):
            return self.ask(tmp_path, url, **{"X-Forwarded-For": ip})

        assert [status(self.A), status(self.B), status(self.A)] == [200, 403, 200]
        until(lambda: gate.count_of("token_other_viewer") == 1)
        assert status("192.0.2.1") == 403
        until(lambda: gate.count_of("no_grant") == 1)

    def test_on_a_unix_socket_is_not_believed_otherwise(self, unix_gate, tmp_path):
        gate = unix_gate(access={"fixed_whitelist": [self.A]})
        gate.grant(gate.viewer(ip=self.A))
        for name, value in (("X-Forwarded-For", self.A), ("X-Real-IP", self.A), ("Forwarded", f"for={self.A}")):
            assert self.ask(tmp_path, sign(MASTER), **{name: value}) == 403
        until(lambda: gate.count_of("no_grant") == 3)
        gate.grant(gate.viewer(ip="127.0.0.1"))
        assert self.ask(tmp_path, sign(MASTER), **{"X-Forwarded-For": self.A}) == 200

    VALUES = {"x-forwarded-for": "{}", "forwarded": "for={}", "x-real-ip": "{}"}

    @pytest.mark.parametrize("believed", VALUES)
    def test_one_field_is_believed_and_no_other(self, make_gate, streams, believed):
        gate = make_gate(trusted_proxies=["127.0.2.0/24"], client_ip_field=believed,
                         access={"fixed_whitelist": [self.A]})
        streams.movie()
        proxy = gate.viewer(ip=ELSEWHERE)
        right = {believed: self.VALUES[believed].format(self.A)}
        wrong = {name: value.format(self.A) for name, value in self.VALUES.items() if name != believed}
        proxy.gets(MASTER, right)
        proxy.is_refused(MASTER, "token_missing", fields=wrong)
        proxy.is_refused(MASTER, "token_missing", fields=wrong | {believed: self.VALUES[believed].format(self.B)})
        proxy.gets(MASTER, right | {name: self.VALUES[name].format(self.B) for name in wrong})


SIGNALS = {
    "twice": "TERM TERM",
    "then at once": "TERM INT",
    "at once twice": "INT INT",
    "reload in between": "TERM HUP TERM",
    "hand-over in between": "TERM USR2 INT",
    "what joins": "TERM USR1 USR1 TERM",
    "all before": "HUP USR2 USR1 TERM TERM",
    "a shower": "TERM TERM INT HUP USR2 TERM INT USR1 TERM INT",
}


def pending_signals(gate):
    """Sent and not yet taken: two of one kind that are pending together would be one."""
    status = Path(f"/proc/{gate.process.pid}/status").read_text()
    return int(re.search(r"ShdPnd:\s*([0-9a-f]+)", status)[1], 16)


@pytest.mark.multiworker
@pytest.mark.parametrize("order", SIGNALS.values(), ids=SIGNALS)
def test_second_signal_ends_the_drain_cleanly(make_gate, order):
    gate = make_gate(workers=4, access={"policy": {"segment": []}, "replay": {"mode": "count"}})
    size = 8 << 20
    gate.streams.write(f"{BASE}/big.ts", bytes_of("big", size))
    v = gate.admitted()
    url = sign(MASTER)
    child = uri_ending(v.gets(url).text, MASTER, "hd/index.m3u8")
    downloads = [gate.connect(receive_buffer=16 << 10) for _ in range(6)]
    try:
        for c in downloads:
            c.request("GET", f"{BASE}/big.ts")
            assert c.read_head().status == 200
        for name in order.split():
            gate.signal(getattr(signal, f"SIG{name}"))
            until(lambda: gate.process.poll() is not None or not pending_signals(gate), f"SIG{name} is taken")
        assert gate.wait_exit(20) == 0, gate.log
    finally:
        for c in downloads:
            c.close()
    gate.start()
    assert gate.api("GET", "/whitelist-info").json["total_entries"] == 1
    v.is_refused(url, "token_used_up")
    v.gets(child)
    v.gets(f"{BASE}/about.bin")


class TestManyListeners:
    def configured(self, make_gate, tmp_path, count):
        gate = make_gate(start=False)
        gate.config["listen"] += [{"address": f"unix:{tmp_path}/{i}"} for i in range(1, count)]
        gate.write_config()
        return gate

    def test_64_work(self, make_gate, tmp_path):
        self.configured(make_gate, tmp_path, 64).start()
        for i in range(1, 64):
            with http.Connection(path=tmp_path / str(i)) as c:
                c.request("GET", "/health", {"Connection": "close"})
                assert c.read().status == 200

    @pytest.mark.parametrize("command", ["check", "serve"])
    def test_more_are_a_mistake_with_its_line(self, make_gate, tmp_path, command):
        file = self.configured(make_gate, tmp_path, 65).config_file
        done = run(command, "-c", file, check=False)
        assert done.returncode == 1
        [line, text] = re.search(rf"^{re.escape(str(file))}:(\d+): listen\S*: (.*)$", done.stderr + done.stdout,
                                 re.M).groups()
        first, last = [i for i, text in enumerate(file.read_text().split("\n"), 1)
                       if '"listen"' in text or f"unix:{tmp_path}/64" in text]
        assert first <= int(line) <= last and "64" in text


class TestLogCannotBeForged:
    LINE = re.compile(rb'^\S+Z (?:info |warn ) (\w+): (\S+) "((?:[^"\\]|\\.)*)", status (\d+), client (\S+), '
                      rb'uid "((?:[^"\\]|\\.)*)", user-agent "((?:[^"\\]|\\.)*)"$')
    WORDS = {
        "plain": b"Player/1.0",
        "quote": b'x", status 200, client 1.2.3.4, uid "boss", user-agent "y',
        "backslashes": b"\\",
        "backslash before the quote": b'a\\", uid "boss\\\\',
        "looks escaped": b"\\x0a\\n\\\\x01",
        "tab": b"a\tb",
        "C1 controls": b"a\xc2\x85b\xc2\x9b31m",
        "bytes that are no UTF-8": b"a\x85\x9b\xff\xc2",
        "UTF-8": "Плеер/1 ▶".encode(),
    }

    def bytes_in(self, quoted):
        """What stood in the request, out of the log's notation."""
        def one(m):
            return bytes([int(m[1][1:], 16)]) if m[1][:1] == b"x" else m[1]

        return re.sub(rb"\\(x[0-9a-f]{2}|.)", one, quoted, flags=re.S)

    def line_of(self, gate, word):
        def lines():
            raw = gate.stderr_file.read_bytes().split(b"\n")
            return [line for line in raw if b" %s: " % word.encode() in line]

        [line] = until(lines, f"{word} in the log")
        assert not re.search(rb"[\x00-\x1f\x7f]|\xc2[\x80-\x9f]", line)
        line.decode()
        return self.LINE.match(line).groups()

    @pytest.mark.parametrize("name", WORDS)
    def test_by_the_user_agent(self, gate, streams, name):
        gate.viewer(ua=self.WORDS[name].decode("latin-1")).is_refused(sign(MASTER), "no_grant")
        word, method, path, status, client, uid, ua = self.line_of(gate, "no_grant")
        assert (method, path, status, client, uid) == (b"GET", MASTER.encode(), b"403", HOME.encode(), b"u1")
        assert self.bytes_in(ua) == self.WORDS[name]

    @pytest.mark.parametrize("name", ["plain", "quote", "backslashes", "backslash before the quote", "looks escaped",
                                      "UTF-8"])
    def test_by_uid_or_path(self, gate, name):
        uid = self.WORDS[name].decode()
        folder = re.sub(r"[/\\]", "", uid) + "x"
        path = f"/v/{folder}/index.m3u8"
        gate.viewer().is_refused(sign(path, uid=uid), "no_grant")
        fields = self.line_of(gate, "no_grant")
        assert self.bytes_in(fields[2]) == path.encode() and self.bytes_in(fields[5]) == uid.encode()
        assert fields[6] == b"Player/1.0"

    def test_by_a_new_line_in_uid_or_path(self, gate):
        forged = "\n2026-01-02T00:00:00.000Z info  no_grant: GET \"/x\", status 403"
        v = gate.viewer()
        assert v.get(sign(MASTER, uid=f"u{forged}")).status == 403
        assert v.get(sign(f"/v/{forged}/index.m3u8")).status in (400, 403)
        gate.stop()
        assert "2026-01-02T" not in {line[:11] for line in gate.log.split("\n")}
        assert gate.log.count(": GET \"") == 2

    @pytest.mark.h1_only
    @pytest.mark.parametrize("control", ["\x01", "\x0b", "\x1b", "\x7f"])
    def test_control_characters_do_not_get_in(self, gate, control):
        assert gate.viewer(ua=f"a{control}b").get(sign(MASTER)).status == 400
        until(lambda: gate.count_of("bad_request") == 1)


@pytest.mark.multiworker
def test_limit_of_connections_is_one_for_all_workers(make_gate):
    """Neither so many for each worker, nor an equal share for each, which an uneven kernel would break."""
    gate = make_gate(workers=4, http={"max_connections": 24})

    def served():
        try:
            c = gate.viewer().connect()
            c.request("GET", "/health")
            assert c.read().status == 200
            return c
        except (http.Closed, ConnectionError):
            return None

    gate.wait_gauge("connections", 1)
    held = [served() for _ in range(23)]
    assert None not in held
    held.append(until(served, "the last one, once the one that asked for the gauge is gone"))
    try:
        assert [served() for _ in range(40)] == [None] * 40
        for c in held:
            c.request("GET", "/health")
            assert c.read().status == 200
    finally:
        for c in held:
            c.close()
    until(served, "room again").close()
    assert gate.stats()["counters"]["connections_refused"] >= 40


@pytest.mark.multiworker
def test_one_cold_playlist_is_scanned_once_by_each_worker_at_most(make_gate):
    gate = make_gate(workers=4)
    path = f"{BASE}/large.m3u8"
    entries = "".join(f"#EXTINF:6,{'x' * 2000}\ns{i}.ts\n" for i in range(2100))
    text = media(entries).encode()
    assert 4 << 20 <= len(text) < 5 << 20
    gate.streams.write(path, text)
    viewers = [gate.viewer(ua=f"Player/{i}") for i in range(24)]
    for i, v in enumerate(viewers):
        gate.grant(v, uid=f"u{i}", path=path)
    urls = [sign(path, uid=f"u{i}") for i in range(24)]
    start = threading.Barrier(24)

    def fetch(i):
        start.wait()
        return viewers[i].gets(urls[i])

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(fetch, range(24)))
    for i, response in enumerate(answers):
        assert re.sub(rb"\?uid=[^\s]*", b"", response.body) == text
        assert {params_of(uri)["uid"] for uri in uris_of(response.text)} == {f"u{i}"}
    assert 1 <= gate.stats()["counters"]["playlists_scanned"] <= 4
