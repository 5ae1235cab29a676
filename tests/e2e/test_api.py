"""The API: keys and scopes, content, logs, and the endpoints that explain a decision."""
import json
import re
from urllib.parse import quote

import pytest

from support.gate import ELSEWHERE, HOME, KEYS
from support.signing import sign
from support.wait import until

BASE = "/v/2026-01-02/movie1"
MASTER = f"{BASE}/master.m3u8"
GRANT = {"uid": "u1", "path": MASTER, "clientIp": HOME, "UserAgent": "Player/1.0"}
VIEWER = ["/whitelist-info", "/stats", "/api/access-logs/denied", "/api/access-logs/recent", "/api/replay-logs",
          "/api/key-access-logs", "/debug/browser?ua=curl", "/debug/cidr?ip=127.0.1.5&test_ip=127.0.1.6",
          f"/debug/explain?url={quote(MASTER)}&ip=127.0.1.5&ua=x"]
OPERATOR = [("POST", "/api/whitelist", GRANT), ("DELETE", "/api/whitelist", {"uid": "u1"}),
            ("POST", "/api/static-whitelist", GRANT)]


class TestKeys:
    def test_health_is_open_and_says_only_that(self, shared_gate):
        response = shared_gate.api("GET", "/health", key=None)
        assert response.status == 200 and set(response.json) == {"status"}

    def test_with_a_key_it_says_more(self, shared_gate):
        assert len(shared_gate.api("GET", "/health", key="viewer").json) > 1

    @pytest.mark.parametrize("path", VIEWER)
    def test_nothing_else_without_a_key(self, shared_gate, path):
        response = shared_gate.api("GET", path, key=None)
        assert response.status == 401 and response.json["error"]

    @pytest.mark.parametrize("path", VIEWER)
    def test_viewer_may_read(self, shared_gate, path):
        assert shared_gate.api("GET", path, key="viewer").status == 200

    @pytest.mark.parametrize("method, path, body", OPERATOR)
    def test_viewer_may_not_change(self, shared_gate, method, path, body):
        response = shared_gate.api(method, path, body, key="viewer")
        assert response.status == 403 and response.json["error"]
        assert shared_gate.api("GET", "/whitelist-info").json["total_entries"] == 0

    @pytest.mark.parametrize("key", ["operator", "admin"])
    def test_operator_and_admin_may(self, gate, key):
        for method, path, body in OPERATOR:
            assert gate.api(method, path, body, key=key).status == 200

    @pytest.mark.parametrize("value", ["Bearer wrong", "Bearer ", "Bearer", "wrong", "Basic " + KEYS["admin"], " ",
                                       "Bearer " + KEYS["admin"][:-1], "Bearer " + KEYS["admin"] + "x",
                                       "Bearer " + "k" * 9000])
    def test_wrong_keys(self, shared_gate, value):
        response = shared_gate.api("GET", "/stats", key=None, fields={"Authorization": value})
        assert response.status in (401, 403) and response.json["error"]

    @pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "{}"])
    def test_bearer_and_bare(self, shared_gate, form):
        fields = {"Authorization": form.format(KEYS["viewer"])}
        assert shared_gate.api("GET", "/stats", key=None, fields=fields).status == 200

    def test_hash_is_no_key(self, shared_gate):
        sha256 = shared_gate.config["api"]["keys"][0]["sha256"]
        assert shared_gate.api("GET", "/stats", key=sha256).status == 403


class TestContent:
    @pytest.mark.parametrize("raw", [b"", b"{", b"null", b"[]", b'"x"', b"{}{}", b"\xff\xfe", b'{"uid": "u\\u0000"}',
                                     b'{"uid": "a", "uid": "b"}', b"[" * 50_000, b'{"a":' * 5000,
                                     json.dumps(GRANT).encode() + b"x", b'{"uid": "\xc3\x28"}'])
    def test_bad_json_is_400(self, shared_gate, raw):
        response = shared_gate.api("POST", "/api/whitelist", raw=raw)
        assert response.status == 400 and response.json["error"]

    def test_unknown_fields_are_passed_over(self, gate):
        assert gate.api("POST", "/api/whitelist", GRANT | {"later": [1, {"x": None}]}).status == 200

    def test_unknown_endpoint(self, shared_gate):
        assert shared_gate.api("GET", "/api/none").status in (403, 404)

    def test_answers_are_json_and_never_cached(self, shared_gate):
        response = shared_gate.api("GET", "/stats")
        assert response["Content-Type"].startswith("application/json") and "no-store" in response["Cache-Control"]


