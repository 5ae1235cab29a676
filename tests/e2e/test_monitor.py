"""Behind the dashboard: its files, logging in, what a cookie may do, the feed of events."""
import gzip
import json
import re
import signal

import pytest

from support.events import Events
from support.gate import KEYS, ROOT
from support.wait import until

PAGES = ["/monitor", "/monitor/dygraph.min.js", "/monitor/app.css"]
SEEN = {"Authorization": f"Bearer {KEYS['viewer']}"}
GRANT = {"uid": "u1", "path": "/v/2026-01-02/movie1/master.m3u8", "clientIp": "192.0.2.1", "UserAgent": "x"}
COOKIE = re.compile(r"hlsgate_monitor=([\w-]{86}); Path=/; Max-Age=43200; HttpOnly; SameSite=Strict(; Secure)?")


class Page:
    """What a browser does that shows the dashboard: it keeps the cookie and says where it asks from."""

    def __init__(self, gate, site="same-origin"):
        self.gate, self.fields = gate, {"Sec-Fetch-Site": site} if site else {}

    def ask(self, method, path, body=None, **fields):
        return self.gate.api(method, path, body, key=None, fields=self.fields | fields)

    def log_in(self, key="operator"):
        response = self.ask("POST", "/monitor/login", {"key": KEYS[key]})
        assert response.status == 200, response.text
        self.cookie = COOKIE.fullmatch(response["Set-Cookie"])[1]
        self.word = response.json["csrf"]
        self.fields["Cookie"] = f"hlsgate_monitor={self.cookie}"
        return self

    def change(self, method, path, body):
        return self.ask(method, path, body, **{"X-CSRF-Token": self.word})


@pytest.fixture
def page(gate):
    return Page(gate)


