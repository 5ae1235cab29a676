"""The dashboard in Chromium: who gets in, languages, themes, sizes, what happens when the daemon goes."""
import re
import signal

import pytest

from support import words
from support.dashboard import Dashboard
from support.gate import OUTCOMES, ROOT
from support.proto import Protocol
from support.signing import sign
from support.wait import until

pytestmark = pytest.mark.once
VIEWS = ["overview", "transfers", "audience", "access", "requests"]
FIRST_PAINT = 150_000


@pytest.fixture
def dashboard(browser, gate):
    with browser.page(f"{gate.url}/monitor") as page:
        dashboard = Dashboard(page, gate)
        yield dashboard
        dashboard.is_well()


class TestLogin:
    def test_wrong_and_right_keys(self, dashboard):
        dashboard.page.screenshot("dashboard-login.png")
        dashboard.log_in("not a key of ours")
        dashboard.sees("This key is not known here.")
        dashboard.log_in("viewer").is_live()
        assert dashboard.count("dialog") == 0

    def test_a_right_key_that_helps_nobody(self, dashboard):
        """It says what stands in the way, and not that the key is wrong, or that a session has ended."""
        answer = "window.asked ??= fetch; window.fetch = (url, o) => url.pathname.endsWith({}) ? \
            Promise.resolve(new Response({}, {{status: {}}})) : asked(url, o); 0"
        dashboard.sees("API key")
        dashboard.run(answer.format("'/session'", "'{}'", 401))
        dashboard.log_in().sees("this browser does not keep the cookie", where="dialog")
        dashboard.run(answer.format("'/login'", "'{\"error\": \"asked by a page of another Host\"}'", 403))
        dashboard.log_in().sees("it must pass Host on", where="dialog")
        dashboard.run("window.fetch = asked; 0")
        dashboard.log_in().is_live()

    def test_the_key_is_nowhere(self, dashboard):
        dashboard.log_in("operator").is_live()
        kept = dashboard.run("""document.documentElement.outerHTML + JSON.stringify({...localStorage, ...sessionStorage})
            + location + document.cookie""")
        assert "key-of-an-operator" not in kept and "hlsgate_monitor" not in kept

    def test_it_lasts_over_a_reload(self, dashboard):
        dashboard.log_in("operator").go("access", tab="grants")
        dashboard.page.reload()
        dashboard.is_live().sees("No grant is stored")

    def test_signing_out(self, dashboard):
        dashboard.log_in("operator").is_live()
        dashboard.click("Sign out")
        dashboard.sees("Sign in with one of its API keys")
        assert dashboard.count("main") == 0, "nothing of it is left on the screen"

    def test_a_viewer_sees_and_does_not_act(self, dashboard):
        gate = dashboard.gate
        gate.admitted().gets(sign(gate.streams.movie()))
        dashboard.log_in("viewer").go("access")
        dashboard.row(uid="u1", stream="movie1")
        dashboard.sees("Your key has the scope viewer")
        dashboard.click("Grants", where="main")
        dashboard.row(uid="u1", streams="movie1")
        assert "Revoke" not in dashboard.text() and "Add a grant" not in dashboard.text()

    def test_a_session_that_ends(self, dashboard):
        """The key is taken away and comes back: what was on the screen is still there."""
        gate, keys = dashboard.gate, dashboard.gate.config["api"]["keys"]
        gate.viewer().get(sign(gate.streams.movie()))
        dashboard.log_in("operator").go("requests")
        dashboard.filter("no_grant")
        dashboard.row(verdict="no_grant")
        dashboard.run("document.querySelector('main').mark = 'the same'")
        gate.reload(api={"keys": [key for key in keys if key["name"] != "operator"]})
        dashboard.sees("Your session has ended")
        gate.reload(api={"keys": keys})
        dashboard.log_in("operator").is_live()
        assert dashboard.run("document.querySelector('main').mark") == "the same"
        assert dashboard.run("document.querySelector('main .filter').value") == "no_grant"
        dashboard.row(verdict="no_grant")


class TestWays:
    """By which the page comes."""

    def test_http2_over_tls(self, browser, make_gate, authority):
        gate = make_gate(protocol=Protocol("h2+tls", authority))
        with browser.page(f"{gate.url}/monitor") as page:
            Dashboard(page, gate).log_in().is_live().is_well()
            assert page.cookies()["hlsgate_monitor"]["secure"]
            assert {r["protocol"] for r in page.responses(gate.port)} == {"h2"}

    def test_below_a_prefix_of_a_proxys(self, browser, make_gate, make_nginx):
        """With all that it asks for; the feed is not gathered on the way."""
        gate = make_gate()
        nginx = make_nginx(more=f"location /video/gate/ {{ proxy_pass http://127.0.0.1:{gate.port}/; }}")
        with browser.page(f"{nginx.url}/video/gate/monitor/") as page:
            dashboard = Dashboard(page, gate).log_in().is_live()
            dashboard.go("access")
            dashboard.sees("Nobody is watching")
            dashboard.click("Grants", where="main")
            dashboard.click("Add a grant", where="main")
            dashboard.fill(uid="u1", path="/v/movie1/a.m3u8", clientIp="127.0.1.5", UserAgent="Player/1.0")
            dashboard.click("Add a grant", where="dialog")
            dashboard.row(uid="u1", streams="movie1")
            dashboard.is_well()
        assert all(line.path.startswith("/video/gate/") for line in nginx.log())


