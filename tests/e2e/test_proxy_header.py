"""The PROXY protocol, versions 1 and 2, byte by byte, in front of HTTP and of TLS; and listeners of every kind at once."""
import socket
import struct

import pytest

from support import h2, http, proto
from support.gate import ELSEWHERE, HOME, Gate, running
from support.ports import free_port
from support.signing import sign
from support.streams import Streams, bytes_of
from support.wait import until

pytestmark = pytest.mark.once

SEGMENT = "/v/2026-01-02/movie1/hd/s0.ts"
CONTENT = bytes_of("movie1.hd.0", 20_000)
FRIEND, FRIEND_6 = "203.0.113.9", "2001:db8::9"  # whom the daemon lets in
V2 = b"\r\n\r\n\0\r\nQUIT\n"


def v1(source, family="TCP4", destination=None):
    destination = destination or ("::1" if family == "TCP6" else "192.0.2.1")
    return f"PROXY {family} {source} {destination} 56324 443\r\n".encode()


def v2(source=None, command=1, family=None, extra=b""):
    """RFC-like text of haproxy.org, 2.2. Without a source: LOCAL or AF_UNSPEC."""
    if source is None:
        block, family = b"", family or 0
    else:
        kind = socket.AF_INET6 if ":" in source else socket.AF_INET
        to = "::1" if ":" in source else "192.0.2.1"
        block = socket.inet_pton(kind, source) + socket.inet_pton(kind, to) + struct.pack(">HH", 56324, 443)
        family = family or (0x21 if ":" in source else 0x11)
    return V2 + struct.pack(">BBH", 0x20 | command, family, len(block + extra)) + block + extra


