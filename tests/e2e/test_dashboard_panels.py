"""Every panel of the dashboard, with traffic; what operators do there, and what players see of it."""
import re

import pytest

from support.dashboard import Dashboard
from support.gate import ELSEWHERE, HOME, http_origin, uri_ending
from support.signing import sign
from support.wait import until

pytestmark = pytest.mark.once
FOLDER = "/v/2026-01-02/movie1"
BIG = f"{FOLDER}/hd/big.ts"
BIG_SIZE = 30_000_000
HOSTILE = """<img src=x onerror="window.hacked='yes'">"""
TURNED = "\u202etxt.exe"  # a mark that turns the direction of what follows


@pytest.fixture
def dashboard(browser, gate):
    """An operator's, open and live."""
    with browser.page(f"{gate.url}/monitor") as page:
        page.resize(1440, 1000)
        page.prefer(reduced_motion="reduce")  # what is photographed stands still
        dashboard = Dashboard(page, gate).log_in().is_live()
        yield dashboard
        dashboard.is_well()


def says(dashboard, chart):
    """The figure beside the first line of a chart."""
    return dashboard.run(f"document.querySelector('[data-chart={chart}] .value').innerText")


class TestOverview:
    def test_now(self, dashboard):
        """Two viewers, one refused: the tiles say so a second later."""
        gate, path = dashboard.gate, dashboard.gate.streams.movie()
        for ip, uid in ((HOME, "u1"), (ELSEWHERE, "u2")):
            gate.admitted(ip=ip, uid=uid).play(sign(path, uid))
        gate.viewer(ip="127.0.9.1").get(sign(path))
        until(lambda: dashboard.figure("viewers") == "2", "two viewers")
        dashboard.sees("users 2", "sessions 2", "streams 1", where="[data-tile=viewers]")
        until(lambda: dashboard.number("connections") >= 1, "the page's own connections")
        until(lambda: dashboard.number("memory") > 1, "memory")
        until(lambda: "sessions 2" in dashboard.text("[data-tile=viewers]"))

    def test_who_looks_is_not_what_is_served(self, dashboard):
        """Loading the page is dozens of requests, and each snapshot kilobytes: they are of the API, and nobody is watching."""
        dashboard.is_live()
        figures = lambda: (dashboard.figure("requests"), dashboard.figure("throughput"))
        until(lambda: "–" not in figures(), "figures")
        dashboard.run("""Promise.all([...Array(40)].map(() => fetch('/stats')))""")
        until(lambda: dashboard.run("""import('/monitor/history.js').then((h) => Math.max(
            ...h.columnsOf('5m')['requests_per_second.api']) > 10)"""), "they are counted")
        assert dashboard.run("""import('/monitor/history.js').then((h) => { const c = h.columnsOf('5m');
            return Math.max(...h.viewersRequests(c), ...c.bytes_per_second); })""") == 0
        assert (dashboard.number("requests"), dashboard.number("throughput")) == (0, 0)

    def test_charts(self, dashboard):
        """Of each range, drawn and said in words."""
        gate = dashboard.gate
        gate.admitted().play(sign(gate.streams.movie()))
        until(lambda: says(dashboard, "viewers") == "1", "the viewer on the chart")
        until(lambda: dashboard.count(".chart:has(canvas)") == dashboard.count(".chart") == 9, "all are drawn")
        dashboard.click("24 hours")
        dashboard.sees("Measuring …", where="[data-chart=memory]")
        assert "range=24h" in dashboard.run("location.hash")
        dashboard.click("5 min")
        dashboard.sees("MiB", where="[data-chart=memory]")
        assert dashboard.count(".chart:has(canvas)") == 9

    def test_pointing_at_a_moment(self, dashboard):
        """All charts say its figures, until the pointer goes."""
        gate = dashboard.gate
        until(lambda: dashboard.count(".chart:has(canvas)") == 9, "all are drawn")
        dashboard.page.point_at("[data-chart=memory] .chart-canvas")
        until(lambda: re.search(r"\d+:\d\d:\d\d", dashboard.text(".board-time")), "the moment")
        gate.admitted().play(sign(gate.streams.movie()))
        until(lambda: dashboard.figure("viewers") == "1", "a viewer now")
        assert says(dashboard, "viewers") in ("0", "–"), "and none then"  # or before anything was measured
        dashboard.page.point_at("h1")
        until(lambda: dashboard.text(".board-time") == "", "the pointer is gone")
        until(lambda: says(dashboard, "viewers") == "1", "the latest again")

    def test_history_from_before(self, dashboard):
        """Who opens the page now sees what was."""
        gate = dashboard.gate
        gate.admitted().play(sign(gate.streams.movie()))
        measured = lambda: gate.api("GET", "/api/history?range=5m", key="viewer").json["viewers"]
        until(lambda: 1 in measured(), "the viewer in the history")
        dashboard.page.reload()
        dashboard.is_live()
        until(lambda: dashboard.count("[data-tile=viewers] polyline[points]") == 1, "the line of the tile")

    def test_a_clock_that_is_put_back(self, dashboard):
        """Charts go on by the new time at once, and are whole again."""
        dashboard.is_live()
        points = "import('/monitor/history.js').then((h) => h.columnsOf('5m').at)"
        until(lambda: len(dashboard.run(points)) > 3, "some points")
        at = dashboard.run("""Promise.all([import('/monitor/history.js'), import('/monitor/events.js')]).then(([h, e]) => {
            h.append({...e.latest(), at: e.latest().at + 3600});
            h.append(e.latest());
            return h.columnsOf('5m').at; })""")
        assert len(at) == 1
        until(lambda: len(dashboard.run(points)) > 3, "what was before")
        at = dashboard.run(points)
        assert at == sorted(at)

    def test_health(self, dashboard):
        dashboard.gate.admitted()  # or nothing was written yet
        dashboard.sees("Embedded", "Answers", where="[data-card=store]")
        dashboard.sees("Healthy", where="[data-card=process]")
        dashboard.sees("Files of this machine", "Folder", where="[data-card=origins]")
        dashboard.sees("this one", where="[data-card=instances]")
        assert re.search(r"Workers\s*2\b", dashboard.text("[data-card=process]"))
        until(lambda: re.search(r"Latency\s*[\d.]+ ms", dashboard.text("[data-card=store]")), "a write was measured")


