"""What the API makes of wrong keys, wrong fields, and strings that were meant to do harm."""
import json
import time
from urllib.parse import quote

import pytest

from support import openapi
from support.gate import HOME, KEYS
from support.openapi import operations
from support.signing import sign
from support.wait import until

MASTER = "/v/2026-01-02/movie1/master.m3u8"
GRANT = {"uid": "u1", "path": MASTER, "clientIp": HOME, "UserAgent": "Player/1.0"}
# A body that is right, of each operation that takes one.
RIGHT = {
    ("POST", "/api/whitelist"): GRANT,
    ("DELETE", "/api/whitelist"): GRANT,
    ("POST", "/api/static-whitelist"): {name: GRANT[name] for name in ("uid", "clientIp", "UserAgent")},
    ("POST", "/api/js-whitelist"): {"uid": "u1", "jsPath": MASTER, "clientIp": HOME, "UserAgent": "x"},
    ("DELETE", "/api/sessions"): {"uid": "u1", "session": "A" * 16},
    ("POST", "/api/file/check"): {"path": MASTER},
    ("POST", "/api/file/check/batch"): {"paths": [MASTER]},
    ("POST", "/api/cache/purge"): {"path": MASTER},
    ("POST", "/monitor/login"): {"key": KEYS["viewer"]},
}
FIELDS = [(*name, field) for name, body in RIGHT.items() for field in body]
NOT_TEXTS = [1, 1.5, True, [], ["x"], {}, {"x": "y"}]
NOT_UIDS = ["a:b", "x" * 129, "\n", "a\x00b", "a\x1b[31m", "\x7f"]
NOT_PATHS = ["/..", "/%zz", "/a%00", "/%2e%2e/a", "/a\\b", "/" + "x" * 3000]
NOT_ADDRESSES = ["", "x", "127.0.0.256", "127.0.0.1,127.0.0.2", "127.0.0.1/33", "::1%lo", "0x7f000001", " 127.0.0.1", "1" * 99]
WRONG = {"uid": NOT_UIDS, "path": NOT_PATHS, "clientIp": NOT_ADDRESSES, "UserAgent": ["x" * 17_000],
         "session": ["", "x" * 33], "paths": ["/a"], "jsPath": NOT_PATHS, "key": ["", "x" * 3000]}
HOSTILE = ['<script>alert(1)</script>', '"}],"x":[{"', "'; DROP TABLE users; --", "${jndi:ldap://x}", "{{7*7}}", "%0d%0aX: y",
           "\u202egnp.exe", "用户", "пользователь", "🎬" * 20, "\\u0000", "\\\"", "</script><img src=x onerror=y>"]


def send(gate, method, path, raw):
    return gate.api(method, path, raw=raw if isinstance(raw, bytes) else json.dumps(raw).encode(), key="admin")


def test_every_body_has_a_right_one():
    assert set(RIGHT) == {name for name, op in operations().items() if openapi.body_schema(op)}


class TestFields:
    @pytest.mark.parametrize("method, path, field", FIELDS)
    def test_of_the_wrong_type(self, shared_gate, method, path, field):
        for value in NOT_TEXTS:
            if field == "paths" and value == ["x"]:
                continue  # that is right
            response = send(shared_gate, method, path, RIGHT[method, path] | {field: value})
            assert response.status == 400, f"{field}: {value}: {response.text}"
            assert response.json["error"].startswith(field), response.text

    @pytest.mark.parametrize("method, path, field", FIELDS)
    def test_of_the_wrong_form(self, shared_gate, method, path, field):
        for value in WRONG[field]:
            response = send(shared_gate, method, path, RIGHT[method, path] | {field: value})
            assert response.status == 400, f"{field}: {value!r}: {response.text}"
            if "\x00" not in value:  # jansson takes no NUL: then it is the content that is wrong
                spellings = (field, "js_path") if field == "jsPath" else (field,)
                assert response.json["error"].startswith(spellings), response.text

    @pytest.mark.parametrize("method, path, field", FIELDS)
    def test_twice(self, shared_gate, method, path, field):
        text = json.dumps(RIGHT[method, path])[:-1] + f', "{field}": "x"}}'
        response = send(shared_gate, method, path, text.encode())
        assert response.status == 400 and response.json["error"] == f"{field}: stands twice"

    @pytest.mark.parametrize("method, path", RIGHT)
    def test_no_object_or_too_deep(self, shared_gate, method, path):
        deep = json.dumps(RIGHT[method, path])[:-1].encode() + b', "x": ' + b"[" * 30_000
        for raw in (b"", b"null", b"[]", b'"x"', b"{", b"{}x", b"\xff", b'{"uid": "\xc3\x28"}', deep, b"[" * 60_000,
                    b'{"x":' * 10_000, b"\x00", b"\xef\xbb\xbf{}"):
            response = send(shared_gate, method, path, raw)
            assert response.status == 400 and response.json["error"].startswith("content: "), response.text

    @pytest.mark.parametrize("target", [
        "/whitelist-info?uid=a&uid=b", "/api/sessions?uid=a&uid=a", "/active-transfers?sort=uid&sort=uid",
        "/probe/backend?path=/a&path=/b", "/debug/cidr?ip=::1&ip=::2", "/debug/browser?ua=a&ua=b"])
    def test_parameters_twice(self, shared_gate, target):
        response = shared_gate.api("GET", target, key="viewer")
        name = target.split("?")[1].split("=")[0]
        assert response.status == 400 and response.json["error"] == f"{name}: stands twice"


