"""TLS: versions, ALPN, certificates by name, resumption, reload, redirection, and those who speak something else."""
import os
import re
import socket
import ssl
import subprocess
import time

import pytest

from support import frames as f
from support import h2, http, proto
from support.gate import HOME, Gate, run, running
from support.ports import free_port
from support.signing import sign
from support.streams import Streams, bytes_of
from support.wait import until

pytestmark = pytest.mark.once

SEGMENT = "/v/2026-01-02/movie1/hd/s0.ts"
MASTER = "/v/2026-01-02/movie1/master.m3u8"
CONTENT = bytes_of("movie1.hd.0", 20_000)
BIG, BIG_SIZE = "/v/2026-01-02/movie1/big.ts", 8 << 20
OPEN = {"policy": {"segment": []}}


@pytest.fixture
def tls_gate(make_gate, authority):
    """A daemon that speaks TLS; the viewers of the harness speak HTTP/1.1 to it. `tls`: changes to its section."""
    def make(tls=None, start=True, name="h1+tls", listen=None, **config):
        gate = make_gate(start=False, protocol=proto.Protocol(name, authority), **{"access": OPEN, **config})
        gate.config["listen"][0]["tls"] |= tls or {}
        gate.config["listen"][0] |= listen or {}
        gate.write_config()
        gate.streams.movie()
        return gate.start() if start else gate

    return make


@pytest.fixture
def s_client(authority):
    return lambda gate, *options, **more: openssl_client(authority, gate, *options, **more)