def test_what_needs_a_hand(browser, make_gate, make_origin):
    """A server of an origin is out: status, warning and its row say so, in colour, sign and word."""
    origin = make_origin()
    origin.stop()
    gate = make_gate(origins=[http_origin(origin, health={"path": "/ping", "interval": "1s"})])
    with browser.page(f"{gate.url}/monitor") as page:
        dashboard = Dashboard(page, gate).log_in("viewer").is_live()
        dashboard.sees("A server of an origin is out", origin.url.split("//")[1], where=".warnings")
        dashboard.sees("Down", where="[data-card=origins] .badge.bad")
        assert dashboard.run("document.querySelector('.warnings').getAttribute('aria-live')") == "polite"
        dashboard.is_well()


class TestTransfers:
    @pytest.fixture
    def slow(self, dashboard):
        """A viewer who reads a little and then waits."""
        gate = dashboard.gate
        viewer = gate.admitted()
        gate.streams.write(BIG, b"x" * BIG_SIZE)
        connection = viewer.start(sign(BIG), receive_buffer=4096)
        connection.read_head()
        yield connection
        connection.close()

    def test_one_that_runs(self, dashboard, slow):
        dashboard.go("transfers")
        row = dashboard.row(path=BIG, uid="u1", client=HOME, progress="of 30.0 MB")
        assert "movie1" in row["uid"] and "Player/1.0" in row["client"] and row["protocol"] == "HTTP/1.1"
        assert re.search(r"\d+(\.\d+)? m?s", row["first_byte"]) and re.search(r"B/s", row["speed"])
        assert 0 < float(dashboard.run("document.querySelector('[role=progressbar]').ariaValueNow")) < 100
        dashboard.page.screenshot("dashboard-transfer.png")
        slow.read_content(BIG_SIZE)
        dashboard.sees("Nothing is on its way")

    def test_filter_and_order(self, dashboard, slow):
        dashboard.go("transfers")
        dashboard.row(path=BIG)
        dashboard.filter("nobody")
        dashboard.sees("Nothing matches")
        dashboard.filter("u1 movie1")
        dashboard.row(path=BIG)
        assert "q=u1+movie1" in dashboard.run("location.hash")
        dashboard.click("Speed")
        assert dashboard.run("document.querySelector('th.c-speed').ariaSort") == "descending"
        assert "sort=speed.desc" in dashboard.run("location.hash")

    def test_rows_stay_what_they_are(self, dashboard, slow):
        """An update a second changes figures, not elements: focus, selection and scroll stay."""
        dashboard.go("transfers")
        dashboard.row(path=BIG)
        age = dashboard.rows()[0]["age"]
        dashboard.run("document.querySelector('tbody tr').mark = 'the same'")
        dashboard.run("getSelection().selectAllChildren(document.querySelector('tbody .main'))")
        until(lambda: dashboard.rows()[0]["age"] != age, "the next second")
        assert dashboard.run("document.querySelector('tbody tr').mark") == "the same"
        assert dashboard.run("getSelection().toString()") == BIG