class TestHostileTexts:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_they_come_back_as_they_are(self, gate, text):
        uid = text.replace(":", "")[:40]
        body = GRANT | {"uid": uid, "UserAgent": text}
        assert gate.api("POST", "/api/whitelist", body, key="operator").status == 200
        response = gate.api("GET", "/whitelist-info", key="viewer")
        assert response["Content-Type"] == "application/json" and response["X-Content-Type-Options"] == "nosniff"
        assert [e["uid"] for e in response.json["entries"]] == [uid]
        assert gate.api("GET", "/debug/browser?ua=" + quote(text), key="viewer").json["user_agent"] == text
        answer = gate.api("POST", "/api/file/check", {"path": "/x/" + quote(text, safe="")}, key="viewer").json
        assert "exists" in answer or answer["error"].startswith("path: ")

    def test_a_user_agent_of_10_kb_and_bytes_that_are_no_text(self, gate):
        v = gate.viewer(ua="A\xe9\xff<b>" + "x" * 10_000)
        gate.grant(gate.viewer(ua="x"))
        v.get(MASTER)
        entries = gate.wait_log("/api/access-logs/denied", MASTER)
        assert "<b>xxx" in json.loads(entries)["logs"][0]["user_agent"]
        target = "/debug/session?ua=" + quote("é" * 900)
        assert gate.api("GET", target, key="viewer").status == 200

    @pytest.mark.parametrize("endpoint", ["/api/access-logs/recent", "/api/access-logs/denied"])
    def test_no_log_holds_a_secret(self, gate, endpoint):
        url = sign(MASTER)
        gate.admitted().gets(url)
        gate.viewer(ua="other").get(url)
        text = gate.wait_log(endpoint, MASTER)
        assert url.split("token=")[1] not in text and KEYS["viewer"] not in text


class TestWrongKeys:
    def ask(self, gate, key, source, **options):
        return gate.fetch("GET", "/stats", [("Authorization", f"Bearer {key}")], source=source, **options)

    def test_after_ten_they_are_answered_slowly(self, gate):
        for i in range(10):
            assert self.ask(gate, f"wrong{i}", HOME).status == 403
        before = time.monotonic()
        response = self.ask(gate, "wrong", HOME)
        assert response.status == 403 and response.json == {"error": "Forbidden"}
        assert time.monotonic() - before >= 0.9
        assert gate.counters()["api_keys_slowed"] == 1 and gate.count_of("api_key_wrong") == 11

    def test_the_right_key_never_waits_nor_does_another_address(self, gate):
        for i in range(10):
            self.ask(gate, f"wrong{i}", HOME)
        with gate.connect(HOME) as c:
            c.request("GET", "/stats", [("Authorization", "Bearer wrong")])
            assert self.ask(gate, KEYS["viewer"], HOME).status == 200
            assert self.ask(gate, "wrong", "127.0.9.9").status == 403
            assert gate.count_of("api_key_wrong") == 11  # the slow one has not been answered yet
            assert c.read().status == 403

    def test_who_does_not_wait_for_the_answer_leaves_nothing(self, gate):
        for i in range(10):
            self.ask(gate, f"wrong{i}", HOME)
        with gate.connect(HOME) as c:
            c.request("GET", "/stats", [("Authorization", "Bearer wrong")])
            gate.wait_gauge("requests", 2)
        until(lambda: gate.gauges()["requests"] == 1, "it is over")
