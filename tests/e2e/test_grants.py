"""Grants: which network and User-Agent may watch what. The API's fields are those the back ends know."""
import hashlib

import pytest

from support.gate import ELSEWHERE, HOME, NEXT_DOOR
from support.signing import sign
from support.wait import until

MASTER = "/v/2026-01-02/movie1/master.m3u8"


def master_of(name):
    return f"/v/2026-01-02/{name}/master.m3u8"


def test_post_answers_the_fields_back_ends_read(gate):
    answer = gate.grant(gate.viewer(ip="127.0.1.5", ua="Player/1.0"))
    assert answer["success"] is True
    assert answer["key_path"] == "movie1"
    assert answer["ip_pattern"] == "127.0.1.0/24"
    assert answer["ua_hash"] == hashlib.md5(b"Player/1.0").hexdigest()[:8]
    assert answer["ttl"] == 3600
    for name in ("message", "cidr_examples", "patterns_merged", "patterns_new", "multi_path_info",
                 "uid_ua_ip_pairs_info", "worker_pid"):
        assert name in answer, answer


class TestBadRequests:
    GOOD = {"uid": "u1", "path": MASTER, "clientIp": "127.0.1.5", "UserAgent": "Player/1.0"}
    CASES = {
        **{f"no {name}": {name: None} for name in GOOD},
        **{f"empty {name}": {name: ""} for name in ("uid", "path", "clientIp")},
        **{f"{name} is a number": {name: 7} for name in GOOD},
        "no address": {"clientIp": "localhost"},
        "octal address": {"clientIp": "127.0.01.5"},
        "prefix too long": {"clientIp": "127.0.1.0/33"},
        "two addresses": {"clientIp": "127.0.1.5,127.0.1.6"},
        "uid too long": {"uid": "u" * 129},
        "uid with colon": {"uid": "a:b"},
    }

    @pytest.mark.parametrize("case", CASES)
    def test_is_400_and_stores_nothing(self, shared_gate, case):
        body = {k: v for k, v in (self.GOOD | self.CASES[case]).items() if v is not None}
        response = shared_gate.api("POST", "/api/whitelist", body, key="operator")
        assert response.status == 400, response.text
        assert response.json["error"]
        assert shared_gate.api("GET", "/whitelist-info").json["total_entries"] == 0


def test_network_is_widened_so_the_neighbour_may_watch(gate):
    gate.admitted(ip=HOME)
    gate.viewer(ip=NEXT_DOOR).gets(sign(MASTER))


def test_other_network_may_not(gate):
    gate.admitted(ip=HOME)
    gate.viewer(ip=ELSEWHERE).is_refused(sign(MASTER), "no_grant")


def test_other_user_agent_may_not(gate):
    gate.admitted(ua="Player/1.0")
    gate.viewer(ua="Player/1.1").is_refused(sign(MASTER), "no_grant")


def test_no_user_agent_is_a_user_agent(gate, streams):
    streams.movie()
    v = gate.viewer(ua=None)
    gate.grant(v, UserAgent="")
    v.gets(sign(MASTER))


def test_other_stream_may_not(gate, streams):
    v = gate.admitted("movie1")
    streams.movie("movie2")
    v.is_refused(sign(master_of("movie2")), "grant_other_stream")


def test_other_user_may_not(gate):
    """A token of u2 does not go with the grant of u1."""
    gate.admitted(uid="u1").is_refused(sign(MASTER, uid="u2"), "no_grant")


def test_exact_prefix_by_configuration(make_gate):
    gate = make_gate(grant={"ipv4_prefix": 32})
    gate.admitted(ip=HOME).gets(sign(MASTER))
    gate.viewer(ip=NEXT_DOOR).is_refused(sign(MASTER), "no_grant")


def test_cidr_narrower_than_the_prefix_is_widened_and_wider_is_kept(gate, streams):
    streams.movie()
    v = gate.viewer()
    assert gate.grant(v, clientIp="127.0.1.128/25")["ip_pattern"] == "127.0.1.0/24"
    assert gate.grant(v, uid="u2", clientIp="127.0.0.0/16")["ip_pattern"] == "127.0.0.0/16"
    gate.viewer(ip="127.0.200.9").gets(sign(MASTER, uid="u2"))
    gate.viewer(ip="127.0.200.9").is_refused(sign(MASTER, uid="u1", ttl=3601), "no_grant")


def test_ipv6(gate, streams):
    streams.movie()
    v = gate.viewer(ip="::1")
    assert gate.grant(v)["ip_pattern"] == "::/64"
    v.gets(sign(MASTER))
    gate.viewer(ip=HOME).is_refused(sign(MASTER), "no_grant")


def test_mapped_ipv4_is_ipv4(gate, streams):
    streams.movie()
    assert gate.grant(gate.viewer(), clientIp="::ffff:127.0.1.9")["ip_pattern"] == "127.0.1.0/24"
    gate.viewer().gets(sign(MASTER))


def test_fourth_stream_key_pushes_out_the_oldest(gate, streams):
    v = gate.viewer()
    for name in ("movie1", "movie2", "movie3", "movie4"):
        gate.grant(v, path=streams.movie(name))
    v.is_refused(sign(master_of("movie1")), "grant_other_stream")
    for name in ("movie2", "movie3", "movie4"):
        v.gets(sign(master_of(name)))


def test_sixth_pair_of_a_user_pushes_out_the_oldest(gate, streams):
    streams.movie()
    viewers = [gate.viewer(ua=f"Player/{i}") for i in range(6)]
    for v in viewers:
        gate.grant(v)
    viewers[0].is_refused(sign(MASTER), "no_grant")
    for i, v in enumerate(viewers[1:]):
        v.gets(sign(MASTER, ttl=3600 + i))


