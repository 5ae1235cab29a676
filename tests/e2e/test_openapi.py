"""The description of the API is right: no endpoint is missing in it, none is in it alone, and every answer is as it says."""
import hmac
import json
import re
import time
from urllib.parse import quote, urlsplit

import pytest

from support import openapi, words
from support.events import Events
from support.gate import HOME, KEYS, ROOT, http_origin, running, Gate
from support.openapi import DOCUMENT, operations
from support.signing import sign
from support.streams import Streams

MASTER = "/v/2026-01-02/movie1/master.m3u8"
JS_SECRET = "a secret for browsers"
GRANT = {"uid": "u1", "path": MASTER, "clientIp": HOME, "UserAgent": "Player/1.0"}
EXPIRES = int(time.time()) + 3600


def js_sign(uid, path, expires=EXPIRES):
    return hmac.digest(JS_SECRET.encode(), f"{uid}:{path}:{expires}".encode(), "sha256").hex()


def js_query(uid="u1", path="/js/app/a.js", expires=EXPIRES, signature=None):
    return f"?uid={uid}&js_path={quote(path)}&expires={expires}&sign={signature or js_sign(uid, path, expires)}"


# method, path with query, key, body: what is answered with each status; {session} is the name of a live one
GOOD = [
    ("GET", "/health", None, None), ("GET", "/health", "viewer", None), ("GET", "/stats", "viewer", None),
    ("GET", "/traffic?limit=5", "viewer", None), ("GET", "/metrics", "viewer", None),
    ("GET", "/active-transfers?sort=uid&order=asc&limit=5&uid=u1&stream_key=movie1", "viewer", None),
    ("GET", "/api/history", "viewer", None), ("GET", "/api/history?range=24h", "viewer", None),
    ("POST", "/api/whitelist", "operator", GRANT), ("GET", "/whitelist-info?uid=u1&limit=2", "viewer", None),
    ("POST", "/api/static-whitelist", "operator", GRANT),
    ("GET", "/api/js-whitelist" + js_query(), None, None), ("GET", "/api/js-whitelist" + js_query(path=""), None, None),
    ("POST", "/api/js-whitelist", None,
     {"uid": "u1", "js_path": "/js/app/a.js", "expires": EXPIRES, "sign": js_sign("u1", "/js/app/a.js")}),
    ("POST", "/api/js-whitelist", "operator", {"uid": "u1", "jsPath": ""}),
    ("GET", "/api/js-whitelist/check?js_path=/js/app/b.js", None, None),
    ("GET", "/api/js-whitelist/check?js_path=&ip=192.0.2.1&ua=x&uid=u1", "viewer", None),
    ("GET", "/api/js-whitelist/stats", "viewer", None),
    ("GET", "/api/sessions?uid=u1&limit=10", "viewer", None),
    ("POST", "/api/file/check", "viewer", {"path": MASTER}), ("POST", "/api/file/check", "viewer", {"path": "/none.ts"}),
    ("POST", "/api/file/check", "viewer", {"path": "/http/none.ts"}),
    ("POST", "/api/file/check/batch", "viewer", {"paths": [MASTER, "/none.ts", "/http/x.ts"]}),
    ("GET", "/probe/backend?path=" + MASTER, "viewer", None), ("GET", "/probe/backend?path=/http/x", "viewer", None),
    ("GET", "/api/access-logs/denied?limit=3", "viewer", None), ("GET", "/api/access-logs/recent", "viewer", None),
    ("GET", "/api/access-logs/summary", "viewer", None), ("GET", "/api/replay-logs", "viewer", None),
    ("GET", "/api/key-access-logs", "viewer", None), ("POST", "/api/cache/purge", "operator", {"stream_key": "movie1"}),
    ("GET", "/api/m3u8-cache-stats", "viewer", None),
    ("GET", f"/debug/explain?url={quote(MASTER)}&ip={HOME}&ua=x", "viewer", None),
    ("GET", "/debug/browser?ua=curl", "viewer", None), ("GET", "/debug/cidr?ip=192.0.2.1", "viewer", None),
    ("GET", "/debug/cidr?ip=2001:db8::1&test_ip=::1", "viewer", None),
    ("GET", f"/debug/ip-whitelist?ip={HOME}&ua=Player/1.0&uid=u1&path=movie1", "viewer", None),
    ("GET", "/debug/session", "viewer", None),
    ("GET", f"/debug/session?ip={HOME}&ua=Player/1.0&uid=u1&path=movie1", "viewer", None),
    ("GET", "/api/openapi.json", "viewer", None),
    ("POST", "/monitor/login", None, {"key": KEYS["viewer"]}),
    ("DELETE", "/api/sessions", "operator", {"session": "{session}", "uid": "u1"}),
    ("DELETE", "/api/sessions", "operator", {"uid": "u1"}), ("DELETE", "/api/whitelist", "operator", {"uid": "u1"}),
]
WRONG = [  # ..., the beginning of the error
    ("GET", "/traffic?limit=0", "viewer", None, "limit: "),
    ("GET", "/active-transfers?sort=weight", "viewer", None, "sort: "),
    ("GET", "/active-transfers?order=up", "viewer", None, "order: "),
    ("GET", "/active-transfers?limit=0", "viewer", None, "limit: "),
    ("GET", "/active-transfers?uid=a:b", "viewer", None, "uid: "),
    ("GET", "/api/history?range=7d", "viewer", None, "range: "),
    ("POST", "/api/whitelist", "operator", GRANT | {"path": "/.."}, "path: "),
    ("DELETE", "/api/whitelist", "operator", {"uid": "u1", "clientIp": ""}, "clientIp: "),
    ("POST", "/api/static-whitelist", "operator", GRANT | {"clientIp": "192.0.2"}, "clientIp: "),
    ("GET", "/whitelist-info?limit=x", "viewer", None, "limit: "),
    ("GET", "/api/js-whitelist?uid=u1&js_path=", None, None, "sign: "),
    ("GET", "/api/js-whitelist" + js_query() + "&uid=u2", None, None, "uid: "),
    ("POST", "/api/js-whitelist", "operator", {"uid": "u1"}, "js_path: "),
    ("GET", "/api/js-whitelist/check", None, None, "js_path: "),
    ("GET", "/api/sessions?uid=", "viewer", None, "uid: "),
    ("DELETE", "/api/sessions", "operator", {}, "uid or session"),
    ("POST", "/api/file/check", "viewer", {"path": "/%zz"}, "path: "),
    ("POST", "/api/file/check/batch", "viewer", {"paths": ["/a"] * 101}, "paths: "),
    ("POST", "/api/file/check/batch", "viewer", {"paths": ["/a", "/../b"]}, "paths[1]: "),
    ("GET", "/probe/backend", "viewer", None, "path: "),
    *[("GET", f"/api/{log}?limit=-1", "viewer", None, "limit: ")
      for log in ("access-logs/denied", "access-logs/recent", "replay-logs", "key-access-logs")],
    ("POST", "/api/cache/purge", "operator", {"path": "/a", "prefix": "/"}, "exactly one"),
    ("GET", "/debug/explain?url=/x", "viewer", None, "ip: "), ("GET", "/debug/browser", "viewer", None, "ua: "),
    ("GET", "/debug/cidr?ip=x", "viewer", None, "ip: "), ("GET", "/debug/ip-whitelist?ip=x", "viewer", None, "ip: "),
    ("GET", "/debug/session?path=/..", "viewer", None, "path: "),
    ("POST", "/monitor/login", None, {"key": ""}, "key: "),
]
OPEN = {("GET", "/health"), ("GET", "/api/js-whitelist"), ("GET", "/api/js-whitelist/check"), ("POST", "/monitor/login"),
        ("GET", "/monitor/session")}
