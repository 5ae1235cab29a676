"""Tokens and grants say who may begin; the session carries on."""
import re
import time

import pytest

from support.gate import ELSEWHERE, HOME, NEXT_DOOR
from support.signing import sign
from support.wait import until, until_past

MASTER = "/v/2026-01-02/movie1/master.m3u8"
SEGMENT = "/v/2026-01-02/movie1/hd/s0.ts"
OTHER = "/v/2026-01-02/movie1/about.bin"


def cookie_of(response):
    return response["Set-Cookie"].split(";")[0]


def session_of(response):
    return cookie_of(response).split("=", 1)[1]


def test_cookie_has_the_attributes_of_the_specification(gate):
    response = gate.admitted().gets(sign(MASTER))
    name, *attributes = [part.strip() for part in response["Set-Cookie"].split(";")]
    assert re.fullmatch(r"hlsgate_session=[A-Za-z0-9_-]{22}", name)
    secure = ["Secure"] if gate.protocol.is_tls else []
    assert attributes == ["Path=/", "Max-Age=7200", "HttpOnly", "SameSite=Lax", *secure]


def test_name_of_the_cookie_is_configurable(make_gate):
    response = make_gate(session={"cookie": "watching"}).admitted().gets(sign(MASTER))
    assert cookie_of(response).startswith("watching=")


def test_no_session_before_the_playlist(gate):
    v = gate.admitted()
    v.is_refused(SEGMENT, "no_credential")
    v.is_refused(OTHER, "no_session")


def test_refused_playlist_begins_none(gate):
    v = gate.admitted()
    assert "Set-Cookie" not in dict(v.is_refused(sign(MASTER, ttl=-1), "token_expired").fields)
    v.is_refused(SEGMENT, "no_credential")


@pytest.mark.parametrize("way", ["cookie", "header", "address"])
def test_session_is_found_by(gate, way):
    v = gate.admitted()
    session = session_of(v.gets(sign(MASTER)))
    fields = {"cookie": {"Cookie": f"a=b; hlsgate_session={session}; c=d"}, "header": {"X-Session-ID": session},
              "address": {}}[way]
    v.gets(SEGMENT, fields)
    v.gets(OTHER, fields)


def test_wrong_session_id_does_not_hurt_who_is_known_by_address(gate):
    v = gate.admitted()
    v.gets(sign(MASTER))
    v.gets(SEGMENT, {"Cookie": "hlsgate_session=" + "A" * 22})
    v.gets(SEGMENT, {"Cookie": "hlsgate_session=; hlsgate_session=" + "x" * 3000})


def test_stolen_cookie_is_worth_nothing(gate):
    v = gate.admitted()
    cookie = {"Cookie": cookie_of(v.gets(sign(MASTER)))}
    gate.viewer(ip=ELSEWHERE).is_refused(SEGMENT, "no_credential", fields=cookie)
    gate.viewer(ua="other").is_refused(SEGMENT, "no_credential", fields=cookie)


def test_bound_to_the_network_by_default(gate):
    gate.admitted(ip=HOME).gets(sign(MASTER))
    gate.viewer(ip=NEXT_DOOR).gets(SEGMENT)


def test_bound_to_the_exact_address_when_told(make_gate):
    gate = make_gate(session={"bind": "ip"})
    gate.admitted(ip=HOME).gets(sign(MASTER))
    gate.viewer(ip=HOME).gets(SEGMENT)
    gate.viewer(ip=NEXT_DOOR).is_refused(SEGMENT, "no_credential")


def test_is_for_one_stream(gate, streams):
    v = gate.admitted("movie1")
    gate.grant(v, path=streams.movie("movie2"))
    v.gets(sign(MASTER))
    v.is_refused(SEGMENT.replace("movie1", "movie2"), "no_credential")


def test_reload_is_the_same_session(gate):
    v = gate.admitted()
    url = sign(MASTER)
    first = v.gets(url)
    v.gets(url, {"Cookie": cookie_of(first)})
    v.gets(url)
    assert gate.stats()["store"]["sessions"] == 1


def test_carries_on_when_the_token_has_expired(gate):
    v = gate.admitted()
    expires = int(time.time()) + 1
    url = sign(MASTER, expires=expires)
    v.gets(url)
    until_past(expires)
    v.gets(url)
    gate.viewer(ip=ELSEWHERE).is_refused(url, "token_expired")


def test_carries_on_when_the_grant_has_expired(make_gate):
    gate = make_gate(grant={"ttl": "1s"})
    v = gate.admitted()
    url = sign(MASTER)
    v.gets(url)
    until(lambda: v.get(OTHER.replace("about.bin", "poster.jpg")).status == 403, "the grant has expired")
    v.gets(url)


def test_strict_stops_with_the_token(make_gate):
    gate = make_gate(session={"strict": True})
    v = gate.admitted()
    expires = int(time.time()) + 1
    url = sign(MASTER, expires=expires)
    v.gets(url)
    until_past(expires)
    v.is_refused(url, "token_expired")


def test_strict_stops_with_the_grant(make_gate):
    gate = make_gate(session={"strict": True}, grant={"ttl": "1s"})
    v = gate.admitted()
    url = sign(MASTER)
    v.gets(url)
    until(lambda: v.get(url).status == 403, "the grant has expired")


def test_ends_when_its_viewer_stays_away(make_gate):
    gate = make_gate(session={"ttl": "1s"})
    v = gate.admitted()
    v.gets(sign(MASTER))
    v.gets(SEGMENT)
    until_past(time.time() + 2)
    v.is_refused(SEGMENT, "no_credential")


def test_ends_with_its_longest_life_whatever_its_viewer_does(make_gate):
    gate = make_gate(session={"max": "2s"}, access={"policy": {"segment": ["session"]}})
    v = gate.admitted()
    v.gets(sign(MASTER))
    until(lambda: v.get(SEGMENT).status == 403, "the session has ended")


def test_revoked_grant_ends_its_sessions(gate):
    v = gate.admitted()
    v.gets(sign(MASTER))
    gate.revoke(uid="u1")
    v.is_refused(SEGMENT, "no_credential")


def test_scope_token_on_a_segment_begins_a_session_where_the_policy_has_token(make_gate, streams):
    gate = make_gate(access={"policy": {"other": ["token", "session"]}})
    v = gate.admitted()
    v.gets(sign(OTHER))
    v.gets(SEGMENT)
