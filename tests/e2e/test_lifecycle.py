"""Signals, crashes and a full disk: what was answered for stays, what runs may finish."""
import concurrent.futures
import os
import shlex
import signal
import socket
import threading
import time

import pytest

from support.gate import HOME, uri_ending
from support.http import Closed
from support.signing import sign
from support.streams import bytes_of
from support.wait import until

BASE = "/v/2026-01-02/movie1"
MASTER = f"{BASE}/master.m3u8"
SEGMENT = f"{BASE}/hd/s0.ts"
BIG = "/v/2026-01-02/movie1/big.ts"
BIG_SIZE = 8 << 20
OPEN = {"policy": {"segment": []}}


def slow_download(gate):
    """A response that cannot fit into the buffers between, begun and not read any further."""
    gate.streams.write(BIG, bytes_of("big", BIG_SIZE))
    c = gate.connect(receive_buffer=16 << 10)
    c.request("GET", BIG)
    head = c.read_head()
    assert head.status == 200 and int(head["Content-Length"]) == BIG_SIZE
    return c


class TestSignals:
    def test_sigterm_lets_a_running_download_finish(self, make_gate):
        gate = make_gate(access=OPEN)
        with slow_download(gate) as c:
            gate.signal(signal.SIGTERM)
            until(gate.is_refusing, "no new connections")
            assert c.read_content(BIG_SIZE) == bytes_of("big", BIG_SIZE)
        assert gate.wait_exit() == 0

    def test_sigterm_closes_idle_connections_at_once(self, make_gate):
        gate = make_gate()
        with gate.viewer().connect() as c:
            c.request("GET", "/health")
            c.read()
            gate.signal(signal.SIGTERM)
            assert c.is_closed_by_peer()
        assert gate.wait_exit(10) == 0

    def test_drain_has_a_limit(self, make_gate):
        gate = make_gate(access=OPEN, http={"drain_timeout": "300ms"})
        with slow_download(gate) as c:
            gate.signal(signal.SIGTERM)
            assert gate.wait_exit(10) == 0
            with pytest.raises((Closed, ConnectionResetError)):
                c.read_content(BIG_SIZE)

    def test_sigint_does_not_wait(self, make_gate):
        gate = make_gate(access=OPEN)
        with slow_download(gate):
            gate.signal(signal.SIGINT)
            assert gate.wait_exit(10) == 0

    def test_second_sigterm_ends_the_drain(self, make_gate):
        gate = make_gate(access=OPEN)
        with slow_download(gate):
            gate.signal(signal.SIGTERM)
            until(gate.is_refusing, "no new connections")
            gate.signal(signal.SIGINT)
            assert gate.wait_exit(10) == 0

    def test_sigpipe_and_viewers_who_leave_do_no_harm(self, make_gate):
        gate = make_gate(access=OPEN)
        for _ in range(5):
            slow_download(gate).close()
        gate.wait_all_given_back()
        assert gate.count_of("client_left") == 5