class TestAudience:
    def test_most_watched(self, dashboard):
        gate, path = dashboard.gate, dashboard.gate.streams.movie()
        for ip, uid in ((HOME, "u1"), (ELSEWHERE, "u2")):
            gate.admitted(ip=ip, uid=uid).play(sign(path, uid))
        dashboard.go("audience")
        assert dashboard.row("[data-card=top-streams]", stream="movie1", viewers="2")["bytes"].endswith("kB")
        dashboard.row("[data-card=top-users]", uid="u1", viewers="1")
        dashboard.row("[data-card=top-users]", uid="u2", viewers="1")

    def test_traffic(self, dashboard):
        gate = dashboard.gate
        gate.admitted().play(sign(gate.streams.movie()))
        dashboard.go("audience")
        row = dashboard.row("[data-card=traffic]", uid="u1", classes="segment 121 kB")
        assert (row["ips"], row["sessions"]) == ("1", "1")
        dashboard.sees("Not configured", where="[data-card=reports]")


def test_reports(browser, make_gate, receiver):
    gate = make_gate(traffic={"report_url": receiver.url, "interval": "1s", "threshold": "1B"})
    with browser.page(f"{gate.url}/monitor") as page:
        dashboard = Dashboard(page, gate).log_in("viewer").is_live()
        gate.admitted().play(sign(gate.streams.movie()))
        dashboard.go("audience")
        until(lambda: re.search(r"Acknowledged\s*[1-9]", dashboard.text("[data-card=reports]")), "an acknowledged report")
        dashboard.sees("Sent from here", where="[data-card=reports] .badge")
        dashboard.is_well()


