"""How often one token or key may be used, and by whom."""
import concurrent.futures

import pytest

from support.gate import ELSEWHERE, uri_ending
from support.signing import sign
from support.wait import until

BASE = "/v/2026-01-02/movie1"
MASTER = f"{BASE}/master.m3u8"
KEY = f"{BASE}/hd/enc.key"


def second_viewer(gate, **who):
    other = gate.viewer(**who)
    gate.grant(other)
    return other


class TestBind:
    def test_first_viewer_may_reload(self, gate):
        v = gate.admitted()
        url = sign(MASTER)
        for _ in range(5):
            v.gets(url)

    @pytest.mark.parametrize("who", [{"ip": ELSEWHERE}, {"ua": "Other/1"}])
    def test_another_is_refused(self, gate, who):
        url = sign(MASTER)
        gate.admitted().gets(url)
        second_viewer(gate, **who).is_refused(url, "token_other_viewer")

    def test_another_token_of_the_same_user_is_free(self, gate):
        gate.admitted().gets(sign(MASTER))
        second_viewer(gate, ua="Other/1").gets(sign(MASTER, ttl=3601))

    def test_both_encodings_are_one_token(self, gate):
        gate.admitted().gets(sign(MASTER, expires=2_000_000_000))
        second_viewer(gate, ua="Other/1").is_refused(sign(MASTER, expires=2_000_000_000, encoding="base64url"),
                                                     "token_other_viewer")

    def test_refusal_is_in_the_replay_log(self, gate):
        url = sign(MASTER)
        gate.admitted().gets(url)
        second_viewer(gate, ua="Other/1").is_refused(url, "token_other_viewer")
        gate.wait_log("/api/replay-logs", "token_other_viewer", MASTER)

    @pytest.mark.multiworker
    def test_of_many_at_once_exactly_one_wins(self, make_gate):
        gate = make_gate(workers=4)
        gate.admitted()
        url = sign(MASTER, uid="r")
        racers = [gate.viewer(ip=f"127.0.{10 + n}.1", ua="Racer") for n in range(5)]
        for v in racers:
            gate.grant(v, uid="r")
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda v: (v.ip, v.get(url).status), racers * 4))
        winners = {ip for ip, status in answers if status == 200}
        assert len(winners) == 1
        assert sorted({status for ip, status in answers if ip not in winners}) == [403]
        assert all(status == 200 for ip, status in answers if ip in winners)


class TestCount:
    @pytest.fixture
    def gate(self, make_gate):
        return make_gate(access={"replay": {"mode": "count", "max_uses": 2, "ttl": "1h"}})

    def test_whoever_uses_it(self, gate):
        url = sign(MASTER)
        v = gate.admitted()
        v.gets(url)
        second_viewer(gate, ua="Other/1").gets(url)
        v.is_refused(url, "token_used_up")

    def test_refusals_spend_nothing(self, gate):
        url = sign(MASTER)
        v = gate.admitted()
        for _ in range(3):
            gate.viewer(ip=ELSEWHERE).is_refused(url, "no_grant")
            gate.viewer(ua="thief").is_refused(url, "no_grant")
        v.gets(url)
        v.gets(url)
        v.is_refused(url, "token_used_up")

    def test_head_spends_nothing(self, gate):
        url = sign(MASTER)
        v = gate.admitted()
        for _ in range(3):
            assert v.ask("HEAD", url).status == 200
        v.gets(url)
        v.gets(url)
        v.is_refused(url, "token_used_up")
        second_viewer(gate, ua="Other/1").is_refused(url, "token_used_up", method="HEAD")

    def test_window_ends(self, make_gate):
        gate = make_gate(folder="short", access={"replay": {"mode": "count", "max_uses": 1, "ttl": "1s"}})
        url = sign(MASTER)
        v = gate.admitted()
        v.gets(url)
        until(lambda: v.get(url).status == 200, "a new window")

    @pytest.mark.multiworker
    def test_of_many_at_once_exactly_that_many(self, make_gate):
        gate = make_gate(folder="many", workers=4,
                         access={"replay": {"mode": "count", "max_uses": 7, "ttl": "1h"}})
        v = gate.admitted()
        url = sign(MASTER)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: v.get(url).status, range(60)))
        assert answers.count(200) == 7 and answers.count(403) == 53


