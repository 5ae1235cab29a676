"""Cross-origin use: what a player in a page needs, and nothing for pages that are not allowed."""
import pytest

from support.signing import sign

SEGMENT = "/v/2026-01-02/movie1/hd/s0.ts"
PAGE = "https://www.example.com"
EXPOSED = {"Content-Length", "Content-Range", "Accept-Ranges", "Content-Type"}


def preflight(viewer, target=SEGMENT, origin=PAGE, method="GET", headers="Range, X-Session-ID"):
    return viewer.ask("OPTIONS", target, {"Origin": origin, "Access-Control-Request-Method": method,
                                          "Access-Control-Request-Headers": headers})


def test_any_origin_is_echoed_with_vary_because_of_credentials(gate):
    response = gate.admitted().gets(sign(SEGMENT), {"Origin": PAGE})
    assert response["Access-Control-Allow-Origin"] == PAGE
    assert response["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in response["Vary"]
    assert EXPOSED <= set(response["Access-Control-Expose-Headers"].split(", "))


def test_star_without_credentials(make_gate):
    response = make_gate(cors={"credentials": False}).admitted().gets(sign(SEGMENT), {"Origin": PAGE})
    assert response["Access-Control-Allow-Origin"] == "*"
    assert not response.all("Access-Control-Allow-Credentials")


def test_refusals_have_it_too_so_the_page_can_read_the_status(gate, streams):
    streams.movie()
    response = gate.viewer().ask("GET", SEGMENT, {"Origin": PAGE})
    assert response.status == 403 and response["Access-Control-Allow-Origin"] == PAGE


def test_list_of_origins(make_gate):
    v = make_gate(cors={"origins": [PAGE, "http://localhost:8080"]}).admitted()
    assert v.gets(sign(SEGMENT), {"Origin": PAGE})["Access-Control-Allow-Origin"] == PAGE
    for other in ("https://evil.example", "https://www.example.com.evil.example", "http://www.example.com", "null"):
        response = v.gets(sign(SEGMENT), {"Origin": other})
        assert not response.all("Access-Control-Allow-Origin")
        assert "Origin" in response["Vary"]


def test_preflight_is_answered_without_credentials_of_the_viewer(gate):
    response = preflight(gate.viewer())
    assert response.status == 204
    assert response["Access-Control-Allow-Origin"] == PAGE
    assert {"GET", "HEAD", "OPTIONS"} <= set(response["Access-Control-Allow-Methods"].split(", "))
    assert {h.strip().lower() for h in response["Access-Control-Allow-Headers"].split(",")} == {"range", "x-session-id"}
    assert response["Access-Control-Max-Age"] == "3600"


@pytest.mark.parametrize("credentials", [True, False])
def test_the_fields_of_cmcd_are_allowed(make_gate, streams, credentials):
    """CTA-5004: a player may send its analytics in these four."""
    gate = make_gate(cors={"credentials": credentials, "max_age": "10m"})
    names = {"CMCD-Object", "CMCD-Request", "CMCD-Session", "CMCD-Status"}
    response = preflight(gate.viewer(), headers=",".join(sorted(name.lower() for name in names)))
    allowed = {name.strip().lower() for name in response["Access-Control-Allow-Headers"].split(",")}
    assert response.status == 204 and allowed == {name.lower() for name in names}
    assert response["Access-Control-Max-Age"] == "600"
    assert response.get("Access-Control-Allow-Credentials") == ("true" if credentials else None)
    assert response["Access-Control-Allow-Origin"] == (PAGE if credentials else "*")
    sent = dict.fromkeys(names, "br=3200,ot=v") | {"Origin": PAGE}
    assert gate.admitted().gets(sign(SEGMENT), sent)["Access-Control-Allow-Origin"] == response["Access-Control-Allow-Origin"]


def test_parts_304_and_compressed_answers_are_readable_too(gate, streams):
    viewer = gate.admitted()
    playlist = SEGMENT.replace("s0.ts", "index.m3u8")
    streams.write(playlist, streams.read(playlist) + b"# and more\n" * 100)
    etag = viewer.gets(sign(SEGMENT))["ETag"]
    for target, fields, status in ((SEGMENT, {"Range": "bytes=0-1"}, 206), (SEGMENT, {"Range": "bytes=0-1,4-5"}, 206),
                                   (SEGMENT, {"Range": "bytes=99999-"}, 416), (SEGMENT, {"If-None-Match": etag}, 304),
                                   (SEGMENT, {"If-Match": '"x"'}, 412), (playlist, {"Accept-Encoding": "br"}, 200)):
        response = viewer.gets(sign(target), fields | {"Origin": PAGE}, status)
        assert response["Access-Control-Allow-Origin"] == PAGE and "Origin" in response["Vary"].split(", ")


def test_preflight_of_the_api(gate):
    response = preflight(gate.viewer(), "/api/whitelist", method="POST", headers="authorization, content-type")
    assert {"POST", "DELETE"} <= set(response["Access-Control-Allow-Methods"].split(", "))


@pytest.mark.parametrize("path, is_for_pages", [("/api/js-whitelist", True), ("/api/js-whitelist/check", True), ("/stats", False),
                                                ("/monitor", False), ("/monitor/session", False), ("/events", False)])
def test_the_dashboards_cookie_is_no_business_of_other_pages(gate, path, is_for_pages):
    """Whoever has a key may ask from a page all the same; what its browser keeps is for viewers, and for who lets a browser in."""
    for response in (preflight(gate.viewer(), path), gate.viewer().ask("HEAD", path, {"Origin": PAGE})):
        assert response.get("Access-Control-Allow-Credentials") == ("true" if is_for_pages else None)
        assert response["Access-Control-Allow-Origin"] == (PAGE if is_for_pages else "*")


def test_preflight_of_a_page_that_is_not_allowed(make_gate):
    response = preflight(make_gate(cors={"origins": ["https://other.example"]}).viewer())
    assert not response.all("Access-Control-Allow-Origin")


@pytest.mark.parametrize("value", ["a\tb", "x" * 5000, '"><script>', "https://a.example, https://b.example"])
def test_odd_origins_break_nothing(gate, value):
    response = gate.admitted().gets(sign(SEGMENT), {"Origin": value})
    assert all("\n" not in v for _, v in response.fields)