class TestPages:
    @pytest.mark.parametrize("path", PAGES)
    def test_they_are_open_to_all(self, shared_gate, path):
        response = shared_gate.fetch("GET", path)
        assert response.status == 200
        assert response["Cache-Control"] == "no-cache" and response["X-Content-Type-Options"] == "nosniff"
        policy = response["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy

    @pytest.mark.parametrize("path", PAGES)
    def test_they_come_compressed(self, shared_gate, path):
        plain = shared_gate.fetch("GET", path)
        packed = shared_gate.fetch("GET", path, {"Accept-Encoding": "gzip, br"})
        assert packed["Content-Encoding"] == "gzip" and "Accept-Encoding" in packed["Vary"]
        assert gzip.decompress(packed.body) == plain.body and len(packed.body) < len(plain.body)
        assert packed["ETag"] != plain["ETag"]

    @pytest.mark.parametrize("path", PAGES)
    @pytest.mark.parametrize("coding", ["identity", "gzip"])
    def test_the_same_again(self, shared_gate, path, coding):
        fields = {"Accept-Encoding": coding}
        first = shared_gate.fetch("GET", path, fields)
        again = shared_gate.fetch("GET", path, fields | {"If-None-Match": first["ETag"]})
        assert again.status == 304 and again.body == b"" and again["ETag"] == first["ETag"]

    def test_head(self, shared_gate):
        head, got = (shared_gate.fetch(method, "/monitor") for method in ("HEAD", "GET"))
        assert head["Content-Length"] == got["Content-Length"] == str(len(got.body)) and head.body == b""

    def test_it_is_no_folder(self, shared_gate):
        """Its links are relative, wherever a proxy has put it."""
        response = shared_gate.fetch("GET", "/monitor/")
        assert (response.status, response["Location"]) == (308, "../monitor")

    @pytest.mark.parametrize("path", ["/monitor/nothing.js", "/monitor/../monitor", "/Monitor", "/monitor/index.html"])
    def test_nothing_else_is_shadowed(self, shared_gate, path):
        """A site may have files there: they are judged as all others are."""
        assert shared_gate.fetch("GET", path).status == (200 if ".." in path else 403)

    def test_other_methods(self, shared_gate):
        response = shared_gate.fetch("POST", "/monitor", body=b"")
        assert response.status == 405 and response["Allow"] == "GET, HEAD, OPTIONS"


class TestLogin:
    @pytest.mark.parametrize("key", ["viewer", "operator", "admin"])
    def test_who_has_a_key(self, page, key):
        page.log_in(key)
        state = page.ask("GET", "/monitor/session").json
        assert (state["name"], state["scope"], state["csrf"]) == (key, key, page.word)
        assert page.ask("GET", "/stats").status == 200

    def test_nothing_of_the_key_is_kept(self, gate, page):
        page.log_in("operator")
        until(lambda: "key operator logged in" in gate.log, "the login in the log")
        assert KEYS["operator"] not in gate.log + page.cookie

    @pytest.mark.parametrize("body, error", [
        ({}, "key: "), ({"key": ""}, "key: "), ({"key": 1}, "key: "), ({"key": "x" * 3000}, "key: "), ([], "")])
    def test_what_is_no_login(self, page, body, error):
        response = page.ask("POST", "/monitor/login", body)
        assert response.status == 400 and response.json["error"].startswith(error)

    def test_a_wrong_key(self, gate, page):
        response = page.ask("POST", "/monitor/login", {"key": "not a key of ours"})
        assert response.status == 403 and not response.get("Set-Cookie")
        assert gate.count_of("api_key_wrong") == 1
        assert "not a key of ours" not in gate.log

    def test_who_guesses_is_slowed_down(self, gate, page):
        for _ in range(11):
            assert page.ask("POST", "/monitor/login", {"key": "guess"}).status == 403
        assert gate.counters()["api_keys_slowed"] == 1

    @pytest.mark.parametrize("fields", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
                                        {"Origin": "https://evil.example"}, {"Origin": "null"}])
    def test_not_from_another_site(self, gate, fields):
        response = gate.api("POST", "/monitor/login", {"key": KEYS["viewer"]}, key=None, fields=fields)
        assert response.status == 403 and not response.get("Set-Cookie")
        assert "must pass it on" in response.json["error"]
        assert gate.count_of("api_forged") == 1

    def test_an_older_browser(self, gate):
        """It says where it is, not how that relates to us."""
        page = Page(gate, site=None)
        page.fields["Origin"] = gate.url.replace("127.0.0.1", "localhost")
        page.fields["Host"] = page.fields["Origin"].split("//")[1]
        assert page.log_in().ask("GET", "/stats").status == 200
        page.fields["Origin"] = "http://elsewhere.example"
        assert page.ask("GET", "/stats").status == 401

    def test_secure_over_tls_alone(self, gate, page):
        response = page.ask("POST", "/monitor/login", {"key": KEYS["viewer"]})
        assert response["Set-Cookie"].endswith("Secure") == gate.url.startswith("https")

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_behind_a_proxy_that_ends_tls(self, gate, page, scheme):
        """The browser says how it came to the proxy; the proxy need not."""
        fields = {"Host": "gate.example", "Origin": f"{scheme}://gate.example"}
        response = page.ask("POST", "/monitor/login", {"key": KEYS["viewer"]}, **fields)
        is_secure = scheme == "https" or gate.url.startswith("https")
        assert response.status == 200 and response["Set-Cookie"].endswith("Secure") == is_secure

    def test_without_a_cookie(self, shared_gate):
        page = Page(shared_gate)
        assert page.ask("GET", "/monitor/session").status == 401
        assert shared_gate.api("GET", "/monitor/session", key="viewer").status == 401, "a key alone is no login"

    def test_what_it_asks_for_itself_pushes_nothing_out(self, gate, page):
        """Not of the denied requests, and not of the recent ones; what it changes is a request like any other."""
        page.ask("GET", "/monitor")
        assert page.ask("GET", "/monitor/session").status == 401
        page.log_in("operator")
        for path in ("/monitor/session", "/stats", "/api/access-logs/recent", "/whitelist-info"):
            assert page.ask("GET", path).status == 200
        page.change("POST", "/api/whitelist", GRANT)
        gate.viewer().get("/v/seen.ts")
        gate.wait_log("/api/access-logs/recent", "/v/seen.ts")
        recent = {log["path"] for log in gate.api("GET", "/api/access-logs/recent", key="viewer").json["logs"]}
        assert recent - {"/health"} == {"/monitor/session", "/monitor/login", "/api/whitelist", "/v/seen.ts",
                                        "/api/access-logs/recent"}
        assert {log["path"] for log in gate.denied_log()["logs"]} == {"/v/seen.ts"}

    def test_logging_out(self, gate, page):
        page.log_in()
        response = page.change("POST", "/monitor/logout", {})
        assert response.status == 200 and "Max-Age=0" in response["Set-Cookie"]
        assert page.ask("GET", "/stats").status == 401, "the cookie that was given back opens nothing"
        until(lambda: "key operator logged out" in gate.log, "the end in the log")

    def test_a_key_that_is_taken_away(self, gate, page):
        page.log_in("operator")
        gate.reload(api={"keys": [key for key in gate.config["api"]["keys"] if key["name"] != "operator"]})
        assert page.ask("GET", "/stats").status == 401

    def test_it_survives_a_restart(self, gate, page):
        page.log_in()
        gate.stop()
        gate.start()
        assert page.ask("GET", "/stats").status == 200