def openssl_client(authority, gate, *options, commands=False, request=b"GET /health HTTP/1.1\r\nHost: gate.test\r\nConnection: close\r\n\r\n"):
    """What the openssl tool sees and says: its output. It fails no test by itself."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gate.port}", "-servername", http.NAME, "-CAfile",
                           str(authority.file), *([] if commands else ["-ign_eof"]), *map(str, options)], input=request, capture_output=True, timeout=30)
    return done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")


def context(authority, alpn=(), version=None, ciphers=None):
    """A client that may be changed."""
    c = ssl.create_default_context(cafile=authority.file)
    if alpn:
        c.set_alpn_protocols(list(alpn))
    if version:
        c.minimum_version = c.maximum_version = version
    if ciphers:
        c.set_ciphers(ciphers)
    return c


def shake(gate, client, name=http.NAME):
    """A socket after its handshake."""
    sock = socket.create_connection(("127.0.0.1", gate.port), timeout=10)
    return client.wrap_socket(sock, server_hostname=name)


def fetch(gate, client, target=SEGMENT):
    return http.fetch(gate.port, "GET", target, tls=client)


class TestAlpn:
    @pytest.mark.parametrize("offer, chosen", [(["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"), (["http/1.1"], "http/1.1"),
                                               (["h2"], "h2"), ([], None), (["spdy/3", "http/1.1"], "http/1.1")])
    def test_server_prefers_h2(self, tls_gate, authority, offer, chosen):
        with shake(tls_gate(), context(authority, offer)) as s:
            assert s.selected_alpn_protocol() == chosen

    def test_h2_that_is_off(self, tls_gate, authority):
        gate = tls_gate(listen={"http2": False})
        with shake(gate, context(authority, ["h2", "http/1.1"])) as s:
            assert s.selected_alpn_protocol() == "http/1.1"

    def test_nothing_in_common(self, tls_gate, authority):
        """RFC 7301 3.2: a fatal alert; or, without a choice, HTTP/1.1 as if nothing had been offered."""
        gate = tls_gate()
        try:
            with shake(gate, context(authority, ["imap"])) as s:
                assert s.selected_alpn_protocol() is None
        except ssl.SSLError as error:
            assert "no application protocol" in str(error)

    def test_preface_where_http_1_1_was_agreed_on(self, tls_gate, authority):
        gate = tls_gate()
        with shake(gate, context(authority, ["http/1.1"])) as s:
            s.sendall(f.PREFACE + f.frame(f.SETTINGS, 0, 0))
            assert s.recv(1000).startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 505 "))

    def test_http_1_1_where_h2_was_agreed_on(self, tls_gate, authority):
        gate = tls_gate()
        with f.Client(gate.port, HOME, preface=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", tls=context(authority, ["h2"])) as c:
            assert c.error() == f.PROTOCOL_ERROR


class TestVersions:
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_spoken(self, tls_gate, authority, version):
        gate = tls_gate()
        assert fetch(gate, context(authority, version=version)).body == CONTENT
        assert h2.fetch(gate.port, "GET", SEGMENT, tls=context(authority, ["h2"], version)).body == CONTENT

    @pytest.mark.parametrize("option", ["-tls1", "-tls1_1"])
    def test_old_ones_are_refused(self, tls_gate, s_client, option):
        gate = tls_gate()
        output = s_client(gate, option, "-cipher", "ALL:@SECLEVEL=0")
        assert "HTTP/1.1" not in output and re.search("alert protocol version|unsupported protocol|no protocols", output)
        until(lambda: gate.counters()["handshake_failures"] == 1, "counted")

    def test_minimum_is_configured(self, tls_gate, authority):
        gate = tls_gate({"min_version": "1.3"})
        assert fetch(gate, context(authority)).body == CONTENT
        with pytest.raises((ssl.SSLError, http.Closed), match="(?i)version|handshake"):
            fetch(gate, context(authority, version=ssl.TLSVersion.TLSv1_2))

    @pytest.mark.parametrize("ciphers", ["AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA256", "NULL:@SECLEVEL=0",
                                         "DHE-RSA-AES128-GCM-SHA256"])
    def test_weak_ciphers_are_refused(self, tls_gate, s_client, ciphers):
        output = s_client(tls_gate(), "-tls1_2", "-cipher", ciphers)
        assert "HTTP/1.1" not in output and "handshake failure" in output

    def test_ciphers_are_configured(self, tls_gate, authority):
        gate = tls_gate({"ciphers": "ECDHE-ECDSA-CHACHA20-POLY1305"})
        with shake(gate, context(authority, version=ssl.TLSVersion.TLSv1_2)) as s:
            assert s.cipher()[0] == "ECDHE-ECDSA-CHACHA20-POLY1305"

    def test_renegotiation_is_refused(self, tls_gate, s_client):
        output = s_client(tls_gate(), "-tls1_2", commands=True, request=b"R\n")
        assert "RENEGOTIATING" in output and "no renegotiation" in output


class TestCertificates:
    NAMES = {"ec": ("ec", "DNS:a.test", "DNS:*.w.test"), "rsa": ("rsa", "DNS:b.test")}

    @pytest.fixture
    def gate(self, tls_gate, authority):
        more = [authority.certificate(*names, kind=kind) for kind, *names in self.NAMES.values()]
        more.append(authority.certificate(*proto.NAMES_OF_THE_GATE, kind="rsa"))  # beside the EC one of the same names
        return tls_gate({"certificates": [{"certificate": str(c), "key": str(k)} for c, k in more]})

    def seen_by(self, gate, authority, name, **options):
        client = context(authority, **options)
        client.check_hostname = False
        with shake(gate, client, name) as s:
            return {value for _, value in s.getpeercert()["subjectAltName"]}

    @pytest.mark.parametrize("name, other", [("a.test", "*.w.test"), ("x.w.test", "a.test"), ("b.test", "b.test"), ("A.TEST", "a.test"),
                                             (http.NAME, "127.0.0.1"), ("unknown.test", http.NAME), ("x.y.w.test", http.NAME),
                                             ("w.test", http.NAME), (None, http.NAME)])
    def test_by_name(self, gate, authority, name, other):
        assert other in self.seen_by(gate, authority, name)

    @pytest.mark.parametrize("ciphers", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"])
    def test_ec_and_rsa_side_by_side(self, gate, authority, ciphers):
        client = context(authority, version=ssl.TLSVersion.TLSv1_2, ciphers=ciphers)
        with shake(gate, client) as s:
            assert s.cipher()[0] == ciphers

    @pytest.mark.multiworker
    def test_reload_without_dropping_anybody(self, tls_gate, authority):
        gate = tls_gate()
        gate.streams.write(BIG, bytes_of("big", BIG_SIZE))
        clients = [gate.connect(receive_buffer=16 << 10), h2.Connection(gate.port, HOME, tls=context(authority, ["h2"]))]
        for c in clients:
            c.request("GET", BIG)
            assert c.read_head().status == 200
        new = authority.certificate(*proto.NAMES_OF_THE_GATE, "DNS:new.test")
        tls = dict(zip(("certificate", "key"), map(str, new)))
        gate.reload(listen=[gate.config["listen"][0] | {"tls": tls}])
        until(lambda: "new.test" in self.seen_by(gate, authority, http.NAME), "the new certificate")
        for c in clients:
            with c:
                assert c.read_content(BIG_SIZE) == bytes_of("big", BIG_SIZE)
                c.request("GET", SEGMENT)  # and it goes on
                assert c.read().body == CONTENT

    def test_reload_reads_the_same_files_again(self, tls_gate, authority, tmp_path):
        """As certbot leaves them: other content at the same place."""
        cert, key = tmp_path / "live.pem", tmp_path / "live.key"

        def put(pair):
            for source, target in zip(pair, (cert, key)):
                target.write_bytes(source.read_bytes())

        put(authority.certificate(*proto.NAMES_OF_THE_GATE))
        gate = tls_gate({"certificate": str(cert), "key": str(key)})
        put(authority.certificate(*proto.NAMES_OF_THE_GATE, "DNS:renewed.test"))
        gate.reload()
        until(lambda: "renewed.test" in self.seen_by(gate, authority, http.NAME), "the new certificate")

    def test_reload_with_a_bad_one_changes_nothing(self, tls_gate, authority, tmp_path):
        gate = tls_gate()
        bad = tmp_path / "bad.pem"
        bad.write_text("no certificate")
        gate.reload(listen=[gate.config["listen"][0] | {"tls": {"certificate": str(bad), "key": str(bad)}}])
        assert "bad.pem" in gate.log and "stays in force" in gate.log
        assert http.NAME in self.seen_by(gate, authority, http.NAME)


class TestResumption:
    @pytest.mark.multiworker
    @pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
    def test_across_workers(self, tls_gate, s_client, tmp_path, version):
        """Whichever worker accepts: the keys of the tickets are one set."""
        gate = tls_gate(workers=4)
        ticket = tmp_path / "ticket.pem"
        assert "New, " in s_client(gate, version, "-sess_out", ticket)
        for _ in range(8):
            assert "Reused, " in s_client(gate, version, "-sess_in", ticket)
        assert gate.counters()["handshakes_resumed"] == 8

    @pytest.mark.multiworker
    def test_over_a_reload(self, tls_gate, s_client, tmp_path):
        gate = tls_gate()
        ticket = tmp_path / "ticket.pem"
        s_client(gate, "-sess_out", ticket)
        gate.reload()
        assert "Reused, " in s_client(gate, "-sess_in", ticket)

    def test_not_with_a_strangers_ticket(self, tls_gate, s_client, tmp_path):
        ticket = tmp_path / "ticket.pem"
        s_client(tls_gate(), "-sess_out", ticket)
        other = tls_gate(folder="other")
        output = s_client(other, "-sess_in", ticket)
        assert "New, " in output and "HTTP/1.1 200" in output

    def test_no_early_data(self, tls_gate, s_client, tmp_path):
        """It could be replayed."""
        gate = tls_gate()
        ticket, early = tmp_path / "ticket.pem", tmp_path / "early"
        early.write_bytes(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert "Max Early Data: 0" in s_client(gate, "-sess_out", ticket)
        assert "Early data was accepted" not in s_client(gate, "-sess_in", ticket, "-early_data", early)


OTHER_WORDS = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/2 in the clear": f.PREFACE + f.frame(f.SETTINGS, 0, 0),
    "garbage": b"\xff" * 300,
    "zeros": b"\0" * 300,
    "SSL 2": b"\x80\x2e\x01\x00\x02" + b"\0" * 43,
    "a record of 64 KiB": b"\x16\x03\x01\xff\xff" + b"\0" * 300,
    "an empty record": b"\x16\x03\x01\x00\x00" * 50,
    "an alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "a hello of nonsense": b"\x16\x03\x01\x00\x40\x01\x00\x00\x3c\x03\x03" + b"\xaa" * 59,
}


class TestStrangers:
    @pytest.mark.parametrize("row", OTHER_WORDS)
    def test_other_words(self, tls_gate, row):
        """Closed, counted, and not a byte of HTTP in the clear."""
        gate = tls_gate()
        with http.Connection(gate.port, HOME) as c:
            c.send(OTHER_WORDS[row])
            c.sock.shutdown(socket.SHUT_WR)
            try:
                assert b"HTTP" not in c.read_to_end()
            except ConnectionResetError:
                pass
        until(lambda: gate.counters()["handshake_failures"] == 1, "counted")
        assert gate.viewer().gets(SEGMENT).body == CONTENT

    @pytest.mark.parametrize("hello", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"], ids=["nothing", "a byte", "half a hello"])
    def test_handshake_has_its_time(self, tls_gate, hello):
        gate = tls_gate(http={"handshake_timeout": "300ms"})
        with http.Connection(gate.port, HOME) as c:
            c.send(hello)
            try:
                c.read_to_end()
            except ConnectionResetError:
                pass
        assert gate.counters()["handshake_timeouts"] == 1

    def test_byte_by_byte_does_not_put_it_off(self, tls_gate):
        gate = tls_gate(http={"handshake_timeout": "500ms"})
        with http.Connection(gate.port, HOME) as c:
            hello = b"\x16\x03\x01\x20\x00" + b"\x01\x00\x1f\xfc" + b"\0" * 400
            http.drip(c, [hello[i:i + 1] for i in range(len(hello))])
        until(lambda: gate.counters()["handshake_timeouts"] + gate.counters()["handshake_failures"] == 1, "counted")

    def test_honest_hello_byte_by_byte(self, tls_gate, authority):
        """A slow line, but in time."""
        gate = tls_gate()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context(authority).wrap_bio(incoming, outgoing, server_hostname=http.NAME)
        with socket.create_connection(("127.0.0.1", gate.port), timeout=10) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    for byte in outgoing.read():
                        s.sendall(bytes([byte]))
                    incoming.write(s.recv(65536))
            assert tls.version() == "TLSv1.3"

    @pytest.mark.multiworker
    def test_many_who_vanish(self, tls_gate):
        gate = tls_gate()
        for i in range(100):
            s = socket.create_connection(("127.0.0.1", gate.port), timeout=10)
            s.sendall(b"\x16\x03\x01\x02\x00\x01"[:i % 7])
            s.close()
        gate.wait_all_given_back()

    def test_forged_record_behind_good_ones(self, tls_gate, authority):
        """The kernel shows nothing more of it: who waits for that waits for ever, or turns in circles."""
        gate = tls_gate(name="h2+tls")
        with f.Client(gate.port, HOME, tls=authority.client("h2")) as c:
            c.wait(f.SETTINGS, flags=f.ACK)
            c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)  # all of it in one piece
            c.send(f.window_update(0, 1000))  # asks for no answer
            os.write(c.sock.fileno(), b"\x17\x03\x03\0\x20" + b"f" * 32)
            c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
            gate.wait_gauge("connections", 1)

    def test_do_not_hold_up_the_others(self, tls_gate):
        gate = tls_gate(workers=1)
        held = [socket.create_connection(("127.0.0.1", gate.port), timeout=10) for _ in range(50)]
        for s in held:
            s.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert gate.viewer().gets(SEGMENT).body == CONTENT
        for s in held:
            s.close()

    def test_tells_that_it_is_over(self, tls_gate, authority):
        """close_notify: no one in between could have cut it off."""
        gate = tls_gate()
        sock = socket.create_connection(("127.0.0.1", gate.port), timeout=10)
        with context(authority).wrap_socket(sock, server_hostname=http.NAME, suppress_ragged_eofs=False) as s:
            s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            while s.recv(1000):  # SSLEOFError if it were not said
                pass

    def test_viewer_leaves_in_the_middle(self, tls_gate, authority):
        gate = tls_gate()
        gate.streams.write(BIG, bytes_of("big", BIG_SIZE))
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with http.Connection(gate.port, tls=context(authority, version=version), receive_buffer=16 << 10) as c:
                c.request("GET", BIG)
                assert c.read_head().status == 200
        until(lambda: gate.count_of("client_left") == 2, "both are noticed")
        gate.wait_all_given_back()


class TestSecurity:
    def test_hsts(self, tls_gate, authority):
        gate = tls_gate({"hsts": "365d"})
        assert fetch(gate, context(authority))["Strict-Transport-Security"] == "max-age=31536000"
        assert fetch(gate, context(authority), "/v/none.ts")["Strict-Transport-Security"] == "max-age=31536000"
        response = h2.fetch(gate.port, "GET", SEGMENT, tls=context(authority, ["h2"]))
        assert response["Strict-Transport-Security"] == "max-age=31536000"

    def test_no_hsts_unless_asked_for(self, tls_gate, authority):
        assert not fetch(tls_gate(), context(authority)).all("Strict-Transport-Security")

    @pytest.mark.parametrize("name, is_secure", [("h1", False), ("h2c", False), ("h1+tls", True), ("h2+tls", True)])
    def test_cookie_is_for_tls_alone_where_it_came_over_tls(self, make_gate, authority, name, is_secure):
        gate = make_gate(protocol=proto.Protocol(name, authority))
        cookie = gate.admitted().gets(sign(MASTER))["Set-Cookie"]
        assert ("; Secure" in cookie) == is_secure


class TestRedirect:
    @pytest.fixture(scope="class")
    def gate(self, tmp_path_factory, authority):
        home = tmp_path_factory.mktemp("redirect")
        gate = Gate(home, Streams(home / "streams"), proto.Protocol("h1+tls", authority), access=OPEN)
        gate.plain, gate.elsewhere = free_port(), free_port()
        gate.config["listen"] += [{"address": f"[::]:{gate.plain}", "redirect": "https"},
                                  {"address": f"[::]:{gate.elsewhere}", "redirect": "https://www.example.com:8443"}]
        gate.write_config()
        with running(gate):
            yield gate

    @pytest.mark.parametrize("method, status", [("GET", 301), ("HEAD", 301), ("POST", 308), ("DELETE", 308)])
    def test_status_keeps_the_method(self, gate, method, status):
        response = http.fetch(gate.plain, method, "/a/b.m3u8?x=1&y=%20", {"Host": "video.test"})
        assert response.status == status and response["Location"] == "https://video.test/a/b.m3u8?x=1&y=%20"

    @pytest.mark.parametrize("host, location", [("video.test:8080", "https://video.test/a"), ("127.0.0.1:80", "https://127.0.0.1/a"),
                                                ("[::1]:80", "https://[::1]/a"), ("[::1]", "https://[::1]/a")])
    def test_port_of_the_host_is_left_out(self, gate, host, location):
        assert http.fetch(gate.plain, "GET", "/a", {"Host": host})["Location"] == location

    def test_base(self, gate):
        response = http.fetch(gate.elsewhere, "GET", "/a?b", {"Host": "video.test"})
        assert response.status == 301 and response["Location"] == "https://www.example.com:8443/a?b"

    def test_over_http_2_as_well(self, gate):
        response = h2.fetch(gate.plain, "GET", "/a", {"Host": "video.test"})
        assert response.status == 301 and response["Location"] == "https://video.test/a"

    def test_nothing_else_is_served(self, gate):
        gate.streams.movie()
        for target in (SEGMENT, "/health", "/stats", "/api/whitelist"):
            assert http.fetch(gate.plain, "GET", target, {"Authorization": "Bearer key-of-an-admin"}).status == 301

    @pytest.mark.parametrize("host", ["a b", "a/b", "u:p@a", "a\tb", "a\"b"])
    def test_odd_hosts_lead_nowhere(self, gate, host):
        with http.Connection(gate.plain, HOME) as c:
            c.request("GET", "/a", {"Host": host})
            assert c.read().status == 400


MISTAKES = {
    "no such certificate": ({"certificate": "{tmp}/none.pem"}, "none.pem"),
    "no such key": ({"key": "{tmp}/none.key"}, "none.key"),
    "no certificate at all": ({"certificate": ""}, "certificate"),
    "no key": ({"key": ""}, "key"),
    "rubbish for a certificate": ({"certificate": "{rubbish}"}, "rubbish"),
    "rubbish for a key": ({"key": "{rubbish}"}, "rubbish"),
    "another one's key": ({"key": "{other_key}"}, "key"),
    "expired": ({"certificate": "{old}", "key": "{old_key}"}, "expired"),
    "weak": ({"certificate": "{weak}", "key": "{weak_key}"}, "weak"),
    "unknown version": ({"min_version": "1.1"}, "min_version"),
    "unknown ciphers": ({"ciphers": "NONE-SUCH"}, "cipher"),
    "unknown key of the section": ({"certifcate": "x"}, "certifcate"),
    "mistake in one more": ({"certificates": [{"certificate": "{tmp}/more.pem", "key": "{tmp}/more.key"}]}, "more.pem"),
}


@pytest.mark.parametrize("row", MISTAKES)
def test_mistakes_are_named(tls_gate, authority, tmp_path, row):
    (tmp_path / "rubbish").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    names = {"tmp": tmp_path, "rubbish": tmp_path / "rubbish", "other_key": authority.certificate("DNS:other.test")[1]}
    names["old"], names["old_key"] = authority.expired("DNS:old.test")
    names["weak"], names["weak_key"] = authority.certificate("DNS:weak.test", kind="weak")
    changes, word = MISTAKES[row]
    gate = tls_gate(filled(changes, names), start=False)
    done = run("check", "-c", gate.config_file, check=False)
    assert done.returncode == 1 and word in done.stderr and "listen[0]" in done.stderr, done.stderr


def filled(value, names):
    if isinstance(value, dict):
        return {k: filled(v, names) for k, v in value.items()}
    return [filled(v, names) for v in value] if isinstance(value, list) else value.format(**names)


def test_good_ones_pass_the_check(tls_gate):
    run("check", "-c", tls_gate(start=False).config_file)


def test_unix_socket(tls_gate, authority, tmp_path):
    gate = tls_gate(start=False)
    gate.config["listen"].append({**gate.config["listen"][0], "address": f"unix:{tmp_path}/s"})
    gate.write_config()
    gate.start()
    assert http.fetch(None, "GET", SEGMENT, path=tmp_path / "s", tls=context(authority)).body == CONTENT
    assert h2.fetch(None, "GET", SEGMENT, path=tmp_path / "s", tls=context(authority, ["h2"])).body == CONTENT


def test_throughput_is_not_a_byte_at_a_time(tls_gate, authority):
    """Large contents over both, with every byte right."""
    gate = tls_gate()
    gate.streams.write(BIG, bytes_of("big", BIG_SIZE))
    began = time.monotonic()
    for _ in range(3):  # from the file, and from memory when hot
        assert fetch(gate, context(authority), BIG).body == bytes_of("big", BIG_SIZE)
        assert h2.fetch(gate.port, "GET", BIG, tls=context(authority, ["h2"])).body == bytes_of("big", BIG_SIZE)
    assert time.monotonic() - began < 60
