"""The dashboard while ffmpeg plays and curl downloads: who is there, what is on its way, and the end of a session as its player
meets it."""
import subprocess

import pytest

from support.dashboard import Dashboard
from support.players import STREAM, UA, through
from support.signing import sign
from support.wait import until

pytestmark = pytest.mark.once
MASTER = f"{STREAM}/master.m3u8"
BIG = "/2026-01-01/demo/hd/download.ts"
SIZE, RATE = 20_000_000, "200K"
CURL = "curl-of-the-tests/1.0"


@pytest.fixture
def gate(make_gate, demo):
    demo.write(BIG, bytes(SIZE))
    return make_gate(origins=[{"prefix": "/", "filesystem": {"root": str(demo.root)}}])


@pytest.fixture
def dashboard(browser, gate):
    with browser.page(f"{gate.url}/monitor") as page:
        dashboard = Dashboard(page, gate).log_in().is_live()
        yield dashboard
        dashboard.is_well()


@pytest.fixture
def start(gate, tmp_path):
    """start(uid, ua, path, *command) starts a player of a viewer that is let in; {} stands for its URL. What it says goes into
    the file that is given back."""
    players = []

    def start(uid, ua, path, *command):
        gate.grant(gate.viewer("127.0.0.1", ua), uid, path)
        url, said = through(gate, sign(path, uid)), tmp_path / f"{uid}.log"
        with open(said, "wb") as log:
            players.append(subprocess.Popen([part.replace("{}", url) for part in command], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=log))
        return said

    yield start
    for player in players:
        player.kill()
        player.wait(timeout=20)


def test_ffmpeg_and_curl(dashboard, start):
    ffmpeg = start("film-lover", UA, MASTER, "ffmpeg", "-nostdin", "-v", "warning", "-user_agent", UA, "-re",
                   "-stream_loop", "-1", "-i", "{}", "-f", "null", "-")
    start("hoarder", CURL, BIG, "curl", "-sS", "-A", CURL, "--limit-rate", RATE, "-o", "/dev/null", "{}")
    until(lambda: dashboard.figure("viewers") == "2", "two viewers")
    dashboard.sees("users 2", "streams 1", where="[data-tile=viewers]")
    dashboard.go("transfers")
    row = dashboard.row(uid="hoarder")
    until(lambda: dashboard.row(uid="hoarder") != row, "it moves")
    dashboard.go("audience")
    dashboard.row(where="[data-card=top-streams]", viewers="2")
    for uid in ("film-lover", "hoarder"):
        dashboard.row(where="[data-card=top-users]", uid=uid)
    dashboard.go("access", tab="sessions")
    dashboard.act_on("End …", uid="film-lover")
    dashboard.click("End", where="dialog")
    until(lambda: "403" in ffmpeg.read_text(), "the player is refused what comes next", deadline=60)
    dashboard.go("requests")
    dashboard.row(verdict="revoked", uid="film-lover")