class TestCrash:
    def test_grants_sessions_and_uses_outlive_it(self, make_gate):
        gate = make_gate(access={"replay": {"mode": "count", "max_uses": 1, "ttl": "1h"}})
        v = gate.admitted()
        url, other = sign(MASTER), sign(MASTER, ttl=3601)
        v.gets(url)
        gate.kill()
        gate.start()
        v.is_refused(url, "token_used_up")
        v.gets(SEGMENT)
        v.gets(other)
        assert gate.api("GET", "/whitelist-info").json["total_entries"] == 1

    def test_revocations_and_gate_tokens_outlive_it(self, make_gate):
        gate = make_gate()
        gone, kept = gate.admitted(ua="Gone/1"), gate.viewer(ua="Kept/1")
        gate.grant(kept, uid="u2")
        links = []
        for v, uid in ((gone, "u1"), (kept, "u2")):
            child = uri_ending(v.gets(sign(MASTER, uid=uid)).text, MASTER, "hd/index.m3u8")
            links.append(uri_ending(v.gets(child).text, child, "s0.ts"))
        gate.revoke(uid="u1")
        gate.kill()
        gate.start()
        gone.is_refused(links[0], "revoked")
        kept.gets(links[1])

    def test_clean_restart_keeps_them_too(self, make_gate):
        gate = make_gate()
        v = gate.admitted()
        v.gets(sign(MASTER))
        gate.stop()
        gate.start()
        v.gets(SEGMENT)

    @pytest.mark.multiworker
    def test_in_the_middle_of_a_storm_nothing_answered_for_is_lost(self, make_gate):
        gate = make_gate(workers=4, grant={"max_users": 100_000})
        answered = []
        stop = threading.Event()

        def storm(thread):
            for i in range(100_000):
                uid = f"t{thread}-{i}"
                try:
                    gate.grant(gate.viewer(ua=f"Storm/{thread}"), uid=uid)
                except (OSError, Closed):
                    return
                answered.append(uid)
                if stop.is_set():
                    return

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for thread in range(4):
                pool.submit(storm, thread)
            until(lambda: len(answered) > 200, "200 grants answered for")
            gate.kill()
            stop.set()
        gate.start()
        stored = {entry["uid"] for uid in answered for entry in gate.api("GET", f"/whitelist-info?uid={uid}").json["entries"]}
        assert stored == set(answered)


