"""access.max_streams: so many streams of one uid at a time, over all its devices and all instances."""
import time
from urllib.parse import quote

import pytest

from support.fleet import at, on_redis, other_viewer, race
from support.gate import ELSEWHERE, uri_ending
from support.signing import sign
from support.wait import DEADLINE, until, until_past

IDLE = 5
BASE = "/v/2026-01-02"


def master(name):
    return f"{BASE}/{name}/master.m3u8"


def limited(max_streams=1, on_max_streams="deny", idle=IDLE, **more):
    return {"access": {"max_streams": max_streams, "on_max_streams": on_max_streams, "max_streams_idle": f"{idle}s", **more}}


def device(gate, name="movie1", ua="Player/1.0", uid="u1", **who):
    """One of the user's devices, granted this movie."""
    return gate.admitted(name, uid=uid, ua=ua, **who)


def segment_of(viewer, name, url=None):
    child = uri_ending(viewer.gets(url or sign(master(name))).text, master(name), "hd/index.m3u8")
    return uri_ending(viewer.gets(child).text, child, "s0.ts")


def zaps(viewer, uid="u1", titles=("movie1", "movie2", "movie3")):
    """It is granted these titles."""
    for name in titles:
        viewer.gate.grant(viewer, uid, viewer.gate.streams.movie(name))
    return titles


def is_over(viewer, link):
    """The links of an ended stream are refused by every worker within a second."""
    until(lambda: all(viewer.get(link).status == 403 for _ in range(4)), f"{link} is over", deadline=1)
    viewer.is_refused(link, "revoked")


def keeps_playing(viewer, link, until_time):
    """Asks for a segment twice a second, which must be served."""
    until(lambda: viewer.gets(link) and time.monotonic() >= until_time, "it plays", deadline=max(DEADLINE, 4 * IDLE), every=0.5)


def explained(gate, viewer, url):
    """The outcome, and what is said of streams: the verdict, how many others there are, the limit. ("ok",): nothing."""
    target = f"/debug/explain?url={quote(url, safe='')}&ip={viewer.ip}&ua={quote(viewer.ua)}"
    response = gate.api("GET", target).json
    said = next((c for c in response["checks"] if c["check"] == "max_streams"), None)
    found = (said["verdict"], said["inputs"]["streams"], said["inputs"]["max_streams"]) if said else ()
    return (response["outcome"], *found)


def test_the_next_one_is_refused_with_a_word_and_in_the_logs(make_gate):
    gate = make_gate(**limited())
    tv, phone = device(gate), device(gate, "movie2", ua="Phone/1")
    link = segment_of(tv, "movie1")
    response = phone.is_refused(sign(master("movie2")), "too_many_streams")
    assert response.status == 403 and "Set-Cookie" not in dict(response.fields)
    assert gate.count_of("too_many_streams") == 1
    assert "too_many_streams" in gate.wait_log("/api/access-logs/denied", "too_many_streams")
    tv.gets(link)
    other = device(gate, "movie2", ua="Phone/1", uid="u2")
    other.gets(sign(master("movie2"), uid="u2"))  # another user on the same device


def test_one_title_is_one_stream(make_gate):
    gate = make_gate(**limited())
    tv = device(gate)
    url = sign(master("movie1"))
    for _ in range(3):  # retries, reloads and all renditions
        assert tv.ask("HEAD", url).status == 200
        tv.play(url)
    assert gate.count_of("too_many_streams") == 0


def test_head_neither_takes_nor_ends(make_gate):
    gate = make_gate(**limited(on_max_streams="end_oldest"))
    tv, phone = device(gate), device(gate, "movie2", ua="Phone/1")
    assert phone.ask("HEAD", sign(master("movie2"))).status == 200
    link = segment_of(tv, "movie1")
    assert phone.ask("HEAD", sign(master("movie2"))).status == 200
    tv.gets(link)
    assert gate.counters()["streams_ended"] == 0