class TestLanguages:
    def test_the_browsers(self, dashboard):
        dashboard.page.speak("zh-CN,zh")
        dashboard.page.reload()
        dashboard.sees("API 密钥", "登录")
        assert dashboard.run("document.documentElement.lang") == "zh-Hans"

    def test_by_hand(self, dashboard):
        """At once, and remembered; what is looked at stays."""
        dashboard.log_in("operator").go("access")
        dashboard.run("""(() => { const e = document.querySelector('.switches select');
            e.value = 'zh'; e.dispatchEvent(new Event('change')); })()""")
        dashboard.sees("访问控制", "没有人在观看")
        assert dashboard.run("document.activeElement.tagName") == "SELECT"
        dashboard.page.reload()
        dashboard.sees("没有人在观看")
        dashboard.go("overview")
        dashboard.sees("吞吐量", "内嵌")
        dashboard.page.resize(1440, 900)
        dashboard.page.screenshot("dashboard-zh.png")

    @pytest.mark.parametrize("files", ["{}.js", "checks_{}.js"])
    def test_dictionaries_have_the_same_keys(self, files):
        en, zh = (keys_of(files.format(name)) for name in ("en", "zh"))
        assert len(en) == len(set(en)) and en == zh

    def test_every_key_that_is_used_is_there(self):
        source = "".join(file.read_text() for file in sorted((ROOT / "web").glob("*.js")))
        used = set(re.findall(r"\bt\('([\w.]+)'", source))
        assert len(used) > 100 and used <= set(keys_of("en.js"))

    def test_every_word_of_a_check_is_there(self):
        """What the daemon may say of one is translated, and nothing else."""
        named = {"check": {*words.CHECKS, *words.POLICY_CHECKS}, "verdict": words.VERDICTS, "input": words.INPUTS,
                 "word": words.WORDS}
        assert set(keys_of("checks_zh.js")) == {f"{set_}.{word}" for set_, all_ in named.items() for word in all_}
        assert {f"class.{word}" for word in words.CLASSES} <= set(keys_of("en.js"))

    def test_verdicts_with_a_colour_are_verdicts(self):
        source = (ROOT / "web/checks.js").read_text()
        good, bad = (re.findall(r"'(\w+)'", re.search(rf"const {name} = \[(.*?)\];", source, re.S)[1])
                     for name in ("GOOD", "BAD"))
        assert len(good + bad) == len({*good, *bad}) and {*good, *bad} < set(words.VERDICTS)

    def test_every_outcome_is_there_in_chinese(self):
        keys = keys_of("outcomes_zh.js")
        assert len(keys) == len(OUTCOMES) and set(keys) == {f"outcome.{word}" for word in OUTCOMES}


def keys_of(file):
    return re.findall(r"^  '([\w.]+)':", (ROOT / "web" / file).read_text(), re.M)


class TestLooks:
    def background(self, dashboard):
        return dashboard.run("getComputedStyle(document.body).backgroundColor")

    def test_themes(self, dashboard):
        dashboard.page.prefer(color_scheme="light")
        dashboard.log_in().is_live()
        light = self.background(dashboard)
        dashboard.page.prefer(color_scheme="dark")
        dark = self.background(dashboard)
        assert light != dark
        dashboard.click("Light")
        assert self.background(dashboard) == light
        dashboard.page.reload()
        assert self.background(dashboard) == light, "remembered"
        dashboard.is_live().click("As the system")
        assert self.background(dashboard) == dark

    @pytest.mark.parametrize("width", [375, 768, 1440])
    def test_nothing_sticks_out(self, dashboard, width):
        gate = dashboard.gate
        gate.admitted(uid="a-uid-" + "x" * 100).play(sign(gate.streams.movie(), "a-uid-" + "x" * 100))
        gate.viewer(ua="y" * 500).get(sign(gate.streams.movie()))
        dashboard.page.resize(width, 800, is_phone=width < 500)
        dashboard.page.prefer(reduced_motion="reduce")  # the drawer is where it belongs at once
        dashboard.fits()
        dashboard.log_in().is_live()
        for view in VIEWS:
            dashboard.go(view)
            until(lambda: dashboard.count("main .bone") == 0, f"{view} has loaded")
            dashboard.fits()
            dashboard.page.screenshot(f"dashboard-{view}-{width}.png")
        dashboard.click("Why?", where="main")
        dashboard.sees("Here it was decided")
        dashboard.fits()

    def test_no_motion_for_those_who_do_not_want_it(self, dashboard):
        dashboard.page.prefer(reduced_motion="reduce")
        dashboard.log_in().is_live()
        assert dashboard.run("getComputedStyle(document.querySelector('.dot')).animationName") == "none"

    def test_first_paint(self, dashboard):
        """All that has come until the figures and the charts are there."""
        assert not dashboard.run("Boolean(globalThis.Dygraph)"), "the charts' library waits"
        before = dashboard.page.bytes_over_wire()
        dashboard.log_in().is_live()
        until(lambda: dashboard.count("canvas") > 0, "charts are drawn")
        assert 10_000 < before < dashboard.page.bytes_over_wire() < FIRST_PAINT

    def test_every_module_is_preloaded(self):
        """So that they come side by side, not one after the other."""
        text = (ROOT / "web/index.html").read_text()
        assert set(re.findall(r'modulepreload" href="monitor/([\w.]+)"', text)) == \
            {file.name for file in (ROOT / "web").glob("*.js")} - {"app.js", "before.js"}