def test_renewal_keeps_one_entry(gate):
    v = gate.viewer()
    gate.grant(v)
    gate.grant(v)
    assert gate.api("GET", "/whitelist-info").json["total_entries"] == 1


def test_grant_expires(make_gate):
    gate = make_gate(grant={"ttl": "1s"}, session={"strict": True}, access={"policy": {"playlist": ["grant"]}})
    v = gate.admitted()
    v.gets(MASTER)
    until(lambda: v.get(MASTER).status == 403, "the grant has expired")


def test_whitelist_info_lists_what_is_stored(gate):
    gate.grant(gate.viewer(), uid="u1")
    gate.grant(gate.viewer(ip="::1"), uid="u2", path=master_of("movie2"))
    info = gate.api("GET", "/whitelist-info").json
    assert info["total_entries"] == 2
    by_uid = {entry["uid"]: entry for entry in info["entries"]}
    one = by_uid["u1"]
    assert one["ip_patterns"] == ["127.0.1.0/24"]
    assert one["paths"] == ["movie1"]
    assert one["ua_hash"] == hashlib.md5(b"Player/1.0").hexdigest()[:8]
    assert 3500 < one["ttl_seconds"] <= 3600
    assert one["expires_at"] > one["created_at"]
    assert by_uid["u2"]["paths"] == ["movie2"]
    assert by_uid["u2"]["ip_patterns"] == ["::/64"]


class TestRevocation:
    def test_whole_user(self, gate):
        v = gate.admitted()
        v.gets(sign(MASTER))
        gate.revoke(uid="u1")
        v.is_refused(sign(MASTER, ttl=3601), "no_grant")
        assert gate.api("GET", "/whitelist-info").json["total_entries"] == 0

    def test_one_user_agent(self, gate, streams):
        streams.movie()
        kept, gone = gate.viewer(ua="kept"), gate.viewer(ua="gone")
        gate.grant(kept)
        gate.grant(gone)
        gate.revoke(uid="u1", UserAgent="gone", clientIp=HOME)
        gone.is_refused(sign(MASTER), "no_grant")
        kept.gets(sign(MASTER))

    def test_one_stream(self, gate, streams):
        v = gate.admitted("movie1")
        gate.grant(v, path=streams.movie("movie2"))
        gate.revoke(uid="u1", path=MASTER)
        v.is_refused(sign(MASTER), "grant_other_stream")
        v.gets(sign(master_of("movie2")))

    def test_of_nobody_does_no_harm(self, gate):
        v = gate.admitted()
        gate.revoke(uid="somebody else")
        v.gets(sign(MASTER))

    def test_needs_a_user(self, gate):
        assert gate.api("DELETE", "/api/whitelist", {"clientIp": HOME}, key="operator").status == 400


class TestFixedWhitelist:
    def test_passes_every_check_and_gets_the_playlist_as_it_is(self, make_gate, streams):
        gate = make_gate(access={"fixed_whitelist": ["127.0.1.0/24", "2001:db8::/32"]})
        streams.movie()
        v = gate.viewer(ip=HOME)
        for path in (MASTER, "/v/2026-01-02/movie1/hd/s0.ts", "/v/2026-01-02/movie1/hd/enc.key",
                     "/v/2026-01-02/movie1/poster.jpg", "/v/2026-01-02/movie1/about.bin"):
            assert v.gets(path).body == streams.read(path)

    def test_is_for_nobody_else(self, make_gate, streams):
        gate = make_gate(access={"fixed_whitelist": ["127.0.1.0/24"]})
        streams.movie()
        gate.viewer(ip=ELSEWHERE).is_refused(MASTER, "token_missing")

    def test_forged_header_is_not_believed(self, make_gate, streams):
        gate = make_gate(access={"fixed_whitelist": ["127.0.1.0/24"]})
        streams.movie()
        for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
            value = "for=127.0.1.5" if name == "Forwarded" else "127.0.1.5"
            gate.viewer(ip=ELSEWHERE).is_refused(MASTER, "token_missing", fields={name: value})

    def test_trusted_proxy_is(self, make_gate, streams):
        gate = make_gate(access={"fixed_whitelist": ["203.0.113.0/24"]}, trusted_proxies=["127.0.2.0/24"])
        streams.movie()
        proxy = gate.viewer(ip=ELSEWHERE)
        proxy.gets(MASTER, {"X-Forwarded-For": "198.51.100.1, 203.0.113.9, 127.0.2.9"})
        proxy.is_refused(MASTER, "token_missing", fields={"X-Forwarded-For": "203.0.113.9, 198.51.100.1"})


class TestStatic:
    POSTER = "/v/2026-01-02/movie1/poster.jpg"

    def test_any_grant_of_the_viewer_opens_it(self, gate):
        v = gate.admitted()
        assert v.gets(self.POSTER)["Cache-Control"] == "public, max-age=3600"

    def test_static_grant_opens_nothing_else(self, gate, streams):
        streams.movie()
        v = gate.viewer()
        body = {"uid": "u1", "clientIp": v.ip, "UserAgent": v.ua}
        assert gate.api("POST", "/api/static-whitelist", body, key="operator").json["success"] is True
        v.gets(self.POSTER)
        assert v.get(sign(MASTER)).status == 403

    def test_without_grant_it_is_closed(self, gate, streams):
        streams.movie()
        gate.viewer().is_refused(self.POSTER, "no_grant")