def explain(gate, url, ip, ua):
    response = gate.api("GET", f"/debug/explain?url={quote(url, safe='')}&ip={ip}&ua={quote(ua)}", key="viewer")
    assert response.status == 200, response.text
    return response.json


class TestLogs:
    def test_denied_names_reason_path_and_viewer_but_no_token(self, gate):
        v = gate.admitted()
        url = sign(MASTER, ttl=-1)
        v.is_refused(url, "token_expired")
        text = gate.wait_log("/api/access-logs/denied", "token_expired", MASTER, HOME, "Player/1.0", "u1")
        assert url[-64:] not in text

    def test_denied_tells_why_as_an_explanation_does(self, gate):
        v = gate.admitted()
        url, late, missing = sign(MASTER), sign(MASTER, ttl=-1), f"{BASE}/hd/s0.ts"
        for n, (who, target, word, check) in enumerate([
                (v, late, "token_expired", "token"), (v, url.replace("u1", "u2"), "token_bad_sig", "token"),
                (v, missing, "no_credential", "session"), (gate.viewer(ip=ELSEWHERE), url, "no_grant", "grant"),
                (gate.viewer(ua="Other/1"), url, "no_grant", "grant")], 1):
            told = explain(gate, target, who.ip, who.ua)
            who.is_refused(target, word)
            until(lambda: gate.denied_log()["total"] == n, "it stands there")
            entry = gate.denied_log()["logs"][0]
            assert entry["outcome"] == told["outcome"] == word
            assert entry["checks"] == told["checks"]
            decisive, = [row for row in entry["checks"] if row["decisive"]]
            assert decisive["check"] == check and decisive["text"].endswith(entry["reason"])
            _, _, signature = target.partition("token=")
            assert not signature or signature[:16] not in str(entry)

    def test_replays_and_keys_tell_why(self, make_gate):
        gate = make_gate(access={"replay": {"mode": "count", "max_uses": 1, "ttl": "1h"}})
        v = gate.admitted()
        url = sign(MASTER)
        v.gets(url)
        v.is_refused(url, "token_used_up")
        gate.wait_log("/api/replay-logs", "refuses; used up; use number 1")
        v.is_refused(f"{BASE}/hd/enc.key", "token_missing")
        gate.wait_log("/api/key-access-logs", "none: no token")
        gate.wait_log("/api/access-logs/recent", '"begins"')

    def test_refusal_is_a_line_of_the_log_too(self, gate):
        gate.admitted().is_refused(sign(MASTER, ttl=-1), "token_expired")
        until(lambda: re.search(r"token_expired.*movie1", gate.log), "a line with word and path")

    def test_recent_has_the_served(self, gate):
        gate.admitted().gets(sign(MASTER))
        gate.wait_log("/api/access-logs/recent", MASTER, '"ok"')

    def test_capped_newest_first(self, gate):
        v = gate.admitted()
        with v.connect() as c:
            for i in range(130):
                c.request("GET", f"{BASE}/n{i}.m3u8", v.fields())
                assert c.read().status == 403
        text = gate.wait_log("/api/access-logs/denied", "/n129.m3u8")
        seen = [int(n) for n in re.findall(r"/n(\d+)\.m3u8", text)]
        assert seen == sorted(seen, reverse=True) and seen[0] == 129 and len(seen) == 100

    def test_hostile_texts_leave_the_log_whole(self, gate):
        v = gate.admitted()
        path = f'{BASE}/%22%7D%5D%0D%0A%1B%5B31m%E2%80%AE{"x" * 3000}.m3u8'
        assert v.ask("GET", path, {"User-Agent-2": "x"}).status in (400, 403, 414)
        gate.viewer(ua='"}]\\u0000<script>').get(path)
        gate.denied_log()
        assert "\x1b[31m" not in gate.log

    def test_summary(self, gate):
        gate.admitted().is_refused(sign(MASTER, ttl=-1), "token_expired")
        gate.wait_log("/api/access-logs/summary", "token_expired")