class TestKeyboardAndScreenReaders:
    AUDIT = """[...document.querySelectorAll('button, a, input, select, textarea')].filter((e) => e.checkVisibility()
        && !(e.innerText?.trim() || e.getAttribute('aria-label') || e.labels?.length)).map((e) => e.outerHTML)"""

    def test_names_landmarks_headings(self, dashboard):
        dashboard.gate.viewer().get(sign(dashboard.gate.streams.movie()))
        assert dashboard.run(self.AUDIT) == []
        dashboard.log_in().is_live()
        for view in VIEWS:
            dashboard.go(view)
            assert dashboard.run(self.AUDIT) == []
            assert [dashboard.count(e) for e in ("h1", "main", "header", "nav[aria-label]")] == [1, 1, 1, 1]
            assert dashboard.run("document.activeElement.tagName") == ("BODY" if view == "overview" else "H1")
            assert dashboard.count("table") == dashboard.count("table > caption")
            assert dashboard.count("th:not([scope=col])") == 0

    def test_the_keyboard_alone(self, dashboard):
        """Skip, sort, ask why, and back to where one was."""
        dashboard.gate.viewer().get(sign(dashboard.gate.streams.movie()))
        dashboard.log_in().go("requests")
        dashboard.row(verdict="no_grant")
        dashboard.run("document.querySelector('th button').focus()")
        dashboard.page.press("Enter", 13, "\r")
        assert dashboard.run("document.querySelector('th').ariaSort") == "ascending"
        dashboard.filter("no_grant")
        until(lambda: len(dashboard.rows()) == 1, "the one that is filtered by")
        dashboard.run("document.querySelector('tbody button').focus()")
        dashboard.page.press("Enter", 13, "\r")
        dashboard.sees("no grant for this network", where="dialog")
        dashboard.page.press("Escape", 27)
        until(lambda: dashboard.count("dialog") == 0, "the drawer is shut")
        assert dashboard.run("document.activeElement.innerText") == "Why?"


class TestConnection:
    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
    def test_lost_and_regained(self, dashboard, how):
        gate = dashboard.gate
        dashboard.log_in().is_live()
        until(lambda: dashboard.count("canvas") > 0, "charts are drawn")
        gate.signal(how)
        gate.wait_exit()
        dashboard.sees("Connection lost. What you see is from", "Lost")
        until(lambda: dashboard.run("getComputedStyle(document.querySelector('main')).opacity") == "0.5", "figures are dimmed")
        dashboard.page.screenshot(f"dashboard-lost-{how.name}.png")
        gate.start()
        dashboard.is_live().sees_not("Connection lost")
        assert not dashboard.run("document.body.classList.contains('stale')")

    def test_out_of_sight_it_rests(self, dashboard):
        """So that six windows over HTTP/1.1 do not take all the connections that a browser has for one server."""
        gate = dashboard.gate
        dashboard.log_in().is_live()
        dashboard.page.be_seen(False)
        gate.wait_gauge("requests", 1)
        assert "Connection lost" not in dashboard.text()
        dashboard.page.be_seen(True)
        dashboard.is_live()
        dashboard.page.be_seen(False)
        gate.wait_gauge("requests", 1)
        gate.kill()
        dashboard.page.be_seen(True)
        dashboard.sees("Connection lost. What you see is from")
        gate.start()
        dashboard.is_live()

    def test_a_list_that_cannot_be_loaded(self, dashboard):
        """Then it says so, and comes by itself."""
        gate = dashboard.gate
        dashboard.log_in().is_live()
        gate.kill()
        dashboard.go("access")
        dashboard.sees("This could not be loaded", "Nobody answers")
        gate.start()
        dashboard.sees("Nobody is watching")

    def test_a_list_that_grows_old(self, dashboard):
        """Its rows stay, and it says that they are old."""
        gate = dashboard.gate
        gate.admitted().gets(sign(gate.streams.movie()))
        dashboard.log_in().go("access")
        dashboard.row(uid="u1", stream="movie1")
        gate.kill()
        dashboard.sees("These rows are old. Nobody answers.")
        dashboard.row(uid="u1", stream="movie1")
        gate.start()
        dashboard.sees_not("These rows are old")

    def test_logging_in_while_nobody_is_there(self, dashboard):
        gate = dashboard.gate
        dashboard.sees("API key")
        gate.kill()
        dashboard.log_in()
        dashboard.sees("Nobody answers")
        gate.start()
        dashboard.log_in().is_live()