def test_the_ended_player_is_refused_and_may_begin_again(make_gate):
    gate = make_gate(workers=2, **limited(on_max_streams="end_oldest"))
    tv, phone = device(gate), device(gate, "movie2", ua="Phone/1")
    on_tv = segment_of(tv, "movie1")
    on_phone = segment_of(phone, "movie2")
    until(lambda: all(tv.get(on_tv).status == 403 for _ in range(4)), "the first is ended for all workers", deadline=1)
    tv.is_refused(on_tv, "revoked")
    phone.gets(on_phone)
    assert gate.counters()["streams_ended"] == 1
    again = segment_of(tv, "movie1")
    assert again != on_tv
    until(lambda: all(phone.get(on_phone).status == 403 for _ in range(4)), "now it is the other way round", deadline=1)
    tv.gets(again)


def test_the_one_idle_for_longest_is_ended(make_gate):
    gate = make_gate(**limited(2, "end_oldest", idle=60))
    first, second, third = (device(gate, f"movie{n}", ua=f"Player/{n}") for n in (1, 2, 3))
    links = [segment_of(first, "movie1")]
    until_past(int(time.time()))
    links.append(segment_of(second, "movie2"))
    third.gets(sign(master("movie3")))
    until(lambda: first.get(links[0]).status == 403, "the first has made room", deadline=1)
    second.gets(links[1])


@pytest.mark.multiworker
def test_of_many_at_once_so_many_begin(make_gate):
    gate = make_gate(workers=2, **limited(3, idle=60, policy={"playlist": ["token", "session"]}))
    gate.streams.movie()
    answers = race([gate], sign(master("movie1")), [(f"127.0.{10 + n}.1", "Racer") for n in range(8)], 3)
    winners = {who for who, status in answers if status == 200}
    assert len(winners) == 3
    assert {status for who, status in answers if who in winners} == {200}


@pytest.mark.parametrize("on_max_streams", ["deny", "end_oldest"])
def test_who_changes_to_another_title_is_never_refused(make_gate, on_max_streams):
    gate = make_gate(workers=2, **limited(1, on_max_streams, idle=60))
    tv, phone = device(gate), device(gate, "movie4", ua="Phone/1")
    url = sign(master("movie4"))
    left = None
    for n, name in enumerate(zaps(tv) + ("movie1",)):
        assert explained(gate, tv, sign(master(name))) == (("ok", "takes_own_place", 1, 1) if left
                                                           else ("ok", "allows", 0, 1))
        link = segment_of(tv, name)
        if left:
            is_over(tv, left)
        tv.gets(link)
        assert gate.counters()["streams_ended"] == n
        if on_max_streams == "deny":
            phone.is_refused(url, "too_many_streams")
        else:
            assert explained(gate, phone, url) == ("ok", "ends_oldest", 1, 1)
        left = link


def test_who_changes_to_another_title_ends_no_other_device(make_gate):
    gate = make_gate(**limited(2, "end_oldest", idle=60))
    phone, tv = device(gate, "movie4", ua="Phone/1"), device(gate)
    on_phone = segment_of(phone, "movie4")  # idle from now on, and so for longest
    until_past(int(time.time()))
    links = [segment_of(tv, name) for name in zaps(tv)]
    for link in links[:-1]:
        is_over(tv, link)
    tv.gets(links[-1])
    phone.gets(on_phone)
    assert gate.counters()["streams_ended"] == 2


def test_a_link_of_a_title_it_left_ends_not_what_it_watches_now(make_gate):
    """It lapsed first, so nobody ended it when the next one began; then its link is used again."""
    gate = make_gate(**limited(1, "end_oldest"))
    tv, phone = device(gate), device(gate, "movie4", ua="Phone/1")
    zaps(tv)
    left = segment_of(tv, "movie1")
    until(lambda: explained(gate, phone, sign(master("movie4")))[2] == 0, "it has lapsed", deadline=max(DEADLINE, 2 * IDLE))
    link = segment_of(tv, "movie2")
    assert tv.get(left).status == 200  # by its signature, for a moment
    until(lambda: tv.gets(link) and tv.get(left).status == 403, "it has been noticed")
    tv.is_refused(left, "revoked")
    tv.gets(link)
    assert gate.counters()["streams_ended"] == 0
    segment_of(tv, "movie1")  # but to ask for the title is another thing
    is_over(tv, link)