FORBIDDEN = [
    ("GET", "/api/js-whitelist" + js_query(signature="0" * 64), None, None, "sign: "),
    ("GET", "/api/js-whitelist" + js_query(expires=1), None, None, "expires: "),
    ("POST", "/api/js-whitelist", "viewer", {"uid": "u1", "jsPath": ""}, "this needs a key of scope operator"),
    ("GET", "/api/js-whitelist/check?js_path=&ip=192.0.2.1", "wrong", None, "Forbidden"),
]


def rows_of_api():
    """What the daemon knows: (method, path) -> the scope that its key must have at least."""
    text = (ROOT / "src/admin/api.c").read_text()
    rows = re.findall(r'\{STR\("([^"]+)"\),\s+([A-Z |]+),\s+SCOPE_(\w+),', text)
    assert rows
    return {(method.strip(), path): scope.lower() for path, methods, scope in rows for method in methods.split("|")}


@pytest.fixture(scope="module")
def described_gate(tmp_path_factory):
    """A folder, an origin that nobody runs, and browsers' signatures."""
    home = tmp_path_factory.mktemp("described")
    streams = Streams(home / "streams")
    nobody = http_origin("http://127.0.0.1:1", prefix="/http/", retries=0)
    folder = {"prefix": "/", "filesystem": {"root": str(streams.root)}}
    with running(Gate(home, streams, origins=[folder, nobody], js_whitelist={"secret": {"key": JS_SECRET}})) as gate:
        yield gate


