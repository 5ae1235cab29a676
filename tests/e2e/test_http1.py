"""HTTP on the wire: ranges, conditions, methods, types; of HTTP/1.1 framing, limits, and everything a smuggler tries."""
import email.utils
import time

import pytest

from support.gate import HOME
from support.signing import sign
from support.streams import bytes_of

FILE = "/v/2026-01-02/movie1/hd/s0.ts"
SIZE = 20_000
CONTENT = bytes_of("movie1.hd.0", SIZE)
OPEN = {"access": {"policy": {"segment": []}}}


@pytest.fixture(scope="module")
def viewer(tmp_path_factory):
    from support.gate import Gate
    from support.streams import Streams

    home = tmp_path_factory.mktemp("http1")
    gate = Gate(home, Streams(home / "streams"), **OPEN).start()
    gate.streams.movie()
    try:
        yield gate.viewer()
        gate.stop()
    finally:
        gate.abandon()


def exchange(viewer, data):
    """Sends bytes as they are; the status, and whether the server then closes."""
    with viewer.connect() as c:
        c.send(data)
        response = c.read()
        if response.is_closed:
            c.is_closed_by_peer()
        return response


@pytest.mark.h1_only
class TestConnections:
    def test_keep_alive(self, viewer):
        with viewer.connect() as c:
            for _ in range(5):
                c.request("GET", FILE)
                assert c.read().body == CONTENT

    def test_close_when_asked(self, viewer):
        with viewer.connect() as c:
            c.request("GET", FILE, {"Connection": "close"})
            assert c.read().is_closed and c.is_closed_by_peer()

    def test_http_1_0_closes(self, viewer):
        with viewer.connect() as c:
            c.send(f"GET {FILE} HTTP/1.0\r\n\r\n".encode())
            assert c.read().body == CONTENT
            assert c.is_closed_by_peer()

    def test_pipelining_in_order(self, viewer):
        paths = [FILE.replace("s0", f"s{i % 3}") for i in range(20)]
        with viewer.connect() as c:
            c.send("".join(f"GET {p} HTTP/1.1\r\nHost: gate.test\r\n\r\n" for p in paths).encode())
            for path in paths:
                assert c.read().body == bytes_of(f"movie1.hd.{path[-4]}", SIZE)

    def test_head_byte_by_byte(self, viewer):
        with viewer.connect() as c:
            for byte in f"GET {FILE} HTTP/1.1\r\nHost: gate.test\r\n\r\n".encode():
                c.send(bytes([byte]))
            assert c.read().body == CONTENT

    def test_empty_lines_before_a_request(self, viewer):
        assert exchange(viewer, f"\r\nGET {FILE} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).status == 200

    def test_content_of_a_get_is_never_taken_for_the_next_request(self, viewer):
        """RFC 9110 9.3.1: it has no meaning, and a server may refuse it."""
        with viewer.connect() as c:
            c.request("GET", FILE, body=b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            response = c.read()
            assert response.status == 400 and response.is_closed and c.is_closed_by_peer()


class TestMethods:
    def test_head(self, viewer):
        response = viewer.ask("HEAD", FILE)
        assert response.status == 200 and response["Content-Length"] == str(SIZE)
        assert response["Content-Type"] == "video/mp2t"

    def test_options(self, viewer):
        response = viewer.ask("OPTIONS", FILE)
        assert response.status == 204 and {"GET", "HEAD", "OPTIONS"} <= set(response["Allow"].split(", "))

    def test_options_star(self, viewer):
        assert viewer.ask("OPTIONS", "*").status == 204

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
    def test_others_are_405_with_allow(self, viewer, method):
        response = viewer.is_refused(FILE, "method_not_allowed", method=method)
        assert {"GET", "HEAD", "OPTIONS"} <= set(response["Allow"].split(", "))

    def test_on_the_api_allow_says_what_there_is(self, viewer):
        response = viewer.gate.api("PUT", "/api/whitelist", {})
        assert response.status == 405 and {"POST", "DELETE"} <= set(response["Allow"].split(", "))


@pytest.mark.parametrize("value, status, first, last", [
    ("bytes=0-0", 206, 0, 0), ("bytes=0-99", 206, 0, 99), ("bytes=100-", 206, 100, SIZE - 1),
    ("bytes=-100", 206, SIZE - 100, SIZE - 1), ("bytes=19999-19999", 206, SIZE - 1, SIZE - 1),
    ("bytes=0-99999999", 206, 0, SIZE - 1), ("bytes=-99999999", 206, 0, SIZE - 1),
    ("bytes=20000-", 416, None, None), ("bytes=20000-20005", 416, None, None), ("bytes=-0", 416, None, None),
    ("bytes=99999999999999999999999-", 416, None, None),
    ("bytes=5-4", 200, 0, SIZE - 1), ("bytes=a-b", 200, 0, SIZE - 1), ("lines=0-1", 200, 0, SIZE - 1),
    ("bytes=", 200, 0, SIZE - 1), ("bytes", 200, 0, SIZE - 1),
])
def test_range(viewer, value, status, first, last):
    response = viewer.gets(FILE, {"Range": value}, status=status)
    if status == 416:
        assert response["Content-Range"] == f"bytes */{SIZE}"
        return
    assert response.body == CONTENT[first:last + 1]
    if status == 206:
        assert response["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert response["Accept-Ranges"] == "bytes"


class TestConditions:
    def test_etag(self, viewer):
        etag = viewer.gets(FILE)["ETag"]
        assert etag.startswith('"')
        for value in (etag, f"W/{etag}", f'"x", {etag}', "*"):
            response = viewer.gets(FILE, {"If-None-Match": value}, status=304)
            assert response["ETag"] == etag and response.body == b""
        assert viewer.gets(FILE, {"If-None-Match": '"x"'}).body == CONTENT

    def test_last_modified(self, viewer):
        modified = viewer.gets(FILE)["Last-Modified"]
        assert abs(email.utils.parsedate_to_datetime(modified).timestamp() - time.time()) < 600
        viewer.gets(FILE, {"If-Modified-Since": modified}, status=304)
        viewer.gets(FILE, {"If-Modified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"})
        viewer.gets(FILE, {"If-Modified-Since": "yesterday"})

    def test_etag_goes_before_date(self, viewer):
        modified = viewer.gets(FILE)["Last-Modified"]
        viewer.gets(FILE, {"If-None-Match": '"x"', "If-Modified-Since": modified})

    def test_if_range(self, viewer):
        whole = viewer.gets(FILE)
        part = {"Range": "bytes=10-19"}
        assert viewer.gets(FILE, part | {"If-Range": whole["ETag"]}, status=206).body == CONTENT[10:20]
        assert viewer.gets(FILE, part | {"If-Range": '"old"'}).body == CONTENT
        assert viewer.gets(FILE, part | {"If-Range": "W/" + whole["ETag"]}).body == CONTENT
        assert viewer.gets(FILE, part | {"If-Range": "Sun, 06 Nov 1994 08:49:37 GMT"}).body == CONTENT

    def test_head_with_range_and_condition(self, viewer):
        assert viewer.ask("HEAD", FILE, {"If-None-Match": "*"}).status == 304


@pytest.mark.h1_only
class TestExpect:
    def test_100_continue_on_the_api(self, viewer):
        body = b'{"uid": "e", "path": "/a/b.m3u8", "clientIp": "10.0.0.1", "UserAgent": "x"}'
        with viewer.connect() as c:
            c.request("POST", "/api/whitelist", {"Expect": "100-continue", "Content-Length": str(len(body)),
                                                 "Authorization": "Bearer key-of-an-operator"})
            assert c.read_head().status == 100
            c.send(body)
            assert c.read().status == 200

    def test_refused_before_the_body_is_sent(self, viewer):
        with viewer.connect() as c:
            c.request("POST", "/api/whitelist", {"Expect": "100-continue", "Content-Length": "100"})
            assert c.read().status in (401, 403)


def test_another_expectation_is_417(viewer):
    viewer.is_refused(FILE, "expectation", fields={"Expect": "the-unexpected"})


@pytest.mark.h1_only
class TestContent:
    BODY = b'{"uid": "c", "path": "/a/b.m3u8", "clientIp": "10.0.0.1", "UserAgent": "x"}'
    KEY = {"Authorization": "Bearer key-of-an-operator"}

    @pytest.mark.parametrize("size", [1, 7, 1000])
    def test_chunked(self, viewer, size):
        pieces = [self.BODY[i:i + size] for i in range(0, len(self.BODY), size)]
        with viewer.connect() as c:
            c.request("POST", "/api/whitelist", self.KEY | {"Transfer-Encoding": "chunked"})
            for piece in pieces:
                c.send(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece))
            c.send(b"0\r\nTrailer: x\r\n\r\n")
            assert c.read().status == 200
            c.request("GET", FILE)
            assert c.read().body == CONTENT

    def test_limit_of_64_kibibytes(self, viewer):
        for fields in ({"Content-Length": str((64 << 10) + 1)}, {"Content-Length": str(1 << 40)}):
            with viewer.connect() as c:
                c.request("POST", "/api/whitelist", self.KEY | fields)
                response = c.read()
                assert response.status == 413 and response.is_closed and c.is_closed_by_peer()

    def test_limit_holds_for_chunks_too(self, viewer):
        with viewer.connect() as c:
            c.request("POST", "/api/whitelist", self.KEY | {"Transfer-Encoding": "chunked"})
            try:
                for _ in range(80):
                    c.send(b"400\r\n" + b"x" * 0x400 + b"\r\n")
            except OSError:
                pass
            assert c.read().status == 413


@pytest.mark.h1_only
class TestLimits:
    def test_head_of_16_kibibytes(self, viewer):
        assert exchange(viewer, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (16 << 10) + b"\r\n\r\n").status == 431

    def test_just_under_it_is_fine(self, viewer):
        request = f"GET {FILE} HTTP/1.1\r\nHost: x\r\nX: ".encode()
        assert exchange(viewer, request + b"a" * ((15 << 10) - len(request)) + b"\r\n\r\n").status == 200

    def test_hundred_fields(self, viewer):
        def with_fields(n):
            return (f"GET {FILE} HTTP/1.1\r\nHost: x\r\n" + "A: b\r\n" * (n - 1) + "\r\n").encode()

        assert exchange(viewer, with_fields(100)).status == 200
        assert exchange(viewer, with_fields(101)).status == 431

    def test_target_too_long(self, viewer):
        assert exchange(viewer, b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n").status in (414, 431)


# Each must be 400 (or as said) and the connection closed: where the next request begins cannot be trusted.
HOSTILE = {
    "two lengths": b"POST /api/whitelist HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "one length twice": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "list of lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello",
    "negative length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "plus in a length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
    "hex length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello",
    "length of 20 digits": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "length and chunked": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "unknown coding": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding list": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in 1.0": b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare CR in a field": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\nHost: x\n\n",
    "bare LF after a field": b"GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
    "obs-fold": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost: x\r\nX : a\r\n\r\n",
    "space before the first field": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "NUL in a field": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
    "control character in a field": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x01b\r\n\r\n",
    "no field name": b"GET / HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "absolute form, other host": b"GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "authority form": b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "space in the target": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "raw byte over 0x7f in the target": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in the target": b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "no method": b" / HTTP/1.1\r\nHost: x\r\n\r\n",
    "unknown method": b"FROBNICATE / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50,
    "chunk size not hex": b"POST /api/whitelist HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-of-an-operator\r\n"
                          b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "chunk size overflow": b"POST /api/whitelist HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-of-an-operator\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
}


@pytest.mark.h1_only
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_head(viewer, name):
    with viewer.connect() as c:
        c.send(HOSTILE[name] + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        response = c.read()
        assert 400 <= response.status < 500 or response.status == 501, response.status
        assert response.status in (400, 405, 501) or name == "length of 20 digits"
        assert response.is_closed and c.is_closed_by_peer()


@pytest.mark.h1_only
@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/3.0", "HTTP/0.9"])
def test_other_versions(viewer, version):
    response = exchange(viewer, f"GET / {version}\r\nHost: x\r\n\r\n".encode())
    assert response.status in (400, 505) and response.is_closed


@pytest.mark.h1_only
def test_absolute_form_of_this_host(viewer):
    response = exchange(viewer, f"GET http://gate.test{FILE} HTTP/1.1\r\nHost: gate.test\r\n\r\n".encode())
    assert response.status == 200 and response.body == CONTENT


def test_types(make_gate, streams):
    gate = make_gate(access={"fixed_whitelist": ["127.0.1.0/24"]})
    types = {"a.m3u8": "application/vnd.apple.mpegurl", "a.ts": "video/mp2t", "a.m4s": "video/iso.segment",
             "a.mp4": "video/mp4", "a.vtt": "text/vtt", "a.aac": "audio/aac", "a.jpg": "image/jpeg",
             "a.js": "text/javascript", "a.unknown": "application/octet-stream"}
    for name, kind in types.items():
        streams.write(f"/t/{name}", b"#EXTM3U\n")
        assert gate.viewer(ip=HOME).gets(f"/t/{name}")["Content-Type"].split(";")[0] == kind


def test_unix_socket_is_not_needed_for_both_families(viewer):
    for host in ("127.0.0.1", "::1"):
        with viewer.gate.connect(host=host) as c:
            c.request("GET", FILE)
            assert c.read().body == CONTENT


def test_cache_control_by_class(gate):
    v = gate.admitted()
    assert v.gets(sign(FILE))["Cache-Control"] == "public, max-age=300"