class TestAccess:
    def test_times_are_the_servers(self, dashboard):
        """Whatever the clock of the machine says that the browser runs on."""
        gate = dashboard.gate
        gate.admitted().gets(sign(gate.streams.movie()))
        dashboard.run("window.own = Date.now; Date.now = () => own() + 36e5; 0")
        dashboard.is_live().go("access")
        dashboard.row(uid="u1", started="s ago", ends="in 11h 59m")

    def test_adding_a_grant(self, dashboard):
        """Then the viewer plays."""
        gate, path = dashboard.gate, dashboard.gate.streams.movie()
        viewer = gate.viewer()
        assert viewer.get(sign(path)).status == 403
        dashboard.go("access", tab="grants")
        dashboard.sees("No grant is stored")
        dashboard.click("Add a grant", where="main")
        dashboard.fill(uid="u1", path=path, clientIp="no address", UserAgent=viewer.ua)
        dashboard.click("Add a grant", where="dialog")
        dashboard.sees("clientIp: ", where="dialog .form-error")
        dashboard.fill(clientIp=HOME)
        dashboard.page.screenshot("dashboard-grant.png")
        dashboard.click("Add a grant", where="dialog")
        dashboard.sees("Granted to 127.0.1.0/24 for 1h", where=".notices")
        dashboard.row(uid="u1", streams="movie1", network="127.0.1.0/24")
        viewer.gets(sign(path))

    def test_a_grant_for_static_files(self, dashboard):
        gate = dashboard.gate
        gate.streams.movie()
        viewer = gate.viewer()
        dashboard.go("access", tab="grants")
        dashboard.click("Add a grant", where="main")
        dashboard.click("Static files", where="dialog")
        dashboard.fill(uid="u1", clientIp=HOME, UserAgent=viewer.ua)
        dashboard.click("Add a grant", where="dialog")
        dashboard.row(uid="u1", network="127.0.1.0/24")
        viewer.gets(f"{FOLDER}/poster.jpg")

    def test_revoking(self, dashboard):
        """Of one network; cancelled first. The player's next request is refused."""
        gate, path = dashboard.gate, dashboard.gate.streams.movie()
        here, there = (gate.admitted(ip=ip) for ip in (HOME, ELSEWHERE))
        segment = next(url for url in here.play(sign(path)) if "/hd/s0.ts" in url)
        there.gets(sign(path, ttl=3601))
        dashboard.go("access", tab="grants")
        dashboard.act_on("Revoke …", network="127.0.1.0/24")
        dashboard.click("Cancel", where="dialog")
        here.gets(segment)
        dashboard.act_on("Revoke …", network="127.0.1.0/24")
        dashboard.sees("Revoke a grant?", "u1 may watch from 127.0.1.0/24.")
        dashboard.page.screenshot("dashboard-revoke.png")
        dashboard.click("Revoke", where="dialog")
        dashboard.sees("Grants revoked: 1; sessions ended: 1", where=".notices")
        here.is_refused(segment, "revoked")
        there.gets(sign(path, ttl=3602))
        until(lambda: [row["network"][:12] for row in dashboard.rows()] == ["127.0.2.0/24"], "the other one's grant alone")

    def test_revoking_one_stream(self, dashboard):
        gate = dashboard.gate
        for name in ("movie1", "movie2"):
            viewer = gate.admitted(name)
        dashboard.go("access", tab="grants")
        dashboard.act_on("Revoke …", streams="movie2")
        dashboard.run("document.querySelector('dialog select').value = 'movie2'")
        dashboard.click("Revoke", where="dialog")
        until(lambda: [row["streams"] for row in dashboard.rows()] == ["movie1"], "the other one alone")
        viewer.gets(sign(f"{FOLDER}/master.m3u8"))
        viewer.is_refused(sign("/v/2026-01-02/movie2/master.m3u8"), "grant_other_stream")

    def test_ending_one_session(self, dashboard):
        gate = dashboard.gate
        viewer = gate.admitted()
        playlist = viewer.gets(sign(f"{FOLDER}/hd/index.m3u8"))
        segment = uri_ending(playlist.text, f"{FOLDER}/hd/index.m3u8", "s0.ts")
        viewer.gets(segment)
        dashboard.go("access")
        dashboard.act_on("End …", uid="u1", stream="movie1", client=HOME)
        dashboard.click("End", where="dialog")
        dashboard.sees("1 session ended", where=".notices")
        viewer.is_refused(segment, "revoked")
        dashboard.sees("Nobody is watching")

    def test_ending_all_of_a_user(self, dashboard):
        gate = dashboard.gate
        for ip, name in ((HOME, "movie1"), (ELSEWHERE, "movie2")):
            gate.admitted(name, ip=ip).gets(sign(f"/v/2026-01-02/{name}/master.m3u8"))
        gate.admitted("movie1", uid="u2", ip="127.0.3.5").gets(sign(f"{FOLDER}/master.m3u8", "u2"))
        dashboard.go("access", q="u1")
        dashboard.act_on("End …", stream="movie2")
        dashboard.click("All sessions of u1", where="dialog")
        dashboard.click("End", where="dialog")
        dashboard.sees("2 sessions ended", where=".notices")
        dashboard.sees("Nothing matches")
        dashboard.filter("")
        dashboard.row(uid="u2")
        assert len(dashboard.rows()) == 1