class TestFull:
    def fill(self, gate):
        """Grants until there is no room; the last answer, and how many were stored."""
        for i in range(200_000):
            response = gate.api("POST", "/api/whitelist", {
                "uid": f"filler-{i}-{'x' * 100}", "path": f"/a/{'k' * 400}{i}/b.m3u8", "clientIp": f"10.0.{i % 250}.1",
                "UserAgent": f"ua-{i}"})
            if response.status != 200:
                return response, i
        raise AssertionError("never full")

    def has_the_rest_go_on(self, gate, v, url):
        """Who was let in before plays on; whom nobody knows yet is told to come again."""
        v.gets(url)
        v.gets(SEGMENT)
        refused = gate.viewer(ua="New/1").get(sign(MASTER, uid="filler-0", ttl=3602))
        assert refused.status in (403, 503)
        late = v.get(sign(MASTER, ttl=3700))
        assert late.status in (200, 503)
        if late.status == 503:
            assert int(late["Retry-After"]) > 0

    def is_emptied(self, gate, stored):
        """However full it is, rights can be taken away; the room is used again."""
        for i in range(stored):
            gate.revoke(uid=f"filler-{i}-{'x' * 100}")
        assert gate.api("GET", "/whitelist-info").json["total_entries"] == 1

    def test_store_at_its_limit(self, make_gate):
        gate = make_gate(store={"embedded": {"size": "1MiB"}})
        v = gate.admitted()
        url = sign(MASTER)
        v.gets(url)
        response, stored = self.fill(gate)
        assert response.status == 503 and int(response["Retry-After"]) > 0 and stored > 100
        self.has_the_rest_go_on(gate, v, url)
        gate.stop()
        gate.start(health=(200, 503))  # full as it is: it says so within a second
        assert gate.api("GET", "/whitelist-info").json["total_entries"] == stored + 1
        v.gets(url)
        self.is_emptied(gate, stored)
        until(lambda: gate.api("GET", "/health", key=None).status == 200, "room again")

    def test_traffic_alone_spoils_nothing(self, make_gate):
        """Whose counts find no room wait in memory; the gate goes on as if there were none."""
        gate = make_gate(store={"embedded": {"size": "1MiB"}}, access={"policy": {"segment": ["token"]}})
        v, path = gate.admitted(), gate.streams.write("/v/one.ts", b"x")
        users = 0
        while gate.counters()["traffic_failed"] == 0:
            for users in range(users + 1, users + 51):
                v.gets(sign("/v/one.ts", uid=f"w{users}-{'x' * 100}"))
            assert users < 20_000, "never full"
        assert users > 100
        until(lambda: gate.counters()["traffic_failed"] > 4, "it is tried again")
        for i in range(20):
            gate.grant(v, uid=f"u{i}")
            v.gets(sign(MASTER, uid=f"u{i}"))
            assert gate.revoke(uid=f"u{i}")["sessions_ended"] == 1
            assert gate.api("GET", "/health", key=None).status == 200

    def test_a_signature_stands_in_for_it(self, make_gate):
        """access.on_store_failure, taken over by a reload: the whole stream plays, also for whom no grant can be looked
        up; who has nothing signed stays outside."""
        gate = make_gate(store={"embedded": {"size": "1MiB"}})
        v, stranger = gate.admitted(), gate.viewer(ua="Stranger/1")
        self.fill(gate)
        bindings = (sign(MASTER, ttl=4000 + i) for i in range(100_000))
        url = next(url for url in bindings if v.get(url).status == 503)
        v.is_refused(url, "store_full")
        gate.reload(access={"on_store_failure": "allow_signed"})
        until(lambda: v.get(url).status == 200, "the new rule is in force")
        before = gate.counters()["let_in_unchecked"]
        assert len(v.play(url)) == 11
        until(lambda: gate.counters()["let_in_unchecked"] == before + 1, "the children by their gate tokens alone")
        assert f'let_in_unchecked: GET "{MASTER}", status 200' in gate.log
        stranger.is_refused(MASTER, "token_missing")
        stranger.is_refused(SEGMENT, "no_credential")
        gate.reload(access={"on_store_failure": "deny"})
        until(lambda: v.get(url).status == 503, "the old rule is in force again")

    def test_disk_at_its_limit(self, make_gate):
        """A disk of the daemon's own, 2 MiB of it, in a mount namespace of its own."""
        gate = make_gate(start=False, store={"embedded": {"size": "1GiB"}})
        state = gate.folder / "state"
        state.mkdir()
        mount = f"mount -t tmpfs -o size=2m,mode=700 none {shlex.quote(str(state))} && exec \"$@\""
        # Who may not mount takes a user namespace for it; who may need not, and inside a chroot could not.
        as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
        gate.wrapper = ["unshare", *as_root, "--mount", "sh", "-c", mount, "sh"]
        gate.start()
        v = gate.admitted()
        url = sign(MASTER)
        v.gets(url)
        response, stored = self.fill(gate)
        assert response.status == 503 and int(response["Retry-After"]) > 0 and stored > 100
        self.has_the_rest_go_on(gate, v, url)
        assert gate.api("GET", "/whitelist-info").json["total_entries"] == stored + 1
        self.is_emptied(gate, stored)
        until(lambda: gate.api("POST", "/api/whitelist", {
            "uid": "again", "path": MASTER, "clientIp": HOME, "UserAgent": "x"}).status == 200, "room again")


@pytest.mark.multiworker
def test_many_workers_share_one_state(make_gate):
    """Grant on one, playlist on another, segment on a third: whichever the kernel picks."""
    gate = make_gate(workers=4)
    viewers = [gate.viewer(ua=f"Player/{i}") for i in range(5)]
    gate.streams.movie()
    for i, v in enumerate(viewers):
        gate.grant(v, uid=f"u{i}")
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        plays = list(pool.map(lambda i: viewers[i].play(sign(MASTER, uid=f"u{i}")), range(5)))
    assert all(len(got) == 11 for got in plays)


def test_one_worker_is_enough(make_gate):
    make_gate(workers=1).admitted().play(sign(MASTER))


def test_listens_on_several_addresses(make_gate, tmp_path):
    gate = make_gate(start=False)
    path = str(tmp_path / "gate.sock")
    gate.config["listen"].append({"address": f"unix:{path}"})
    gate.write_config()
    gate.start()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(path)
        s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert s.recv(100).startswith(b"HTTP/1.1 200 ")


def test_starts_quickly(make_gate):
    gate = make_gate(start=False)
    began = time.monotonic()
    gate.start()
    assert time.monotonic() - began < 10