def ask(gate, method, target, key, body, status):
    """The answer, which must be as it is described."""
    response = gate.api(method, target, body, key=key)
    path = urlsplit(target).path
    assert response.status == status, f"{response.status} for {method} {target}: {response.text}"
    assert response["Cache-Control"] == "no-store"
    openapi.check_answer(method, path, response)
    return response


class TestDescription:
    def test_no_endpoint_is_missing_and_none_is_here_alone(self):
        assert set(operations()) == set(rows_of_api())

    def test_scopes(self):
        needed = rows_of_api() | {("DELETE", "/api/sessions"): "operator"}  # the row says what GET needs
        assert {name: op["x-scope"] for name, op in operations().items()} == needed
        open_ones = {name for name, op in operations().items() if "security" in op}
        assert open_ones == {name for name, scope in needed.items() if scope == "none"}

    def test_it_holds_together(self):
        text = json.dumps(DOCUMENT)
        names = [op["operationId"] for op in operations().values()]
        assert len(names) == len(set(names))
        assert {op["tags"][0] for op in operations().values()} == {tag["name"] for tag in DOCUMENT["tags"]}
        for target in set(re.findall(r'"\$ref": "([^"]+)"', text)):
            openapi.resolve({"$ref": target})
        for kind in ("schemas", "responses"):
            for name in DOCUMENT["components"][kind]:
                assert f"#/components/{kind}/{name}" in text, f"{name} is used nowhere"

    def test_words_of_checks(self):
        """All that the daemon has, and no other."""
        check, inputs = (openapi.resolve({"$ref": f"#/components/schemas/{name}"}) for name in ("Checks", "Inputs"))
        check, inputs = check["items"]["properties"], inputs["properties"]
        assert check["check"]["enum"] == words.CHECKS and check["verdict"]["enum"] == words.VERDICTS
        assert list(inputs) == words.INPUTS
        assert inputs["class"]["enum"] == words.CLASSES and inputs["checks"]["items"]["enum"] == words.POLICY_CHECKS
        assert sorted(inputs["kind"]["enum"] + inputs["on_store_failure"]["enum"]) == sorted(words.WORDS)

    def test_it_is_what_the_daemon_hands_out(self, described_gate):
        assert described_gate.api("GET", "/api/openapi.json", key="viewer").json == DOCUMENT

    def test_the_manual_has_every_endpoint(self):
        manual = (ROOT / "docs/api.md").read_text()
        for method, path in operations():
            assert path in manual, f"{path} is not in docs/api.md"

    def test_a_checker_that_sees(self):
        schema = {"type": "object", "properties": {"a": {"type": ["string", "null"], "enum": ["x", None]}},
                  "required": ["a"], "additionalProperties": False}
        openapi.check(schema, {"a": None})
        for wrong in ({}, {"a": "y"}, {"a": 1}, {"a": "x", "b": 1}, [], None):
            with pytest.raises(AssertionError):
                openapi.check(schema, wrong)
        with pytest.raises(AssertionError):
            openapi.check({"type": "integer"}, True)


