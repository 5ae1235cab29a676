"""The dashboard while a crowd watches, photographed: the pictures of the manual. HLSGATE_PICTURES says for how many seconds the
crowd has watched by then; five minutes fill the charts."""
import os
import time

import pytest

from support.browser import Browser
from support.crowd import AGENTS, Crowd
from support.dashboard import Dashboard
from support.gate import http_origin
from support.signing import sign
from support.wait import until

pytestmark = pytest.mark.once
SECONDS = int(os.environ.get("HLSGATE_PICTURES", "5"))
CROWD = 24
NAMES = ["night-train", "the-lighthouse", "ocean-deep", "city-2049", "first-snow", "orchard"]
SIZE = 30_000_000
PICTURES = [("overview", 1440, 1000, "light", "en"), ("overview", 1440, 1000, "dark", "zh"), ("transfers", 1440, 760, "light", "en"),
            ("audience", 1440, 1000, "light", "en"), ("access", 1440, 760, "dark", "en"), ("requests", 1440, 760, "light", "en"),
            ("overview", 375, 812, "dark", "en")]


@pytest.fixture
def browser(tmp_path):
    browser = Browser(tmp_path / "browser")
    try:
        yield browser
        browser.close()
    finally:
        browser.abandon()


@pytest.fixture
def gate(make_gate, make_nginx, streams):
    servers = [f"http://127.0.0.1:{make_nginx().port}" for _ in range(2)]
    return make_gate(origins=[{"prefix": "/", "filesystem": {"root": str(streams.root)}}, http_origin(*servers, prefix="/v/")])


def slow_readers(gate, path):
    """Who read what they like of it, and are on their way for long."""
    connections = []
    for i in range(9):
        viewer = gate.viewer(ip=f"127.0.{100 + i}.5", ua=AGENTS[i % len(AGENTS)])
        uid = f"user-{1100 + i}"
        gate.grant(viewer, uid, path)
        connections.append(viewer.start(sign(path, uid), receive_buffer=65536))
        connections[-1].read_head()
    return connections


def test_pictures(browser, gate):
    titles = [gate.streams.movie(name, segments=12, size=300_000) for name in NAMES]
    big = f"/v/2026-01-02/{NAMES[0]}/hd/bonus.ts"
    gate.streams.write(big, b"x" * SIZE)
    with browser.page(f"{gate.url}/monitor") as page, Crowd(gate, titles, CROWD):
        dashboard = Dashboard(page, gate).log_in().is_live()
        until(lambda: int(dashboard.figure("viewers") or 0) > 5, "a crowd")
        until(lambda: gate.stats()["uptime_seconds"] >= SECONDS, "it has watched for long enough", deadline=SECONDS + 30, every=0.2)
        readers = slow_readers(gate, big)
        began = time.monotonic()
        for view, width, height, theme, language in PICTURES:
            dashboard.run(f"localStorage.setItem('hlsgate.language', '{language}'); localStorage.setItem('hlsgate.theme', '{theme}')")
            page.resize(width, height, is_phone=width < 500)
            page.reload()
            dashboard.is_live().go(view)
            for i, reader in enumerate(readers):
                reader.read_content(min(800_000 + 300_000 * i, SIZE // 8))
            until(lambda: dashboard.count("main .bone") == 0, f"{view} has loaded")
            if view == "overview":
                until(lambda: dashboard.count(".chart:has(canvas)") == 9 and dashboard.figure("first_byte") != "–", "charts and figures")
            page.screenshot(f"picture-{view}-{theme}-{width}.png")
        assert time.monotonic() - began < 60
        for reader in readers:
            reader.close()
        dashboard.is_well()