class TestCookie:
    def test_it_acts_with_its_word(self, page):
        page.log_in("operator")
        assert page.change("POST", "/api/whitelist", GRANT).status == 200
        assert page.change("DELETE", "/api/whitelist", {"uid": "u1"}).json["success"] is True

    @pytest.mark.parametrize("word", [None, "", "x" * 22, "0"])
    def test_not_without_it(self, gate, page, word):
        page.log_in("operator")
        fields = {} if word is None else {"X-CSRF-Token": word}
        assert page.ask("POST", "/api/whitelist", GRANT, **fields).status == 403
        assert gate.count_of("api_forged") == 1
        assert gate.api("GET", "/whitelist-info").json["total_entries"] == 0

    def test_not_with_the_word_of_another(self, gate, page):
        other = Page(gate).log_in("operator")
        page.log_in("operator").word = other.word
        assert page.change("POST", "/api/whitelist", GRANT).status == 403

    def test_a_viewer_only_looks(self, page):
        page.log_in("viewer")
        response = page.change("POST", "/api/whitelist", GRANT)
        assert response.status == 403 and "operator" in response.json["error"]

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    def test_other_sites_do_not_have_it(self, gate, page, site):
        page.log_in("admin").fields["Sec-Fetch-Site"] = site
        assert page.ask("GET", "/stats").status == 401
        assert page.change("POST", "/api/whitelist", GRANT).status == 401

    def test_a_key_goes_first(self, gate, page):
        page.log_in("viewer")
        fields = page.fields | {"Authorization": f"Bearer {KEYS['operator']}"}
        assert gate.api("POST", "/api/whitelist", GRANT, key=None, fields=fields).status == 200

    def test_changed_cookies(self, shared_gate):
        page = Page(shared_gate).log_in()
        for wrong in (page.cookie[:-1], page.cookie + "A", "A" + page.cookie[1:], page.cookie[::-1], "", "x" * 5000):
            page.fields["Cookie"] = f"hlsgate_monitor={wrong}"
            assert page.ask("GET", "/stats").status == 401


