"""The signature that the site's back end puts into a URL."""
import time

import pytest

from support.gate import ELSEWHERE
from support.signing import OLD_SECRET, SECRET, base64url, mac, query, sign, sign_scope, with_params
from support.wait import until_past

MASTER = "/v/2026-01-02/movie1/master.m3u8"
FOLDER = "/v/2026-01-02/movie1/"


def now():
    return int(time.time())


@pytest.mark.parametrize("slash", [True, False])
@pytest.mark.parametrize("encoding", ["hex", "base64url"])
def test_both_encodings_with_and_without_leading_slash(gate, encoding, slash):
    gate.admitted().gets(sign(MASTER, encoding=encoding, slash=slash))


def test_upper_case_hex_is_no_token(gate):
    v = gate.admitted()
    url = sign(MASTER)
    v.is_refused(with_params(url, token=url[-64:].upper()), "token_malformed")


def test_path_is_signed_decoded(gate, streams):
    path = streams.write("/v/2026-01-02/movie1/ein Fußball & mehr.m3u8", "#EXTM3U\n")
    gate.admitted().gets(sign(path))


def test_rotation_all_secrets_verify_and_the_first_signs(make_gate):
    gate = make_gate(token={"secrets": [{"id": "new", "file": "token.secret"}, {"id": "old", "file": "old.secret"}]})
    v = gate.admitted()
    v.gets(sign(MASTER, secret=SECRET))
    v.gets(sign(MASTER, secret=OLD_SECRET, ttl=3601))


def test_secret_that_is_gone_verifies_no_more(gate):
    gate.admitted().is_refused(sign(MASTER, secret=OLD_SECRET), "token_bad_sig")


class TestRefused:
    """Each way to hold a wrong token, the word it gets, and nothing worse than a 403."""

    CASES = {
        "no query": (lambda: MASTER, "token_missing"),
        "other parameters only": (lambda: MASTER + "?quality=best", "token_missing"),
        "forged": (lambda: with_params(sign(MASTER), token="0" * 64), "token_bad_sig"),
        "forged, base64url": (lambda: with_params(sign(MASTER), token="A" * 43), "token_bad_sig"),
        "other path": (lambda: sign(FOLDER + "hd/index.m3u8").replace("hd/index", "sd/index"), "token_bad_sig"),
        "other uid": (lambda: with_params(sign(MASTER), uid="u2"), "token_bad_sig"),
        "longer life": (lambda: with_params(sign(MASTER, expires=now() + 60), expires=now() + 61), "token_bad_sig"),
        "truncated by one": (lambda: sign(MASTER)[:-1], "token_malformed"),
        "truncated to nothing": (lambda: with_params(sign(MASTER), token=""), "token_malformed"),
        "one too long": (lambda: sign(MASTER) + "0", "token_malformed"),
        "padded": (lambda: sign(MASTER, encoding="base64url") + "%3D", "token_malformed"),
        "no token": (lambda: with_params(sign(MASTER), token=None), "token_missing"),
        "no uid": (lambda: with_params(sign(MASTER), uid=None), "token_malformed"),
        "empty uid": (lambda: sign(MASTER, uid=""), "token_malformed"),
        "uid with colon": (lambda: sign(MASTER, uid="u1:x"), "token_malformed"),
        "uid too long": (lambda: sign(MASTER, uid="u" * 129), "token_malformed"),
        "uid with control character": (lambda: sign(MASTER, uid="u\n1"), "token_malformed"),
        "uid not UTF-8 encoded right": (lambda: sign(MASTER).replace("uid=u1", "uid=%zz"), "token_malformed"),
        "no expires": (lambda: with_params(sign(MASTER), expires=None), "token_malformed"),
        "empty expires": (lambda: with_params(sign(MASTER), expires=""), "token_malformed"),
        "expires not a number": (lambda: sign(MASTER, expires="soon"), "token_malformed"),
        "negative expires": (lambda: sign(MASTER, expires=-1), "token_malformed"),
        "expires with plus": (lambda: sign(MASTER, expires=f"+{now() + 60}"), "token_malformed"),
        "expires with leading zero": (lambda: sign(MASTER, expires=f"0{now() + 60}"), "token_malformed"),
        "expires beyond 64 bits": (lambda: sign(MASTER, expires=2**64 + now()), "token_malformed"),
        "expires 2^63": (lambda: sign(MASTER, expires=2**63), "token_malformed"),
        "expires in hex": (lambda: sign(MASTER, expires=hex(now() + 60)), "token_malformed"),
        "doubled token": (lambda: sign(MASTER) + "&token=" + "0" * 64, "token_malformed"),
        "doubled uid": (lambda: sign(MASTER) + "&uid=u2", "token_malformed"),
        "doubled uid, same value": (lambda: sign(MASTER) + "&uid=u1", "token_malformed"),
        "doubled expires": (lambda: sign(MASTER) + f"&expires={now() + 9999}", "token_malformed"),
        "expired": (lambda: sign(MASTER, ttl=-1), "token_expired"),
        "expired in 1970": (lambda: sign(MASTER, expires=1), "token_expired"),
        "expired and forged": (lambda: with_params(sign(MASTER, ttl=-1), token="0" * 64), "token_bad_sig"),
        "scope given, path signed": (lambda: sign(MASTER) + "&scope=%2Fv%2F", "token_bad_sig"),
        "scope without slash at the end": (lambda: f"{MASTER}?{sign_scope(FOLDER[:-1])}", "token_malformed"),
        "scope without slash in front": (lambda: f"{MASTER}?{sign_scope(FOLDER[1:])}", "token_malformed"),
        "scope of another folder": (lambda: f"{MASTER}?{sign_scope('/v/2026-01-02/movie2/')}", "token_out_of_scope"),
        "scope whose name only begins alike": (lambda: f"{MASTER}?{sign_scope('/v/2026-01-02/mov/')}",
                                               "token_out_of_scope"),
        "expired scope": (lambda: f"{MASTER}?{sign_scope(FOLDER, ttl=-1)}", "token_expired"),
        "a gate token nobody made": (lambda: with_params(sign(MASTER), token=None) + "&gate=" + "A" * 22,
                                     "gate_bad_sig"),
        "a gate token of wrong length": (lambda: with_params(sign(MASTER), token=None) + "&gate=AAAA",
                                         "token_malformed"),
        "the token's own bytes as gate token": (
            lambda: with_params(sign(MASTER), token=None, gate=base64url(bytes.fromhex(sign(MASTER)[-64:-32]))),
            "gate_bad_sig"),
    }

    @pytest.fixture(scope="class")
    def viewer(self, shared_gate):
        return shared_gate.admitted()

    @pytest.mark.parametrize("case", CASES)
    def test_case(self, viewer, case):
        url, word = self.CASES[case]
        viewer.is_refused(url(), word)

    def test_and_the_right_one_is_admitted(self, viewer):
        viewer.gets(sign(MASTER))