class TestAnswers:
    def test_all_good_ones(self, described_gate):
        gate, seen = described_gate, set()
        gate.admitted().gets(sign(MASTER))
        gate.wait_log("/api/access-logs/recent", MASTER)
        name = gate.api("GET", "/api/sessions", key="viewer").json["sessions"][0]["session"]
        for method, target, key, body in GOOD:
            if body and "session" in body:
                body = body | {"session": name}
            ask(gate, method, target, key, body, 200)
            seen.add((method, urlsplit(target).path))
        self.log_in_and_out(gate)
        assert seen | {("GET", "/events"), ("GET", "/monitor/session"), ("POST", "/monitor/logout")} == set(operations())

    def log_in_and_out(self, gate):
        """What needs a cookie."""
        login = gate.api("POST", "/monitor/login", {"key": KEYS["viewer"]}, key=None)
        fields = {"Cookie": login["Set-Cookie"].split(";")[0], "X-CSRF-Token": login.json["csrf"]}
        for method, path, body in [("GET", "/monitor/session", None), ("POST", "/monitor/logout", {})]:
            response = gate.api(method, path, body, key=None, fields=fields)
            assert response.status == 200
            openapi.check_answer(method, path, response)

    def test_a_snapshot(self, described_gate):
        described_gate.admitted().gets(sign(MASTER))
        with Events(described_gate, {"Authorization": f"Bearer {KEYS['viewer']}"}) as events:
            for _ in range(2):
                openapi.check(DOCUMENT["components"]["schemas"]["Snapshot"], events.snapshot())

    @pytest.mark.parametrize("method, target, key, body, error", WRONG)
    def test_wrong_input(self, described_gate, method, target, key, body, error):
        assert ask(described_gate, method, target, key, body, 400).json["error"].startswith(error)

    def test_all_that_can_be_wrong_is(self):
        described = {name for name, op in operations().items() if "400" in op["responses"]}
        assert described == {(method, urlsplit(target).path) for method, target, *_ in WRONG}

    @pytest.mark.parametrize("method, path", [name for name in operations() if name not in OPEN])
    def test_without_a_key(self, described_gate, method, path):
        body = {} if openapi.body_schema(operations()[method, path]) else None
        ask(described_gate, method, path, None, body, 401)

    @pytest.mark.parametrize("method, path", operations())
    def test_with_a_wrong_key(self, described_gate, method, path):
        """Once each: from different addresses, so that none is slowed down."""
        number = list(operations()).index((method, path)) + 1
        fields = {"Authorization": "Bearer wrong"}
        response = described_gate.fetch(method, path, list(fields.items()), source=f"127.0.3.{number}")
        assert response.status == 403
        openapi.check_answer(method, path, response)

    @pytest.mark.parametrize("method, path", [name for name, op in operations().items() if op["x-scope"] == "operator"])
    def test_with_too_small_a_scope(self, described_gate, method, path):
        assert ask(described_gate, method, path, "viewer", {}, 403).json["error"] == "this needs a key of scope operator"

    @pytest.mark.parametrize("method, target, key, body, error", FORBIDDEN)
    def test_signatures_and_scopes(self, described_gate, method, target, key, body, error):
        assert ask(described_gate, method, target, key, body, 403).json["error"].startswith(error)

    @pytest.mark.parametrize("method, path", [name for name, op in operations().items() if "413" in op["responses"]])
    def test_too_much(self, described_gate, method, path):
        response = described_gate.api(method, path, raw=b" " * 70_000)
        assert response.status == 413
        openapi.check_answer(method, path, response)

    def test_no_such_session(self, described_gate):
        ask(described_gate, "DELETE", "/api/sessions", "operator", {"session": "A" * 16}, 404)

    def test_an_origin_that_says_nothing(self, make_gate, make_origin):
        from support.origin import head, rx

        origin = make_origin()
        gate = make_gate(origins=[http_origin(origin)], http={"work_timeout": "1s"})
        hold = origin.barrier()
        origin.script(rx("HEAD", "/x"), hold, head(404))
        answer = ask(gate, "POST", "/api/file/check", "viewer", {"path": "/x"}, 504)
        hold.open()
        assert answer.json["error"] == "Gateway Timeout"