def tlv(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


@pytest.fixture(scope="module")
def gate(tmp_path_factory, authority):
    """Listeners: `port` (HTTP/1.1, plain, for the API), `plain` and `sealed` behind PROXY, all believed from HOME's network."""
    home = tmp_path_factory.mktemp("proxy")
    gate = Gate(home, Streams(home / "streams"), proto.Protocol("h1", authority), trusted_proxies=["127.0.1.0/24", "::1"],
                access={"fixed_whitelist": [FRIEND, FRIEND_6]}, workers=1)
    gate.plain, gate.sealed = free_port(), free_port()
    tls = proto.Protocol("h1+tls", authority).listener(f"[::]:{gate.sealed}")
    gate.config["listen"] += [{"address": f"[::]:{gate.plain}", "proxy_protocol": True}, tls | {"proxy_protocol": True}]
    gate.write_config()
    with running(gate):
        gate.streams.movie()
        yield gate


REQUEST = f"GET {SEGMENT} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


def ask(gate, header, source=HOME, request=REQUEST, pieces=None):
    """The status of a request behind these bytes."""
    with http.Connection(gate.plain, source) as c:
        for piece in pieces or [header + request]:
            c.send(piece)
        return c.read().status


BELIEVED = {
    "version 1": (v1(FRIEND), 200),
    "version 1, IPv6": (v1(FRIEND_6, "TCP6"), 200),
    "version 1, another client": (v1("203.0.113.10"), 403),
    "version 1, unknown": (b"PROXY UNKNOWN\r\n", 403),
    "version 1, unknown, with addresses": (b"PROXY UNKNOWN 203.0.113.9 192.0.2.1 1 2\r\n", 403),
    "version 2": (v2(FRIEND), 200),
    "version 2, IPv6": (v2(FRIEND_6), 200),
    "version 2, IPv4 in IPv6": (v2(f"::ffff:{FRIEND}"), 200),
    "version 2, another client": (v2("203.0.113.10"), 403),
    "version 2, local": (v2(command=0), 403),
    "version 2, local, with addresses": (v2(FRIEND, command=0), 403),
    "version 2, no family": (v2(), 403),
    "version 2, with more": (v2(FRIEND, extra=tlv(0x02, b"name.test") + tlv(0xe0, b"x" * 100)), 200),
    "version 2, datagrams": (v2(FRIEND, family=0x12), None),
}


@pytest.mark.parametrize("row", BELIEVED)
def test_believed_from_a_trusted_proxy(gate, row):
    header, status = BELIEVED[row]
    if status is None:  # refused or taken for what it is: no client over TCP has come
        with http.Connection(gate.plain, HOME) as c:
            c.send(header + REQUEST)
            assert c.read_until_broken() == b"" if not is_answered(c) else True
        return
    assert ask(gate, header) == status


def is_answered(c):
    try:
        c.read_head()
        return True
    except (http.Closed, ConnectionResetError):
        return False


@pytest.mark.parametrize("header", [v1(FRIEND), v2(FRIEND)], ids=["version 1", "version 2"])
class TestTransport:
    def test_not_believed_from_anybody_else(self, gate, header):
        assert ask(gate, header, source=ELSEWHERE) == 403

    def test_byte_by_byte(self, gate, header):
        bytes_ = header + REQUEST
        assert ask(gate, header, pieces=[bytes_[i:i + 1] for i in range(len(bytes_))]) == 200

    def test_holds_for_the_whole_connection(self, gate, header):
        with http.Connection(gate.plain, HOME) as c:
            c.send(header)
            for _ in range(3):
                c.request("GET", SEGMENT)
                assert c.read().body == CONTENT

    def test_in_front_of_tls(self, gate, header, authority):
        for alpn, client in (("http/1.1", http.Connection), ("h2", h2.Connection)):
            context = authority.client(alpn)
            with client(gate.sealed, HOME, tls=context, first=header) as c:
                c.request("GET", SEGMENT)
                assert c.read().body == CONTENT

    def test_in_front_of_http_2_in_the_clear(self, gate, header):
        with h2.Connection(gate.plain, HOME, first=header) as c:
            c.request("GET", SEGMENT)
            assert c.read().body == CONTENT

    def test_and_what_proxies_say_in_fields_comes_on_top(self, gate, header):
        """Only who is trusted may speak for others: the client that the header names is not."""
        request = REQUEST.replace(b"Host", b"X-Forwarded-For: 192.0.2.77\r\nHost")
        assert ask(gate, header, request=request) == 200

    def test_twice_is_none_of_it(self, gate, header):
        with http.Connection(gate.plain, HOME) as c:
            c.send(header + header + REQUEST)
            try:
                assert c.read().status in (400, 505)
            except (http.Closed, ConnectionResetError):
                pass


MALFORMED = {
    "none": REQUEST,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100,
    "lower case": v1(FRIEND).lower(),
    "two spaces": v1(FRIEND).replace(b"TCP4 ", b"TCP4  "),
    "bare LF": v1(FRIEND).replace(b"\r\n", b"\n"),
    "no address": b"PROXY TCP4 host.test 192.0.2.1 1 2\r\n",
    "octal address": v1("203.0.113.09"),
    "wrong family": v1(FRIEND_6),
    "port of six digits": v1(FRIEND).replace(b"56324", b"563240"),
    "port with a sign": v1(FRIEND).replace(b"56324", b"+5632"),
    "port with a zero in front": v1(FRIEND).replace(b"56324", b"05632"),
    "no ports": b"PROXY TCP4 203.0.113.9 192.0.2.1\r\n",
    "one port": b"PROXY TCP4 203.0.113.9 192.0.2.1 1\r\n",
    "more behind": v1(FRIEND).replace(b"\r\n", b" x\r\n"),
    "longer than 107": b"PROXY UNKNOWN " + b"x" * 100 + b"\r\n",
    "NUL": v1(FRIEND).replace(b"TCP4", b"TCP\0"),
    "another family": v1(FRIEND, "UDP4"),
    "version 3": V2 + b"\x31\x11\0\x0c" + v2(FRIEND)[16:],
    "unknown command": v2(FRIEND, command=2),
    "unknown family": v2(FRIEND, family=0x41),
    "shorter than its addresses": V2 + b"\x21\x11\0\x08" + v2(FRIEND)[16:24],
    "signature alone, then HTTP": V2 + REQUEST,
    "longer than is taken": v2(FRIEND, extra=tlv(0xe0, b"x" * 4000)),
    "more that does not add up": v2(FRIEND, extra=b"\xe0\xff\xffx"),
}


@pytest.mark.parametrize("row", MALFORMED)
def test_malformed_is_closed_and_counted(gate, row):
    before = gate.counters()["proxy_headers_bad"]
    with http.Connection(gate.plain, HOME) as c:
        c.send(MALFORMED[row] + (REQUEST if row != "none" else b""))
        try:
            assert c.read_to_end() == b""
        except ConnectionResetError:
            pass
    assert gate.counters()["proxy_headers_bad"] == before + 1


@pytest.mark.parametrize("beginning", [b"", b"PROXY TCP4 203", v2(FRIEND)[:14], v2(FRIEND)[:20]],
                         ids=["nothing", "half of version 1", "half of version 2", "half of its addresses"])
def test_has_its_time(make_gate, authority, beginning):
    gate = make_gate(start=False, protocol=proto.Protocol("h1", authority), http={"handshake_timeout": "300ms"})
    port = free_port()
    gate.config["listen"].append({"address": f"[::]:{port}", "proxy_protocol": True})
    gate.write_config()
    gate.start()
    with http.Connection(port, HOME) as c:
        c.send(beginning)
        try:
            assert c.read_to_end() == b""
        except ConnectionResetError:
            pass
    assert gate.counters()["handshake_timeouts"] == 1


def test_not_where_it_is_not_expected(gate):
    with http.Connection(gate.port, HOME) as c:
        c.send(v1(FRIEND) + REQUEST)
        assert c.read().status == 400


def test_who_says_that_the_client_came_over_tls(gate):
    """PP2_TYPE_SSL of a proxy that is trusted: the cookie is Secure then."""
    gate.grant(gate.viewer(ip="203.0.113.20", ua="x"))
    ssl_tlv = tlv(0x20, b"\x01" + struct.pack(">I", 0) + tlv(0x21, b"TLSv1.3"))
    for extra, is_secure in ((ssl_tlv, True), (b"", False)):
        with http.Connection(gate.plain, HOME) as c:
            c.send(v2("203.0.113.20", extra=extra))
            c.request("GET", sign("/v/2026-01-02/movie1/master.m3u8", ttl=3600 + is_secure), {"User-Agent": "x"})
            response = c.read()
            assert response.status == 200
            cookies = response.all("Set-Cookie")
            assert [("; Secure" in cookie) == is_secure for cookie in cookies] == [True] * len(cookies)


def test_listeners_of_every_kind_at_once(make_gate, authority, tmp_path):
    """Plain and sealed, with HTTP/2 and without, IPv4 and IPv6, a socket, PROXY, redirection: each keeps its own settings."""
    gate = make_gate(start=False, protocol=proto.Protocol("h1", authority), access={"policy": {"segment": []}})
    ports = [free_port() for _ in range(5)]
    sealed = proto.Protocol("h1+tls", authority).listener
    gate.config["listen"] += [
        sealed(f"127.0.0.1:{ports[0]}"), sealed(f"[::1]:{ports[1]}") | {"http2": False}, {"address": f"127.0.0.1:{ports[2]}", "proxy_protocol": True},
        {"address": f"127.0.0.1:{ports[3]}", "redirect": "https"}, {"address": f"127.0.0.1:{ports[4]}", "http2": False},
        {"address": f"unix:{tmp_path}/s"}]
    gate.write_config()
    gate.start()
    gate.streams.movie()
    tls, tls_h2 = authority.client("http/1.1"), authority.client("h2")
    assert http.fetch(gate.port, "GET", SEGMENT).body == h2.fetch(gate.port, "GET", SEGMENT).body == CONTENT
    assert http.fetch(ports[0], "GET", SEGMENT, tls=tls).body == h2.fetch(ports[0], "GET", SEGMENT, tls=tls_h2).body == CONTENT
    assert http.fetch(ports[1], "GET", SEGMENT, tls=tls, host="::1").body == CONTENT
    with http.Connection(ports[1], host="::1", tls=authority.client("h2", "http/1.1")) as c:
        assert c.sock.selected_alpn_protocol() == "http/1.1"
    with http.Connection(ports[2], first=v1(FRIEND)) as c:
        c.request("GET", SEGMENT)
        assert c.read().body == CONTENT
    assert http.fetch(ports[3], "GET", SEGMENT).status == 301
    assert http.fetch(ports[4], "GET", SEGMENT).body == CONTENT
    assert http.fetch(None, "GET", SEGMENT, path=tmp_path / "s").body == CONTENT
    until(lambda: gate.counters()["handshakes"] == 4, "counted")