def test_huge_expires_is_as_good_as_any(gate):
    gate.admitted().gets(sign(MASTER, expires=999_999_999_999))


def test_scope_token_opens_all_below_its_folder(gate):
    v = gate.admitted()
    scope = sign_scope(FOLDER)
    v.gets(f"{MASTER}?{scope}")
    v.gets(f"{FOLDER}hd/index.m3u8?{scope}")
    v.gets(f"{FOLDER}hd/s0.ts?{scope}")


def test_scope_is_compared_with_the_normalised_path(gate, streams):
    streams.movie("movie2")
    v = gate.admitted()
    v.is_refused(f"{FOLDER}../movie2/master.m3u8?{sign_scope(FOLDER)}", "token_out_of_scope")


def test_token_expires_while_we_wait(gate):
    v = gate.admitted()
    expires = now() + 1
    url = sign(MASTER, expires=expires)
    until_past(expires)
    v.is_refused(url, "token_expired")


def test_expiry_is_judged_before_anything_is_stored(gate):
    v = gate.admitted()
    v.is_refused(sign(MASTER, ttl=-5), "token_expired")
    gate.viewer(ip=ELSEWHERE).is_refused(sign(MASTER), "no_grant")


def test_token_signed_over_a_longer_query_still_verifies(gate):
    """Parameters of players and of analytics do not disturb."""
    gate.admitted().gets(sign(MASTER) + "&CMCD=br%3D3200&_HLS_msn=1&x=1&x=2")


def test_the_harness_signs_as_openssl_does():
    """printf u1:/a.m3u8:1700000000 | openssl dgst -sha256 -hmac secret"""
    assert mac("u1:/a.m3u8:1700000000", b"secret") == \
        "4b6e6ed59e6e5c28a4e06c9f7f616e1a40c8664c8314ad32e5a218caed7bc332"
    assert query(uid="a b", scope="/x/") == "uid=a%20b&scope=%2Fx%2F"