class TestDebug:
    @pytest.mark.parametrize("ua, kind, name", [
        ("curl/8.0", "download_tool", "curl"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36 Edg/120.0",
         "desktop_browser", "edge"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "Version/17.0 Mobile/15E148 Safari/604.1", "mobile_browser", "safari_mobile"),
        ("", "unknown", "unknown"),
    ])
    def test_browser(self, shared_gate, ua, kind, name):
        answer = shared_gate.api("GET", f"/debug/browser?ua={quote(ua)}", key="viewer").json
        assert (answer["type"], answer["name"]) == (kind, name)

    def test_cidr(self, shared_gate):
        def match(ip, test_ip):
            answer = shared_gate.api("GET", f"/debug/cidr?ip={ip}&test_ip={test_ip}", key="viewer").json
            return answer["network"], answer["matches"]

        assert match("127.0.1.5", "127.0.1.200") == ("127.0.1.0/24", True)
        assert match("127.0.1.5", "127.0.2.5") == ("127.0.1.0/24", False)
        assert match("2001:db8::1", "2001:db8::ffff:1") == ("2001:db8::/64", True)
        assert shared_gate.api("GET", "/debug/cidr?ip=nonsense", key="viewer").status == 400

    def explain(self, gate, url, ip=HOME):
        answer = explain(gate, url, ip, "Player/1.0")
        assert answer["allowed"] == (answer["status"] < 400)
        assert [row["decisive"] for row in answer["checks"]].count(True) == (not answer["allowed"])
        return answer["outcome"]

    def test_explain_says_why_without_side_effects(self, make_gate):
        gate = make_gate(access={"replay": {"mode": "count", "max_uses": 1, "ttl": "1h"}})
        v = gate.admitted()
        url = sign(MASTER)
        for _ in range(3):
            assert self.explain(gate, url) == "ok"
        assert self.explain(gate, url, ip=ELSEWHERE) == "no_grant"
        assert self.explain(gate, sign(MASTER, ttl=-1)) == "token_expired"
        stats = gate.stats()
        assert stats["store"]["uses"] == 0 and stats["store"]["sessions"] == 0
        v.gets(url)
        assert self.explain(gate, url) == "token_used_up"

    def test_explain_needs_its_parameters(self, shared_gate):
        assert shared_gate.api("GET", "/debug/explain?url=/x", key="viewer").status == 400
        assert shared_gate.api("GET", "/debug/explain", key="viewer").status == 400


class TestStats:
    def test_counts_by_outcome(self, gate):
        v = gate.admitted()
        before = gate.stats()["outcomes"]
        v.is_refused(sign(MASTER, ttl=-1), "token_expired")
        v.gets(sign(MASTER))
        after = gate.stats()["outcomes"]
        assert after["token_expired"] == before.get("token_expired", 0) + 1
        assert after["ok"] > before["ok"]

    def test_counts_what_is_stored(self, gate):
        v = gate.admitted()
        v.gets(sign(MASTER))
        store = gate.stats()["store"]
        assert (store["grants"], store["sessions"]) == (1, 1)

    def test_gauge_of_connections(self, gate):
        with gate.viewer().connect() as c:
            c.request("GET", "/health")
            c.read()
            gate.wait_gauge("connections", 2)
        gate.wait_gauge("connections", 1)


def test_health_when_asked_often_costs_no_session(gate):
    for _ in range(20):
        assert gate.api("GET", "/health", key=None).status == 200
    until(lambda: gate.stats()["store"]["sessions"] == 0, "no sessions")