class TestEvents:
    def test_needs_a_key(self, shared_gate):
        assert shared_gate.fetch("GET", "/events").status == 401

    def test_a_snapshot_a_second(self, gate):
        with Events(gate, SEEN) as events:
            assert events.head.status == 200
            assert events.head["Content-Type"] == "text/event-stream" and events.head["Cache-Control"] == "no-store"
            first, second, third = events.next(), events.next(), events.next()
        assert first["event"] == "snapshot" and first["retry"] == "2000"
        assert int(first["id"]) < int(second["id"]) < int(third["id"])
        assert 0.5 < third["data"]["at"] - second["data"]["at"] < 10

    def test_all_watch_the_same(self, gate):
        with Events(gate, SEEN) as a, Events(gate, SEEN) as b:
            seen = [{event["id"]: event["data"] for event in (e.next() for _ in range(4))} for e in (a, b)]
        common = seen[0].keys() & seen[1].keys()
        assert common and all(seen[0][number] == seen[1][number] for number in common)

    def test_head(self, gate):
        response = gate.api("HEAD", "/events", key="viewer")
        assert response.status == 200 and response["Content-Type"] == "text/event-stream"

    def test_it_ends_with_the_rules(self, gate):
        """A key may be gone: who still has one comes again by himself."""
        fields = {"Authorization": f"Bearer {KEYS['operator']}"}
        with Events(gate, fields) as events:
            events.snapshot()
            gate.reload(api={"keys": [key for key in gate.config["api"]["keys"] if key["name"] != "operator"]})
            assert events.has_ended()
        assert gate.fetch("GET", "/events", fields).status == 403

    def test_it_ends_with_the_login(self, gate, page):
        """Another window, or whoever has taken the cookie, sees no more either."""
        page.log_in()
        with Events(gate, page.fields) as events, Events(gate, Page(gate).log_in().fields) as others:
            events.snapshot()
            assert page.change("POST", "/monitor/logout", {}).status == 200
            assert events.has_ended()
            at = others.snapshot()["at"]
            until(lambda: others.snapshot()["at"] > at + 1, "the others watch on")

    def test_what_the_page_asks_moves_no_list(self, gate, page):
        """Or a list that shows the latest requests would ask again and again by its own doing."""
        page.log_in()
        with Events(gate, page.fields) as events:
            before, earlier = events.snapshot()["totals"], None
            while earlier is None or before["recent"] != earlier["recent"]:  # it may have been made before the login was counted
                before, earlier = events.snapshot()["totals"], before
            for _ in range(5):
                page.ask("GET", "/stats")
            after = until(lambda: (totals := events.snapshot()["totals"])["requests"] >= before["requests"] + 5 and totals,
                          "they are counted")
            assert after["recent"] == before["recent"]
            gate.viewer().get("/v/seen.ts")
            until(lambda: events.snapshot()["totals"]["recent"] == before["recent"] + 1, "a viewer's request")

    def test_who_leaves_has_not_failed(self, gate, page):
        """It is how every look at the dashboard ends: nothing for the charts, the logs, or whoever is on call."""
        page.log_in()
        with Events(gate, page.fields) as events:
            events.snapshot()
        gate.wait_gauge("requests", 1)
        assert gate.count_of("client_left") == 0
        recent = gate.api("GET", "/api/access-logs/recent", key="viewer").json["logs"]
        assert "/events" not in {log["path"] for log in recent}

    def test_how_long_somebody_looks_is_no_figure(self, gate):
        with Events(gate, SEEN) as events:
            at = events.snapshot()["at"]
            until(lambda: events.snapshot()["at"] > at + 2, "two seconds")
        gate.wait_gauge("requests", 1)
        text = gate.api("GET", "/metrics", key="viewer").text
        assert float(re.search(r'^hlsgate_request_duration_seconds_sum{class="api"} (\S+)$', text, re.M)[1]) < 2

    def test_it_does_not_hold_up_a_stop(self, gate):
        with Events(gate, SEEN) as events:
            events.snapshot()
            gate.signal(signal.SIGTERM)
            assert events.has_ended()
            gate.wait_exit()

    def test_too_many(self, make_gate):
        gate, watching = make_gate(workers=1), []
        try:
            while len(watching) < 300:
                watching.append(Events(gate, SEEN))
                if watching[-1].head.status != 200:
                    break
            assert (len(watching), watching[-1].head.status) == (251, 503)
        finally:
            for events in watching:
                events.connection.close()

    def test_no_secret_and_no_markup(self, gate):
        """What viewers send is in there as text; tokens and session ids are not."""
        page = Page(gate).log_in()
        with Events(gate, page.fields) as events:
            text = json.dumps(events.snapshot())
        assert page.cookie not in text and page.word not in text
        assert not any(key in text for key in KEYS.values())


def test_the_names_of_warnings_are_translated():
    """Each has its sentence in both languages."""
    words = re.findall(r"^    X\((\w+),", (ROOT / "src/admin/warnings.h").read_text(), re.M)
    assert len(words) == 8
    for language in ("en", "zh"):
        text = (ROOT / f"web/{language}.js").read_text()
        assert all(word in text for word in words), language
