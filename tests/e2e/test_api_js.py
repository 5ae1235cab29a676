"""Browsers that add themselves to those who get static files; and back ends that do it for them."""
import hmac
import json
import time
from urllib.parse import quote

import pytest

from support.gate import ELSEWHERE, HOME
from support.signing import base64url, sign
from support.wait import until_past

SECRET = "a secret for browsers"
PAGE = "https://www.example.com"
POSTER = "/v/2026-01-02/movie1/poster.jpg"
OTHER = "/v/2026-01-02/movie2/poster.jpg"
MASTER = "/v/2026-01-02/movie1/master.m3u8"


def params(uid="u1", path=POSTER, ttl=600, secret=SECRET, encoding=bytes.hex):
    expires = int(time.time()) + ttl
    mac = hmac.digest(secret.encode(), f"{uid}:{path}:{expires}".encode(), "sha256")
    return {"uid": uid, "js_path": path, "expires": str(expires), "sign": encoding(mac)}


def url(**query):
    return "/api/js-whitelist?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())


@pytest.fixture
def gate(make_gate, streams):
    streams.movie("movie1")
    streams.movie("movie2")
    return make_gate(js_whitelist={"secret": {"key": SECRET}})


@pytest.fixture
def browser(gate):
    return gate.viewer(ua="Mozilla/5.0")


class TestBrowser:
    def test_adds_itself_for_the_static_files_of_one_stream(self, gate, browser):
        browser.is_refused(POSTER, "no_grant")
        answer = browser.gets(url(**params())).json
        assert answer["success"] and answer["key_path"] == "movie1" and answer["paths"] == ["movie1"]
        browser.gets(POSTER)
        browser.is_refused(OTHER, "no_grant")

    def test_without_a_path_for_all(self, browser):
        browser.gets(url(**params(path="")))
        browser.gets(POSTER)
        browser.gets(OTHER)

    def test_posts_the_same(self, gate, browser):
        body = params()
        body["expires"] = int(body["expires"])
        response = browser.ask("POST", "/api/js-whitelist", {"Content-Type": "application/json"}, json.dumps(body).encode())
        assert response.status == 200, response.text
        browser.gets(POSTER)

    def test_base64url_is_as_good(self, browser):
        browser.gets(url(**params(encoding=base64url)))
        browser.gets(POSTER)

    def test_it_opens_no_playlist(self, browser):
        browser.gets(url(**params()))
        browser.is_refused(MASTER, "token_missing")
        browser.is_refused(sign(MASTER), "grant_other_stream")

    def test_another_browser_and_another_address_are_not_meant(self, gate, browser):
        browser.gets(url(**params()))
        gate.viewer(ua="Mozilla/6.0").is_refused(POSTER, "no_grant")
        gate.viewer(ip=ELSEWHERE, ua="Mozilla/5.0").is_refused(POSTER, "no_grant")

    def test_three_streams_at_most(self, gate, browser):
        for name in ("movie1", "a", "b", "c"):
            answer = browser.gets(url(**params(path=f"/v/2026-01-02/{name}/app.js"))).json
        assert answer["paths"] == ["a", "b", "c"] and answer["evicted"] == 1 and answer["max_paths"] == 3
        browser.is_refused(POSTER, "no_grant")

    def test_life_is_its_own(self, make_gate, streams):
        streams.movie("movie1")
        gate = make_gate(folder="short", js_whitelist={"secret": {"key": SECRET}, "ttl": "2s"})
        browser = gate.viewer()
        answer = browser.gets(url(**params())).json
        assert answer["ttl"] == 2
        until_past(answer["expires_at"])
        browser.is_refused(POSTER, "no_grant")

    @pytest.mark.parametrize("wrong, error", [
        ({"sign": "0" * 64}, "sign: does not verify"), ({"sign": "x"}, "sign: does not verify"),
        ({"uid": "u2"}, "sign: does not verify"), ({"js_path": ""}, "sign: does not verify"),
        ({"js_path": OTHER}, "sign: does not verify"), ({"expires": "9999999999"}, "sign: does not verify"),
        ({"secret": "correct horse battery staple"}, "sign: does not verify"),
        ({"ttl": -5}, "expires: this time has passed"),
    ])
    def test_refused(self, gate, browser, wrong, error):
        ways = {name: wrong[name] for name in wrong if name in ("secret", "ttl")}
        response = browser.get(url(**(params(**ways) | {name: wrong[name] for name in wrong if name not in ways})))
        assert response.status == 403 and response.json == {"error": error}
        browser.is_refused(POSTER, "no_grant")
        assert gate.api("GET", "/api/js-whitelist/stats", key="viewer").json["refused"] == 1

    @pytest.mark.parametrize("missing", ["uid", "js_path", "expires", "sign"])
    def test_all_must_be_there_once(self, browser, missing):
        query = params()
        for target in (url(**{name: query[name] for name in query if name != missing}), url(**query) + f"&{missing}=x"):
            response = browser.get(target)
            assert response.status == 400 and response.json["error"].startswith(missing + ": ")

    def test_without_a_secret_nothing_verifies(self, make_gate):
        gate = make_gate(folder="plain")
        assert gate.viewer().get(url(**params())).status == 403
        assert gate.viewer().get(url(**params(secret=""))).status == 403


