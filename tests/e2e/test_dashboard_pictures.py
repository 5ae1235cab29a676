"""The dashboard while a crowd watches, photographed: the pictures of the manual. HLSGATE_PICTURES says for how many seconds the
crowd has watched by then; five minutes fill the charts."""
import os

import pytest

from support.crowd import Crowd
from support.dashboard import Dashboard
from support.gate import http_origin
from support.wait import until

pytestmark = pytest.mark.once
SECONDS = int(os.environ.get("HLSGATE_PICTURES", "5"))
CROWD = 24
NAMES = ["night-train", "the-lighthouse", "ocean-deep", "city-2049", "first-snow", "orchard"]
SIZE = 2_000_000
PICTURES = [("overview", 1440, 1000, "light", "en"), ("overview", 1440, 1000, "dark", "zh"),
            ("transfers", 1440, 760, "light", "en"), ("audience", 1440, 1000, "light", "en"),
            ("access", 1440, 760, "dark", "en"),
            ("requests", 1440, 760, "light", "en"), ("overview", 375, 812, "dark", "en")]


@pytest.fixture
def gate(make_gate, make_nginx, streams):
    servers = [f"http://127.0.0.1:{make_nginx().port}" for _ in range(2)]
    return make_gate(origins=[{"prefix": "/", "filesystem": {"root": str(streams.root)}}, http_origin(*servers, prefix="/v/")])


def test_pictures(browser, gate):
    titles = [gate.streams.movie(name, segments=12, size=300_000) for name in NAMES]
    downloads = [gate.streams.write(f"/v/2026-01-02/{name}/hd/bonus.ts", b"x" * SIZE * (i + 2)) for i, name in enumerate(NAMES)]
    with browser.page(f"{gate.url}/monitor") as page, Crowd(gate, titles, CROWD, downloads):
        dashboard = Dashboard(page, gate).log_in().is_live()
        until(lambda: dashboard.number("viewers") > 5, "a crowd")
        until(lambda: gate.stats()["uptime_seconds"] >= SECONDS, "long enough", deadline=SECONDS + 30, every=1)
        for view, width, height, theme, language in PICTURES:
            for name, value in (("language", language), ("theme", theme)):
                dashboard.run(f"localStorage.setItem('hlsgate.{name}', '{value}')")
            page.resize(width, height, is_phone=width < 500)
            page.reload()
            dashboard.is_live().go(view)
            until(lambda: dashboard.count("main .bone") == 0, f"{view} has loaded")
            if view == "overview":
                until(lambda: dashboard.count(".chart:has(canvas)") == 9, "charts")
                until(lambda: dashboard.number("first_byte") >= 0, "figures")
            page.screenshot(f"picture-{view}-{theme}-{width}.png")
        dashboard.is_well()