class TestKeys:
    COUNT = {"key": {"mode": "count", "max_uses": 1, "retry": "0"}}

    def key_of(self, v, **token):
        child = f"{BASE}/hd/index.m3u8"
        return uri_ending(v.gets(sign(child, **token)).text, child, "enc.key")

    def test_bind_lets_the_player_fetch_again(self, gate):
        v = gate.admitted()
        key = self.key_of(v)
        for _ in range(4):
            v.gets(key)

    def test_back_end_may_sign_a_key_itself(self, gate, streams):
        v = gate.admitted()
        assert v.gets(sign(KEY)).body == streams.read(KEY)

    def test_never_cached_on_the_way(self, gate):
        v = gate.admitted()
        assert v.gets(self.key_of(v))["Cache-Control"] == "no-store"

    def test_count(self, make_gate):
        v = make_gate(access=self.COUNT).admitted()
        key = self.key_of(v)
        v.gets(key)
        v.is_refused(key, "token_used_up")

    def test_head_and_range_continuations_are_the_same_use(self, make_gate):
        v = make_gate(access=self.COUNT).admitted()
        key = self.key_of(v)
        assert v.ask("HEAD", key).status == 200
        assert v.gets(key, {"Range": "bytes=0-7"}, status=206).body
        assert v.gets(key, {"Range": "bytes=8-15"}, status=206).body
        v.is_refused(key, "token_used_up")

    def test_retry_is_the_same_use(self, make_gate):
        v = make_gate(access={"key": {"mode": "count", "max_uses": 1, "retry": "1h"}}).admitted()
        key = self.key_of(v)
        v.gets(key)
        v.gets(key)

    def test_key_log_names_served_and_refused(self, make_gate):
        gate = make_gate(access=self.COUNT)
        v = gate.admitted()
        key = self.key_of(v)
        v.gets(key)
        v.is_refused(key, "token_used_up")
        gate.wait_log("/api/key-access-logs", KEY, "token_used_up", '"ok"')

    def test_redirect(self, make_gate):
        v = make_gate(access={"key": {"redirect": "https://keys.example/safe/"}}).admitted()
        response = v.gets(self.key_of(v), status=302)
        assert response["Location"] == "https://keys.example/safe" + KEY
        v.is_refused(KEY, "token_missing")


class TestBrowserAdaptive:
    CHROME = ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
              "Chrome/120.0.0.0 Safari/537.36")
    QQ = ("Mozilla/5.0 (Linux; U; Android 10; zh-cn) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
          "Chrome/89.0.4389.72 MQQBrowser/11.4 Mobile Safari/537.36")

    @pytest.mark.parametrize("ua, times", [(CHROME, 1), (QQ, 2), ("curl/8.0", 1), ("Frobnicator", 1)])
    def test_times_in_a_window(self, make_gate, ua, times):
        gate = make_gate(access={"browser_adaptive": {"enabled": True}})
        v = gate.admitted(ua=ua)
        url = sign(MASTER)
        for _ in range(times):
            v.gets(url)
        v.is_refused(url, "browser_limit")

    def test_off_by_default(self, gate):
        v = gate.admitted(ua="curl/8.0")
        url = sign(MASTER)
        for _ in range(3):
            v.gets(url)

    def test_window_ends(self, make_gate):
        gate = make_gate(access={"browser_adaptive": {"enabled": True, "tool": {"window": "1s"}}})
        v = gate.admitted(ua="curl/8.0")
        url = sign(MASTER)
        v.gets(url)
        until(lambda: v.get(url).status == 200, "a new window")