class TestRequests:
    def test_why_one_was_denied(self, dashboard):
        gate = dashboard.gate
        gate.viewer().get(sign(gate.streams.movie()))
        dashboard.go("requests")
        row = dashboard.row(verdict="no_grant", path="master.m3u8")
        assert row["client"].startswith(HOME) and "no grant for this network" in row["verdict"]
        dashboard.run("document.querySelector('td.c-path').click()")
        dashboard.sees("403 no_grant", "Class of the path", where="dialog")
        assert dashboard.check("class").inputs == {"Class": "playlist", "Stream": "movie1",
                                                   "Asks for": "Token · Grant · Session · Use limit"}
        token, grant = dashboard.check("token"), dashboard.check("grant")
        assert token.head == "Token Valid" and token.kind == "good"
        assert re.search(r"\d{4}.*\d\d:\d\d:\d\d.* · in (1h|59m \d+s)$", token.inputs["Expires"])
        assert grant.head == "Grant None Here it was decided" and grant.kind == "bad"
        assert grant.inputs["Network"] == "127.0.1.0/24" and grant.inputs["Stream"] == "movie1"
        assert "no grant for this network and User-Agent" in dashboard.text("[data-check=grant]")
        assert dashboard.count(".check.bad") == 1
        dashboard.page.screenshot("dashboard-why.png")

    @pytest.mark.parametrize("width", [1440, 375])
    def test_why_in_chinese(self, dashboard, width):
        """Name, verdict and inputs of each check are: no English sentence is left."""
        gate, path = dashboard.gate, dashboard.gate.streams.movie()
        gate.viewer().get(sign(path, ttl=-5))
        dashboard.run("localStorage.setItem('hlsgate.language', 'zh')")
        dashboard.page.resize(width, 1000, is_phone=width < 500)
        dashboard.page.reload()
        dashboard.is_live().go("requests")
        dashboard.act_on("原因", verdict="token_expired")
        dashboard.sees("令牌已过期，也没有会话延续", where=".verdict-head")
        token = dashboard.check("token")
        assert token.head == "令牌 已过期 在此作出决定" and token.inputs["到期"].endswith("前")
        assert token.inputs["类型"] == "后端令牌"
        assert dashboard.check("grant").head == "授权 未检查到此处"
        assert dashboard.check("class").inputs["要求"] == "令牌 · 授权 · 会话 · 使用次数"
        assert not re.search(r"[A-Za-z]{2,} +[A-Za-z]{2,}", dashboard.text(".checks"))
        dashboard.fits()
        dashboard.page.screenshot(f"dashboard-why-zh-{width}.png")

    def test_and_if_it_came_now(self, dashboard):
        gate, path = dashboard.gate, dashboard.gate.streams.movie()
        gate.viewer().get(sign(path))
        dashboard.go("requests")
        dashboard.act_on("Why?", verdict="no_grant")
        dashboard.click("And if it came now?", where="dialog")
        dashboard.click("Explain", where="dialog")
        dashboard.sees("token_missing", where="dialog .ask-answer")

    def test_asking(self, dashboard):
        """About any request; nothing is spent by it."""
        gate, path = dashboard.gate, dashboard.gate.streams.movie()
        viewer = gate.admitted()
        dashboard.go("requests")
        for ip, word in ((HOME, "200 ok"), (ELSEWHERE, "403 no_grant")):
            dashboard.fill(url=sign(path), ip=ip, ua=viewer.ua)
            dashboard.click("Explain", where="[data-card=ask]")
            dashboard.sees(word, where="[data-card=ask] .ask-answer")
            assert dashboard.check("class").inputs["Stream"] == "movie1"
        dashboard.fill(ip="no address")
        dashboard.click("Explain", where="[data-card=ask]")
        dashboard.sees("ip: ", where="[data-card=ask] .form-error")
        assert "token=" not in dashboard.run("location.href")

    def test_logs(self, dashboard):
        gate, path = dashboard.gate, dashboard.gate.streams.movie()
        url = sign(path)
        gate.admitted().play(url)
        gate.admitted(ip=ELSEWHERE).is_refused(url, "token_other_viewer")
        dashboard.go("requests")
        for log, cells in (("Replays", {"verdict": "token_other_viewer", "client": ELSEWHERE}),
                           ("Keys", {"path": "enc.key", "uid": "u1"}), ("Recent", {"path": "s0.ts", "verdict": "200 ok"}),
                           ("Denied", {"verdict": "token_other_viewer"})):
            dashboard.click(log, where="main")
            dashboard.row(**cells)
        dashboard.sees("token_other_viewer", where="[data-card=summary] .reasons")

    def test_the_api_stays_out_of_the_way(self, dashboard):
        gate = dashboard.gate
        gate.admitted().gets(sign(gate.streams.movie()))
        dashboard.go("requests", log="recent")
        dashboard.row(path="master.m3u8")
        assert all("· API" not in row["path"] for row in dashboard.rows())
        dashboard.click("With requests to the API", where="main")
        dashboard.row(path="· API")

    def test_they_appear_as_they_happen(self, dashboard):
        gate = dashboard.gate
        dashboard.go("requests")
        for word, url in (("no_grant", sign(gate.streams.movie())), ("token_expired", sign(f"{FOLDER}/master.m3u8", ttl=-5))):
            gate.viewer().is_refused(url, word)
            dashboard.row(verdict=word)


