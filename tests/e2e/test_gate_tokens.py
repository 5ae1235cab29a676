"""What the gate puts into playlists: one signed URL to a master playlist plays the whole stream, for one viewer."""
import time
from urllib.parse import urlsplit

import pytest

from support.gate import ELSEWHERE, HOME, NEXT_DOOR, uri_ending, uris_of
from support.signing import params_of, sign, with_params
from support.wait import until, until_past

BASE = "/v/2026-01-02/movie1"
MASTER = f"{BASE}/master.m3u8"


@pytest.fixture
def viewer(gate):
    return gate.admitted()


def links(v, url=None):
    """Child playlist, segment, init segment and key of the movie, as this viewer is given them."""
    master = v.gets(url or sign(MASTER)).text
    hd = uri_ending(master, MASTER, "hd/index.m3u8")
    sd = uri_ending(master, MASTER, "sd/index.m3u8")
    hd_text, sd_text = v.gets(hd).text, v.gets(sd).text
    return {"child": hd, "segment": uri_ending(hd_text, hd, "s0.ts"), "map": uri_ending(sd_text, sd, "init.mp4"),
            "key": uri_ending(hd_text, hd, "enc.key")}


def test_whole_stream_plays_from_one_url_without_cookies(viewer, streams):
    got = viewer.play(sign(MASTER))
    assert len(got) == 1 + 2 + 3 + 1 + 3 + 1
    for target, response in got.items():
        path = urlsplit(target).path
        if not path.endswith(".m3u8"):
            assert response.body == streams.read(path)


def test_form_of_the_credentials(viewer):
    link = links(viewer)
    for name in ("child", "segment", "map"):
        params = params_of(link[name])
        assert params.keys() == {"uid", "expires", "scope", "gate"}
        assert params["uid"] == "u1" and params["scope"] == f"{BASE}/" and len(params["gate"]) == 22
    key = params_of(link["key"])
    assert key.keys() == {"uid", "expires", "gate"}
    assert key["gate"] != params["gate"]


def test_expire_with_the_longest_life_of_the_session(viewer):
    expires = int(params_of(links(viewer)["segment"])["expires"])
    assert abs(expires - time.time() - 12 * 3600) < 60


@pytest.mark.parametrize("name", ["child", "segment", "map", "key"])
class TestAnother:
    def test_network_is_refused(self, gate, viewer, name):
        gate.viewer(ip=ELSEWHERE).is_refused(links(viewer)[name], "gate_bad_sig")

    def test_user_agent_is_refused(self, gate, viewer, name):
        gate.viewer(ua="curl/8").is_refused(links(viewer)[name], "gate_bad_sig")

    def test_address_in_the_same_network_plays_on(self, gate, viewer, name):
        gate.viewer(ip=NEXT_DOOR).gets(links(viewer)[name])

    def test_address_is_refused_when_bound_to_it(self, make_gate, name):
        gate = make_gate(session={"bind": "ip"}, folder="exact")
        link = links(gate.admitted(ip=HOME))[name]
        gate.viewer(ip=HOME).gets(link)
        gate.viewer(ip=NEXT_DOOR).is_refused(link, "gate_bad_sig")

    def test_expiry_is_refused(self, viewer, name):
        link = links(viewer)[name]
        later = int(params_of(link)["expires"]) + 1
        viewer.is_refused(with_params(link, expires=later), "gate_bad_sig")

    def test_uid_is_refused(self, viewer, name):
        viewer.is_refused(with_params(links(viewer)[name], uid="u2"), "gate_bad_sig")


def test_wider_scope_is_refused(viewer):
    viewer.is_refused(with_params(links(viewer)["segment"], scope="/v/2026-01-02/"), "gate_bad_sig")


def test_other_stream_is_out_of_scope(viewer, streams):
    streams.movie("movie2")
    viewer.is_refused(links(viewer)["segment"].replace("/movie1/hd", "/movie2/hd"), "token_out_of_scope")


def test_scoped_token_opens_no_key(viewer):
    """A key URI carries its own."""
    scoped = links(viewer)["segment"]
    viewer.is_refused(scoped.replace("s0.ts", "enc.key"), "token_out_of_scope")


def test_key_token_opens_nothing_else(viewer):
    viewer.is_refused(links(viewer)["key"].replace("enc.key", "s0.ts"), "gate_bad_sig")


def test_same_viewer_gets_the_same_uris_at_every_reload(viewer):
    url = sign(MASTER)
    assert viewer.gets(url).body == viewer.gets(url).body
    child = links(viewer, url)["child"]
    assert uris_of(viewer.gets(child).text) == uris_of(viewer.gets(child).text)


def test_two_viewers_get_different_ones(gate, viewer):
    other = gate.viewer(ua="Other/1")
    gate.grant(other)
    a, b = links(viewer), links(other, sign(MASTER, ttl=3601))
    assert all(a[name] != b[name] for name in a)


def test_film_plays_on_when_its_token_has_expired(viewer):
    expires = int(time.time()) + 1
    link = links(viewer, sign(MASTER, expires=expires))
    until_past(expires)
    for target in link.values():
        viewer.gets(target)


def test_film_plays_on_when_its_grant_has_expired(make_gate):
    gate = make_gate(grant={"ttl": "1s"})
    v = gate.admitted()
    link = links(v)
    until(lambda: v.get(f"{BASE}/poster.jpg").status == 403, "the grant has expired")
    for target in link.values():
        v.gets(target)


@pytest.mark.multiworker
def test_revocation_refuses_within_a_second_on_every_worker(make_gate):
    gate = make_gate(workers=4)
    v = gate.admitted()
    link = links(v)
    gate.revoke(uid="u1")
    until(lambda: all(v.get(link["segment"]).status == 403 for _ in range(12)), "revoked everywhere", deadline=1)
    for name in ("child", "segment", "map", "key"):
        v.is_refused(link[name], "revoked")


def test_revocation_leaves_the_others_alone(gate, viewer):
    other = gate.viewer(ua="Other/1")
    gate.grant(other, uid="u2")
    mine, theirs = links(viewer), links(other, sign(MASTER, uid="u2"))
    gate.revoke(uid="u1")
    until(lambda: viewer.get(mine["segment"]).status == 403, "revoked")
    other.gets(theirs["segment"])


def test_new_grant_after_a_revocation_plays_again(gate, viewer):
    gate.revoke(uid="u1")
    gate.grant(viewer)
    viewer.play(sign(MASTER))


def test_signature_alone_admits_segments(gate, viewer):
    """No look-up in the store: the counter of exactly that goes up."""
    link = links(viewer)
    before = gate.stats()["counters"]["gate_tokens_admitted"]
    for _ in range(3):
        viewer.gets(link["segment"])
    until(lambda: gate.stats()["counters"]["gate_tokens_admitted"] == before + 3, "admitted by signature")


def test_uid_with_special_characters_survives_the_way_through_a_playlist(gate, streams):
    streams.movie()
    uid = 'Jürgen & "Söhne" <1>/=?#'
    v = gate.viewer()
    gate.grant(v, uid=uid)
    v.play(sign(MASTER, uid=uid))