class TestPage:
    def test_preflight_and_answer(self, browser):
        asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        response = browser.ask("OPTIONS", "/api/js-whitelist", asked)
        assert response.status == 204 and "POST" in response["Access-Control-Allow-Methods"]
        assert response["Access-Control-Allow-Headers"] == "content-type"
        response = browser.gets(url(**params()), {"Origin": PAGE})
        assert response["Access-Control-Allow-Origin"] == PAGE

    def test_refusals_can_be_read(self, browser):
        response = browser.get(url(**params(secret="another")), {"Origin": PAGE})
        assert response.status == 403 and response["Access-Control-Allow-Origin"] == PAGE

    def test_pages_that_are_not_allowed_read_nothing(self, make_gate):
        gate = make_gate(folder="listed", cors={"origins": [PAGE]}, js_whitelist={"secret": {"key": SECRET}})
        response = gate.viewer().get(url(**params()), {"Origin": "https://evil.example"})
        assert not response.all("Access-Control-Allow-Origin")


class TestBackEnd:
    def post(self, gate, key="operator", **body):
        return gate.api("POST", "/api/js-whitelist", body, key=key)

    def test_for_whom_it_names(self, gate, browser):
        response = self.post(gate, uid="u1", jsPath=POSTER, clientIp=HOME, UserAgent="Mozilla/5.0")
        assert response.status == 200 and response.json["ip_pattern"] == "127.0.1.0/24"
        browser.gets(POSTER)

    def test_for_itself_without(self, gate):
        assert self.post(gate, uid="u1", jsPath="").json["ip_pattern"] == "127.0.0.0/24"

    def test_keys_and_scopes(self, gate):
        assert self.post(gate, key=None, uid="u1", jsPath="").status == 401
        assert self.post(gate, key="wrong", uid="u1", jsPath="").status == 403
        response = self.post(gate, key="viewer", uid="u1", jsPath="")
        assert response.status == 403 and "operator" in response.json["error"]

    @pytest.mark.parametrize("body, name", [({"uid": "u1"}, "js_path"), ({"jsPath": ""}, "uid"),
                                            ({"uid": "u1", "jsPath": 1}, "jsPath"),
                                            ({"uid": "u1", "jsPath": "", "clientIp": "x"}, "clientIp"),
                                            ({"uid": "u1", "jsPath": "/.."}, "js_path"),
                                            ({"uid": "u1", "jsPath": "/root.js"}, "js_path")])
    def test_wrong_fields(self, gate, body, name):
        response = self.post(gate, **body)
        assert response.status == 400 and response.json["error"].startswith(name + ": ")

    def test_revoked_as_all_grants_are(self, gate, browser):
        self.post(gate, uid="u1", jsPath=POSTER, clientIp=HOME, UserAgent="Mozilla/5.0")
        browser.gets(POSTER)
        assert gate.revoke(uid="u1", path=POSTER)["grants_removed"] == 1
        browser.is_refused(POSTER, "no_grant")

    def test_counted(self, gate, browser):
        self.post(gate, uid="u1", jsPath="")
        browser.gets(url(**params()))
        stats = gate.api("GET", "/api/js-whitelist/stats", key="viewer").json
        assert stats == {"signatures_enabled": True, "ttl_seconds": 3600, "max_paths": 3, "signed": 1, "by_key": 1,
                         "refused": 0}


class TestCheck:
    def check(self, viewer, path, extra=""):
        return viewer.gets(f"/api/js-whitelist/check?js_path={quote(path)}{extra}").json["is_whitelisted"]

    def test_about_itself(self, gate, browser):
        assert not self.check(browser, POSTER)
        browser.gets(url(**params()))
        assert self.check(browser, POSTER) and self.check(browser, POSTER, "&uid=u1")
        assert not self.check(browser, OTHER) and not self.check(browser, POSTER, "&uid=u2")
        assert not self.check(gate.viewer(ua="another"), POSTER)

    def test_about_others_with_a_key(self, gate, browser):
        browser.gets(url(**params()))
        target = f"/api/js-whitelist/check?js_path={POSTER}&ip={HOME}&ua=Mozilla/5.0"
        assert gate.api("GET", target, key="viewer").json["is_whitelisted"]
        assert gate.api("GET", target, key=None).status == 401