def test_a_place_is_free_some_seconds_after_the_last_request(make_gate):
    gate = make_gate(**limited())
    tv, phone = device(gate), device(gate, "movie2", ua="Phone/1")
    url = sign(master("movie2"))
    link = segment_of(tv, "movie1")
    keeps_playing(tv, link, time.monotonic() + 2 * IDLE)
    stopped = time.monotonic()
    phone.is_refused(url, "too_many_streams")  # who plays never looks idle
    until(lambda: phone.get(url).status == 200, "the place is free", deadline=max(DEADLINE, 2 * IDLE))
    assert IDLE / 2 < time.monotonic() - stopped < IDLE + 2.5


def test_who_comes_back_by_a_link_is_ended_where_its_place_is_taken(make_gate):
    gate = make_gate(**limited())
    tv, phone = device(gate), device(gate, "movie2", ua="Phone/1")
    on_tv = segment_of(tv, "movie1")
    until(lambda: phone.get(sign(master("movie2"))).status == 200, "the place is free", deadline=max(DEADLINE, 2 * IDLE))
    on_phone = segment_of(phone, "movie2")
    assert tv.get(on_tv).status == 200  # by its signature, for a moment
    began = time.monotonic()
    until(lambda: tv.get(on_tv).status == 403, "it has been noticed")
    assert time.monotonic() - began < 4
    tv.is_refused(on_tv, "revoked")
    tv.is_refused(sign(master("movie1")), "too_many_streams")
    phone.gets(on_phone)


def test_a_session_that_was_ended_frees_its_place(make_gate):
    gate = make_gate(**limited())
    tv, phone = device(gate), device(gate, "movie2", ua="Phone/1")
    tv.gets(sign(master("movie1")))
    phone.is_refused(sign(master("movie2")), "too_many_streams")
    gate.revoke(uid="u1", path=master("movie1"))
    phone.gets(sign(master("movie2")))


def test_who_needs_no_session_does_not_count(make_gate):
    gate = make_gate(**limited(fixed_whitelist=[ELSEWHERE]))
    tv = device(gate)
    for n in (2, 3):
        listed = device(gate, f"movie{n}", ip=ELSEWHERE)
        listed.gets(sign(master(f"movie{n}")))
    tv.gets(sign(master("movie1")))
    for n in (2, 3):  # pictures, by a grant alone
        device(gate, f"movie{n}", ua=f"Page/{n}").gets(f"{BASE}/movie{n}/poster.jpg")
    tv.gets(sign(master("movie1")))


def test_a_reload_changes_the_limit_and_ends_nobody(make_gate):
    gate = make_gate(**limited(2, idle=60))
    first, second, third = (device(gate, f"movie{n}", ua=f"Player/{n}") for n in (1, 2, 3))
    links = [segment_of(first, "movie1"), segment_of(second, "movie2")]
    url = sign(master("movie3"))
    third.is_refused(url, "too_many_streams")
    gate.reload(**limited(1, idle=60))
    until(lambda: explained(gate, third, url)[-1] == 1, "the lower limit is in force")
    first.gets(links[0])
    second.gets(links[1])
    first.gets(sign(master("movie1")))
    third.is_refused(url, "too_many_streams")
    gate.reload(**limited(3, idle=60))
    until(lambda: third.get(url).status == 200, "the higher limit is in force")
    gate.reload(access={"max_streams": 0})
    until(lambda: explained(gate, third, url) == ("ok",), "there is no limit any more")
    fourth = device(gate, "movie4", ua="Player/4")
    fourth.gets(sign(master("movie4")))


def test_an_explanation_shows_count_and_limit_and_changes_nothing(make_gate):
    gate = make_gate(**limited(2, idle=60))
    first, second, third = (device(gate, f"movie{n}", ua=f"Player/{n}") for n in (1, 2, 3))
    url = sign(master("movie3"))
    assert explained(gate, third, url) == ("ok", "allows", 0, 2)
    link = segment_of(first, "movie1")
    second.gets(sign(master("movie2")))
    assert explained(gate, third, url) == ("too_many_streams", "refuses", 2, 2)
    assert explained(gate, second, sign(master("movie2"))) == ("ok", "allows", 1, 2)
    gate.reload(**limited(2, "end_oldest", idle=60))
    until(lambda: explained(gate, third, url) == ("ok", "ends_oldest", 2, 2), "the other choice is in force")
    first.gets(link)
    assert gate.count_of("too_many_streams") == 0