def test_hostile_strings(dashboard):
    """Whoever is let in chooses uid, User-Agent and what he asks for. All of it is text here, and nothing else."""
    gate = dashboard.gate
    uid, ua, name = TURNED + HOSTILE, HOSTILE + "\"'`&" + "A" * 3000, f"movie{HOSTILE.replace('/', '')}"
    path = gate.streams.movie(name)
    viewer = gate.viewer(ua=ua)
    gate.grant(viewer, uid, path)
    viewer.play(sign(path, uid))
    gate.viewer(ip=ELSEWHERE, ua=ua).get(sign(path, uid))
    gate.streams.write(f"/v/2026-01-02/{name}/hd/big.ts", b"x" * BIG_SIZE)
    with viewer.start(sign(f"/v/2026-01-02/{name}/hd/big.ts", uid), receive_buffer=4096) as slow:
        slow.read_head()
        for view, selector in (("transfers", "td.c-uid"), ("audience", "[data-card=top-users]"),
                               ("audience", "[data-card=traffic]"), ("access", "td.c-uid"), ("requests", "td.c-uid")):
            dashboard.go(view)
            dashboard.sees("<img src=x onerror=", "\\u202e", where=f"main {selector}")
            dashboard.fits()
        dashboard.act_on("Why?", verdict="no_grant")
        dashboard.sees(HOSTILE, where="dialog")
        dashboard.sees("\\u202e", "<img src=x onerror=", where="dialog [data-check=token] .inputs")
        dashboard.page.press("Escape", 27)
        dashboard.go("access", tab="grants")
        dashboard.act_on("Revoke …", uid="<img src=x")
        dashboard.sees("<img src=x onerror=", where="dialog .lead")
    assert dashboard.run("window.hacked ?? 'no'") == "no" and dashboard.count("img") == 0


def test_a_hundred_rows(dashboard):
    """They are updated each second, and the page still answers at once."""
    gate = dashboard.gate
    gate.streams.movie()
    for i in range(100):
        gate.viewer(ip=f"127.0.{i + 10}.5").get(sign(f"{FOLDER}/master.m3u8", f"user-{i}"))
    dashboard.go("requests")
    until(lambda: len(dashboard.rows()) == 100, "all of them")
    dashboard.filter("user-42")
    until(lambda: len(dashboard.rows()) == 1, "the one that is filtered by")
    took = dashboard.run("""new Promise((done) => { const start = performance.now();
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - start))); })""")
    assert took < 1000
