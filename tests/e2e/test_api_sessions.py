"""Sessions by the API: seen without their ids, ended one by one or all of a user."""
import pytest

from support.gate import ELSEWHERE, HOME
from support.signing import sign
from support.wait import until

MASTER = "/v/2026-01-02/movie1/master.m3u8"


def sessions(gate, query=""):
    response = gate.api("GET", "/api/sessions" + query, key="viewer")
    assert response.status == 200, response.text
    return response.json["sessions"]


def end(gate, **body):
    return gate.api("DELETE", "/api/sessions", body, key="operator")


def play(gate, uid="u1", ttl=600, **viewer):
    """A viewer, its cookie, and the URL of a segment that its playlist gave it."""
    v = gate.admitted(uid=uid, **viewer)
    url = sign(MASTER, uid=uid, ttl=ttl)
    response = v.gets(url)
    segments = [url for url in v.play(url) if ".ts" in url]
    return v, response["Set-Cookie"].split(";")[0].split("=")[1], segments[0]


def test_a_session_is_listed_but_never_its_id(gate):
    _, cookie, _ = play(gate)
    [s] = sessions(gate)
    assert (s["uid"], s["stream_key"], s["client_ip"]) == ("u1", "movie1", HOME)
    assert s["started_at"] <= s["last_seen"] < s["ends_at"]
    assert cookie not in gate.api("GET", "/api/sessions", key="viewer").text
    assert cookie not in gate.api("GET", f"/debug/session?ip={HOME}&ua=Player/1.0&path=movie1", key="viewer").text


def test_one_ends_and_others_go_on(gate):
    _, _, first = play(gate)
    other, _, segment = play(gate, uid="u2", ip=ELSEWHERE)
    [name] = [s["session"] for s in sessions(gate, "?uid=u1")]
    assert end(gate, session=name).json == {"success": True, "sessions_ended": 1}
    v = gate.viewer()
    until(lambda: v.get(first).status == 403, "its links are refused")
    assert other.get(segment).status == 200
    assert [s["uid"] for s in sessions(gate)] == ["u2"]
    assert end(gate, session=name).status == 404


def test_all_of_a_user_end(gate):
    v, _, segment = play(gate)
    _, _, elsewhere = play(gate, ttl=601, ip=ELSEWHERE)  # a token of its own: the other one is bound
    assert end(gate, uid="u1").json["sessions_ended"] == 2
    until(lambda: v.get(segment).status == 403, "its links are refused")
    until(lambda: gate.viewer(ip=ELSEWHERE).get(elsewhere).status == 403, "its links are refused")
    assert sessions(gate) == [] and end(gate, uid="u1").json["sessions_ended"] == 0


def test_the_log_says_who_did_it(gate):
    """In words that no uid can make up."""
    uid = 'x", 9 sessions ended by key "nobody'
    _, _, first = play(gate, uid=uid)
    assert end(gate, session=sessions(gate)[0]["session"]).json["sessions_ended"] == 1
    assert end(gate, uid=uid).json["sessions_ended"] == 0
    assert gate.api("DELETE", "/api/whitelist", {"uid": uid}, key="admin").json["grants_removed"] == 1
    quoted = uid.replace('"', '\\"')
    for line in (': 1 sessions ended by key operator, client ', f'uid "{quoted}": 0 sessions ended by key operator, client ',
                 f'uid "{quoted}" revoked by key admin, client '):
        until(lambda: line in gate.log, f"{line} in the log")


def test_another_users_name_does_not_match(gate):
    play(gate)
    [s] = sessions(gate)
    assert end(gate, uid="u2", session=s["session"]).status == 404
    assert len(sessions(gate)) == 1


@pytest.mark.parametrize("body", [{}, {"uid": ""}, {"session": ""}, {"session": 1}, {"uid": ["u1"]},
                                  {"session": "x" * 33}, {"uid": None, "session": None}])
def test_all_is_never_meant_by_nothing(gate, body):
    play(gate)
    response = end(gate, **body)
    assert response.status == 400 and response.json["error"]
    assert len(sessions(gate)) == 1


class TestDebug:
    def ask(self, gate, endpoint, **params):
        query = "&".join(f"{name}={value}" for name, value in params.items())
        response = gate.api("GET", f"{endpoint}?{query}", key="viewer")
        assert response.status == 200, response.text
        return response.json

    def test_session(self, gate):
        play(gate)
        who = {"ip": HOME, "ua": "Player/1.0", "uid": "u1"}
        answer = self.ask(gate, "/debug/session", **who, path=MASTER)
        assert answer["is_live"] and answer["session"]["uid"] == "u1" and answer["stream_key"] == "movie1"
        assert answer["session"]["session"] == sessions(gate)[0]["session"]
        for other in ({"path": "movie2"}, {"path": MASTER, "ip": ELSEWHERE}, {"path": MASTER, "ua": "x"},
                      {"path": MASTER, "uid": "u2"}):
            answer = self.ask(gate, "/debug/session", **(who | other))
            assert not answer["is_live"] and answer["session"] is None and answer["reason"] == "no live session"

    def test_grant(self, make_gate):
        gate = make_gate(access={"fixed_whitelist": ["192.0.2.0/24"]})
        gate.admitted()
        who = {"ip": HOME, "ua": "Player/1.0", "uid": "u1"}
        answer = self.ask(gate, "/debug/ip-whitelist", **who, path=MASTER)
        assert answer["granted"] and answer["grant_uid"] == "u1" and answer["network"] == "127.0.1.0/24"
        assert self.ask(gate, "/debug/ip-whitelist", **who)["granted"]
        answer = self.ask(gate, "/debug/ip-whitelist", **who, path="movie2")
        assert not answer["granted"] and "other streams" in answer["reason"]
        assert not self.ask(gate, "/debug/ip-whitelist", **(who | {"ip": ELSEWHERE}))["granted"]
        answer = self.ask(gate, "/debug/ip-whitelist", ip="192.0.2.9")
        assert answer["in_fixed_whitelist"] and not answer["granted"]

    def test_a_live_session_does_not_speak_for_a_grant(self, gate):
        """It would at the gate; here the grant alone is asked about."""
        v, _, _ = play(gate)
        grants = gate.api("GET", "/whitelist-info", key="viewer").json["entries"]
        assert len(grants) == 1
        gate.revoke(uid="u1")
        v.gate.grant(v, uid="u2", path="/v/2026-01-02/movie2/master.m3u8")
        answer = self.ask(gate, "/debug/ip-whitelist", ip=HOME, ua="Player/1.0", path=MASTER)
        assert not answer["granted"] and "other streams" in answer["reason"]

    def test_nothing_is_changed(self, gate):
        gate.admitted()
        before = gate.stats()["store"]
        for endpoint in ("/debug/session", "/debug/ip-whitelist"):
            self.ask(gate, endpoint, ip=HOME, ua="Player/1.0", uid="u1", path=MASTER)
        after = gate.stats()["store"]
        assert {k: before[k] for k in ("grants", "sessions", "uses")} == {k: after[k] for k in ("grants", "sessions", "uses")}