@pytest.mark.once
class TestTwoDaemonsOnOneRedis:
    @pytest.fixture
    def pair(self, make_gate, redis):
        def make(**config):
            return [make_gate(folder=f"gate{n}", store=on_redis(redis), **config) for n in range(2)]

        return make

    def test_count_together(self, pair):
        a, b = pair(**limited(2, idle=60))
        tv, laptop = device(a), device(a, "movie2", ua="Laptop/1")
        phone = device(b, "movie3", ua="Phone/1")
        link = segment_of(tv, "movie1")
        at(b, laptop).gets(sign(master("movie2")))
        url = sign(master("movie3"))
        for gate in (a, b):
            at(gate, phone).is_refused(url, "too_many_streams")
            at(gate, tv).gets(link)
            assert explained(gate, phone, url) == ("too_many_streams", "refuses", 2, 2)

    @pytest.mark.multiworker
    def test_of_many_at_once_so_many_begin(self, pair):
        gates = pair(**limited(3, idle=60, policy={"playlist": ["token", "session"]}))
        gates[0].streams.movie()
        who = [(f"127.0.{10 + n}.1", "Racer") for n in range(8)]
        answers = race(gates, sign(master("movie1")), who, 2)
        winners = {who for who, status in answers if status == 200}
        assert len(winners) == 3
        assert {status for who, status in answers if who in winners} == {200}
        assert {status for who, status in answers if who not in winners} == {403}

    def test_the_one_ended_is_refused_by_both(self, pair):
        a, b = pair(**limited(1, "end_oldest", idle=60))
        tv, phone = device(a), device(b, "movie2", ua="Phone/1")
        on_tv = segment_of(tv, "movie1")
        on_phone = segment_of(phone, "movie2")
        until(lambda: all(at(gate, tv).get(on_tv).status == 403 for gate in (a, b) for _ in range(4)),
              "ended everywhere", deadline=1)
        for gate in (a, b):
            at(gate, tv).is_refused(on_tv, "revoked")
            at(gate, phone).gets(on_phone)

    def test_zapping_from_one_to_the_other(self, pair):
        a, b = pair(**limited(1, idle=60))
        tv, phone = device(a), device(a, "movie4", ua="Phone/1")
        left = segment_of(tv, "movie1")
        for gate, name in zip((b, a), zaps(tv)[1:]):
            link = segment_of(at(gate, tv), name)
            for both in (a, b):
                is_over(at(both, tv), left)
                at(both, tv).gets(link)
                at(both, phone).is_refused(sign(master("movie4")), "too_many_streams")
            left = link

    def test_a_place_is_free_when_the_player_stops_wherever_it_played(self, pair):
        a, b = pair(**limited())
        tv, phone = device(a), device(b, "movie2", ua="Phone/1")
        url = sign(master("movie2"))
        on_tv = segment_of(tv, "movie1")
        keeps_playing(at(b, tv), on_tv, time.monotonic() + 2 * IDLE)  # begun at one, played at the other
        at(a, phone).is_refused(url, "too_many_streams")
        until(lambda: at(a, phone).get(url).status == 200, "the place is free", deadline=max(DEADLINE, 2 * IDLE))
        assert at(b, tv).get(on_tv).status == 200  # it comes back, to the one that has not heard
        until(lambda: all(at(gate, tv).get(on_tv).status == 403 for gate in (a, b)), "it is ended everywhere")

    def test_verdicts_do_not_lead_round_it(self, pair):
        """Segments by session: each asks Redis, or what it said a moment ago."""
        a, b = pair(**limited(policy={"segment": ["session"]}))
        segment = f"{BASE}/movie1/hd/s0.ts"
        tv, phone = device(a), other_viewer(a, "Phone/1", path=master("movie2"))
        a.streams.movie("movie2")
        tv.gets(sign(master("movie1")))
        for gate in (a, b):
            at(gate, tv).gets(segment)
        until(lambda: at(b, phone).get(sign(master("movie2"))).status == 200, "the place is free",
              deadline=max(DEADLINE, 2 * IDLE))
        for gate in (a, b):
            at(gate, tv).is_refused(segment, "too_many_streams")
