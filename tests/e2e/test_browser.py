"""
Chromium plays the demo from a page of another origin: with the HLS player it has built in, and with hls.js. What it shows is
looked at, too: the page may read the pictures because CORS lets it.
"""
import json

import pytest

from support.browser import PageServer
from support.players import HEIGHT, SECONDS, STREAM, WIDTH, looks_like
from support.proto import Protocol
from support.signing import sign
from support.wait import until

pytestmark = pytest.mark.once

MASTER = f"{STREAM}/master.m3u8"
SMALL, LARGE = [640, 360], [1280, 720]
LEVELS = {"sd": 0, "hd": 1}  # hls.js counts renditions from the smallest
FAST = 16  # times as fast as it was meant


@pytest.fixture(scope="module")
def sites(authority):
    """Web sites with the player page: one in the clear, and one over TLS for streams that come over TLS."""
    sites = {"http": PageServer(), "https": PageServer(authority.server("IP:127.0.0.1", "DNS:localhost"))}
    yield sites
    for site in sites.values():
        site.stop()


class Theatre:
    """A gate, and pages that play from it over one protocol."""

    def __init__(self, browser, site, gate):
        self._browser, self._site, self._gate = browser, site, gate
        self.port = gate.port
        gate.grant(gate.viewer(ip="127.0.0.1", ua=browser.user_agent), path=MASTER)

    def page(self, origin=None):
        return self._browser.page((origin or self._site.origin) + "/player.html")

    @property
    def third_party(self):
        """The site under a name that is no sibling of the gate's."""
        return self._site.origin.replace("127.0.0.1", "localhost")

    def open(self, page, player, path=MASTER, with_cookies=False, level=-1, **options):
        url, cookies = json.dumps(self._gate.url + sign(path)), json.dumps(with_cookies)
        if player == "native":
            page.run(f"openNative({url}, {cookies})")
        else:
            page.run(f"openHlsJs({url}, {cookies}, {level}, {json.dumps(options)})")

    def responses(self, page):
        """All that the gate has answered to a page, each as it should be."""
        responses, protocol = page.responses(self.port), self._gate.protocol
        for r in responses:
            assert r["status"] in (200, 204, 206) and r["protocol"] == protocol.alpn, r
            assert r.get("securityDetails", {}).get("protocol") == ("TLS 1.3" if protocol.is_tls else None), r
        return responses


@pytest.fixture
def theatre(browser, sites, make_gate, demo, authority):
    def make(protocol, **config):
        origins = [{"prefix": "/", "filesystem": {"root": str(demo.root)}}]
        gate = make_gate(protocol=Protocol(protocol, authority), origins=origins, **config)
        return Theatre(browser, sites[gate.protocol.scheme], gate)

    return make


def sees(page, demo, second):
    """Goes there and looks, until the frame is on the screen, which may be a moment after the player says it is there; a little
    past the beginning of a frame, so that rounding does not matter."""
    page.run(f"seek({second + 0.02})")
    until(lambda: looks_like(page.run(f"picture({WIDTH}, {HEIGHT})"), demo, second), f"the picture of second {second}")


def plays_all(page, sizes):
    got = page.run(f"playAll({FAST})")
    assert got["size"] in sizes and got["sound"] > SECONDS * 5000, got
    assert got["from"] == 0 and got["to"] == got["duration"] and abs(got["duration"] - SECONDS) < 0.2, got


def sends_cookies(page, theatre):
    return any("cookie" in fields for path, fields in page.sent_fields(theatre.port) if path.endswith(".ts"))


@pytest.mark.parametrize("protocol", ["h1", "h2+tls"])
@pytest.mark.parametrize("with_cookies", [False, True], ids=["without cookies", "with cookies"])
@pytest.mark.parametrize("player", ["native", "hls.js"])
def test_master_playlist(theatre, demo, player, with_cookies, protocol):
    theatre = theatre(protocol)
    with theatre.page() as page:
        theatre.open(page, player, with_cookies=with_cookies)
        sees(page, demo, 8)
        page.screenshot(f"chromium-{player}-{protocol}.png")
        sees(page, demo, 3)
        plays_all(page, [SMALL, LARGE])
        assert any("/enc.key" in r["url"] for r in theatre.responses(page))
        assert ("hlsgate_session" in page.cookies()) == with_cookies
        assert sends_cookies(page, theatre) == with_cookies


@pytest.mark.parametrize("player", ["native", "hls.js"])
def test_each_rendition(theatre, demo, player):
    theatre = theatre("h2+tls")
    for name, size in {"sd": SMALL, "hd": LARGE, "fmp4": SMALL}.items():
        with theatre.page() as page:
            if player == "hls.js" and name in LEVELS:
                theatre.open(page, player, level=LEVELS[name])
            else:
                theatre.open(page, player, f"{STREAM}/{name}/index.m3u8")
            sees(page, demo, 13)
            plays_all(page, [size])
            assert any(f"/{name}/s002." in r["url"] for r in theatre.responses(page))


def test_a_page_whose_cookies_are_not_let_through(theatre, demo):
    """The gate's cookie is of the site (SameSite=Lax); a player on another site asks with cookies, and has none."""
    theatre = theatre("h2+tls")
    with theatre.page(theatre.third_party) as page:
        theatre.open(page, "hls.js", with_cookies=True)
        plays_all(page, [SMALL, LARGE])
        theatre.responses(page)
        assert page.cookies() == {} and not sends_cookies(page, theatre)


@pytest.mark.parametrize("player", ["native", "hls.js"])
def test_a_page_of_an_origin_that_is_not_listed(theatre, player):
    theatre = theatre("h1", cors={"origins": ["https://www.example.com"]})
    with theatre.page() as page, pytest.raises(AssertionError, match="manifestLoadError|DEMUXER_ERROR"):
        theatre.open(page, player)


def test_measurements_in_fields_of_requests(theatre):
    """CTA-5004: hls.js tells the server how it plays, in fields that the browser asks leave for beforehand."""
    theatre = theatre("h2+tls")
    with theatre.page() as page:
        theatre.open(page, "hls.js", cmcd={"useHeaders": True})
        plays_all(page, [SMALL, LARGE])
        assert any("cmcd-request" in fields for _, fields in page.sent_fields(theatre.port))
