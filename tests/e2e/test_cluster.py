"""Several servers of one origin: who is asked, who is left out, and how he comes back."""
import concurrent.futures
import re

import pytest

from support.gate import http_origin
from support.origin import close, data, head, reset, rx, stall, tx
from support.streams import bytes_of
from support.wait import until

OPEN = {"policy": {"segment": [], "playlist": []}}
UNCACHED = {"ttl": "0s", "stale_if_error": "0s"}
# Failures follow each other at once, and nobody is out for long.
QUICK = {"connect_timeout": "1s", "first_byte_timeout": "2s", "retry_pause": "10ms", "eject_after": 2,
         "eject_time": "300ms", "eject_max": "1s"}


@pytest.fixture
def servers(make_origin):
    """Three that answer with their number."""
    return [make_origin().routes(lambda request, i=i: tx(200, str(i).encode())) for i in range(3)]


@pytest.fixture
def start(make_gate):
    def start(servers, workers=1, **http):
        return make_gate(access=OPEN, workers=workers, cache=UNCACHED, origins=[http_origin(*servers, **QUICK | http)])

    return start


def path(stream, i=0):
    return f"/v/2026-01-02/{stream}/hd/s{i}.ts"


class TestBalance:
    def test_round_robin(self, start, servers):
        gate = start(servers, balance="round_robin")
        for i in range(30):
            gate.viewer().gets(path("movie", i))
        assert [s.count() for s in servers] == [10, 10, 10]

    def test_hash_keeps_a_stream_on_its_server(self, start, servers):
        gate = start(servers, workers=2)
        for stream in range(30):
            answers = {gate.viewer().gets(path(f"movie{stream}", i)).body for i in range(4)}
            assert len(answers) == 1
        assert all(s.count() >= 8 for s in servers)

    def test_hash_moves_the_share_of_a_new_server_and_no_more(self, start, servers):
        paths = [path(f"movie{i}") for i in range(60)]
        gate = start(servers[:2])
        before = {p: gate.viewer().gets(p).body for p in paths}
        gate.reload(origins=[http_origin(*servers, **QUICK)])
        until(lambda: gate.viewer().gets(paths[0]) and servers[2].url in gate.servers(), "the third one")
        after = {p: gate.viewer().gets(p).body for p in paths}
        moved = [p for p in paths if before[p] != after[p]]
        assert all(after[p] == b"2" for p in moved) and 5 <= len(moved) <= 40

    def test_least_avoids_who_is_busy(self, start, make_origin):
        busy, idle = make_origin(), make_origin()
        hold = busy.barrier()
        busy.routes(lambda request: [hold, tx(200, b"busy")])
        idle.routes(lambda request: tx(200, b"idle"))
        gate = start([busy, idle], balance="least")
        held = []
        while not hold.is_reached.is_set():
            held.append(gate.viewer().start(path("movie", len(held))))
            until(lambda: busy.count() + idle.count() == len(held), "asked")
        for i in range(100, 110):
            assert gate.viewer().gets(path("movie", i)).body == b"idle"
        hold.open()
        for c in held:
            with c:
                c.read()


class TestRetry:
    """Whatever happens before the head, the viewer doesn't see."""

    @pytest.mark.parametrize("failure", [[tx(502)], [tx(503)], [tx(504)], [reset()], [close()], [stall()],
                                         [lambda peer: peer.send(b"garbage\r\n\r\n"), close()]],
                             ids=["502", "503", "504", "reset", "closed", "silence", "garbage"])
    def test_another_server_answers(self, start, make_origin, failure):
        """Both may be the one that fails: it is whoever is asked first."""
        servers = [make_origin(), make_origin()]
        tried = []

        def program(request):
            tried.append(request)
            return failure if len(tried) == 1 else tx(200, b"content")

        for server in servers:
            server.routes(program)
        gate = start(servers, first_byte_timeout="300ms")
        assert gate.viewer().gets(path("movie")).body == b"content"
        assert [s.count() for s in servers] == [1, 1]
        assert gate.counters()["fetch_retries"] == 1

    def test_the_same_server_when_there_is_no_other(self, start, origin):
        for answer in (503, 503, 200):
            origin.script(rx("GET", path("movie")), tx(answer, b"content"))
        gate = start([origin])
        assert gate.viewer().gets(path("movie")).body == b"content"
        first, second, third = [r.at for r in origin.asked()]
        assert third - second > second - first > 0.005  # it pauses, and longer each time

    def test_has_an_end(self, start, origin):
        origin.routes(lambda request: tx(503))
        gate = start([origin], retries=3)
        gate.viewer().is_refused(path("movie"), "origin_error")
        assert origin.count() == 4

    def test_deadline_of_all_tries_together(self, start, origin):
        origin.routes(lambda request: stall())
        gate = start([origin], retries=20, first_byte_timeout="200ms", deadline="1s")
        gate.viewer().is_refused(path("movie"), "origin_timeout")
        assert 2 <= origin.count() <= 6

    @pytest.mark.parametrize("status", [404, 403, 500])
    def test_answers_that_are_no_failures_are_not_tried_again(self, start, servers, status):
        for server in servers:
            server.routes(lambda request: tx(status))
        gate = start(servers)
        assert gate.viewer().get(path("movie")).status in (404, 403, 502)
        assert sum(s.count() for s in servers) == 1


class TestResume:
    BODY = bytes_of("body", 500_000)
    CUT = 200_000

    def breaking(self, fields, ending=reset, hold=None):
        """Half of it. With a barrier, the viewer can have the head before it breaks."""
        steps = [head(200, content_length=len(self.BODY), **fields), data(self.BODY[:self.CUT]), hold, ending()]
        return [step for step in steps if step]

    def first_of(self, request):
        return int(re.fullmatch(r"bytes=(\d+)-\d*", request.get("Range") or "bytes=0-")[1])

    def resumption(self, request, fields, body=None):
        first, body = self.first_of(request), body or self.BODY
        return tx(206, body[first:], content_range=f"bytes {first}-{len(body) - 1}/{len(body)}", **fields)

    @pytest.mark.multiworker
    @pytest.mark.parametrize("fields, condition", [
        ({"etag": '"abc"'}, '"abc"'),
        ({"last_modified": "Sun, 01 Dec 2024 10:00:00 GMT"}, "Sun, 01 Dec 2024 10:00:00 GMT"),
        ({"etag": 'W/"weak"', "last_modified": "Sun, 01 Dec 2024 10:00:00 GMT"}, "Sun, 01 Dec 2024 10:00:00 GMT"),
    ])
    @pytest.mark.parametrize("ending", [reset, close, stall])
    @pytest.mark.parametrize("count", [1, 2])
    def test_unseen(self, start, make_origin, fields, condition, ending, count):
        servers = [make_origin() for _ in range(count)]

        def program(request):
            if request.get("Range") is None:
                return self.breaking(fields, ending)
            assert request.get("If-Range") == condition, request.fields
            return self.resumption(request, fields)

        for server in servers:
            server.routes(program)
        gate = start(servers, workers=2, stall_timeout="300ms")
        response = gate.viewer().gets(path("movie"))
        assert response.body == self.BODY
        assert gate.counters()["fetch_resumes"] == 1
        assert sum(s.count() for s in servers) == 2

    def test_again_and_again(self, start, origin):
        """Each time it gets a little further."""
        size = len(self.BODY)

        def program(request):
            first = self.first_of(request)
            last = min(first + 100_000, size)
            fields = {"etag": '"a"', "content_length": size - first}
            if first:
                fields["content_range"] = f"bytes {first}-{size - 1}/{size}"
            return [head(206 if first else 200, **fields), data(self.BODY[first:last]), *([reset()] * (last < size))]

        origin.routes(program)
        gate = start([origin])
        assert gate.viewer().gets(path("movie")).body == self.BODY
        assert gate.counters()["fetch_resumes"] == origin.count() - 1 >= 4

    @pytest.mark.parametrize("answer", [
        lambda s, r: s.resumption(r, {"etag": '"other"'}),
        lambda s, r: s.resumption(r, {}),
        lambda s, r: s.resumption(r, {"etag": '"a"'}, s.BODY + b"more"),
        lambda s, r: tx(200, s.BODY, etag='"b"'),
        lambda s, r: tx(206, s.BODY[:100], etag='"a"', content_range=f"bytes 0-99/{len(s.BODY)}"),
        lambda s, r: tx(404),
        lambda s, r: head(304, etag='"a"'),
        lambda s, r: tx(416, content_range=f"bytes */{len(s.BODY)}"),
    ], ids=["another ETag", "no ETag", "another length", "200", "other bounds", "404", "304", "416"])
    def test_never_mixed(self, start, origin, answer):
        """What cannot be gone on with is cut: the viewer knows that it is not whole."""
        hold = origin.barrier()
        origin.routes(lambda r: answer(self, r) if r.get("Range") else self.breaking({"etag": '"a"'}, hold=hold), may_leave=True)
        gate = start([origin])
        got = self.taken_until_cut(gate, hold)
        assert self.BODY.startswith(got) and len(got) <= self.CUT
        until(lambda: "origin_broke" in gate.log, "logged")

    def taken_until_cut(self, gate, hold):
        with gate.viewer().start(path("movie")) as c:
            assert int(c.read_head()["Content-Length"]) == len(self.BODY)
            hold.open()
            got = c.read_until_broken()
        until(lambda: gate.count_of("origin_broke") == 1, "counted")
        return got

    def test_without_a_validator(self, start, origin):
        hold = origin.barrier()
        origin.routes(lambda request: self.breaking({}, hold=hold))
        got = self.taken_until_cut(start([origin]), hold)
        assert self.BODY.startswith(got) and len(got) <= self.CUT and origin.count() == 1

    def test_has_an_end(self, start, origin):
        """An origin that breaks off each time without a byte more."""
        hold = origin.barrier()

        def program(request):
            if request.get("Range") is None:
                return self.breaking({"etag": '"a"'}, hold=hold)
            first, size = self.first_of(request), len(self.BODY)
            return [head(206, etag='"a"', content_length=size - first, content_range=f"bytes {first}-{size - 1}/{size}"), close()]

        origin.routes(program)
        gate = start([origin], resumes=3)
        assert self.BODY.startswith(self.taken_until_cut(gate, hold))
        assert origin.count() == 4

    def test_of_a_range_that_is_passed_through(self, make_gate, make_origin):
        origin = make_origin()
        size = len(self.BODY)

        def program(request):
            if request.get("Range") is None:
                return tx(200, self.BODY, etag='"a"')
            first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", request.get("Range")).groups())
            fields = {"etag": '"a"', "content_range": f"bytes {first}-{last}/{size}", "content_length": last + 1 - first}
            if request.get("If-Range"):
                return [head(206, **fields), data(self.BODY[first:last + 1])]
            return [head(206, **fields), data(self.BODY[first:first + 1000]), reset()]

        origin.routes(program)
        gate = make_gate(access=OPEN, cache={"max_object": "64KiB"}, origins=[http_origin(origin, **QUICK)])
        gate.viewer().gets(path("movie"))
        response = gate.viewer().gets(path("movie"), {"Range": "bytes=1000-99999"}, status=206)
        assert response.body == self.BODY[1000:100_000]


class TestEjection:
    def test_a_dead_server_is_left_out_and_comes_back(self, start, servers):
        gate = start(servers, balance="round_robin", eject_time="1s")
        dead = servers[1]
        dead.stop()
        for i in range(20):
            gate.viewer().gets(path("movie", i))
        gate.wait_state(dead, "ejected")
        retries = gate.counters()["fetch_retries"]
        for i in range(20, 30):
            gate.viewer().gets(path("movie", i))
        assert gate.counters()["fetch_retries"] - retries <= 1  # it is left out, but for a trial
        assert gate.counters()["servers_ejected"] >= 1
        assert re.search(rf"{re.escape(dead.url)}.*eject", gate.log)
        dead.start()
        before = dead.count()
        until(lambda: gate.viewer().gets(path("movie")) and dead.count() > before + 1, "it is asked again")
        gate.wait_state(dead, "up")
        assert gate.counters()["servers_returned"] >= 1
        assert len(re.findall(re.escape(dead.url), gate.log)) >= 2

    def test_time_out_grows_while_it_goes_on_failing(self, start, make_origin):
        good, bad = make_origin().routes(lambda r: tx(200, b"x")), make_origin().routes(lambda r: tx(503))
        gate = start([good, bad], balance="round_robin", eject_time="200ms", eject_max="10s")
        until(lambda: gate.viewer().gets(path("movie")) and bad.count() >= 5, "some trials")
        times = [r.at for r in bad.asked()]
        gaps = [b - a for a, b in zip(times, times[1:])][1:4]  # the first two requests eject it
        assert gaps[0] > 0.15 and gaps[1] > 1.5 * gaps[0] and gaps[2] > 1.5 * gaps[1]

    def test_when_all_are_out_all_are_tried(self, start, servers):
        gate = start(servers, retries=0, eject_time="1m", eject_max="1m")
        for server in servers:
            server.stop()
        until(lambda: gate.viewer().get(path(f"movie{gate.stats()['counters']['fetches_total']}")).status == 502 and
              {s["state"] for s in gate.servers().values()} == {"ejected"}, "all are out")
        for server in servers:
            server.start()
        until(lambda: gate.viewer().get(path("movie")).status == 200, "better a try than a refusal")

    def test_not_found_is_no_failure(self, start, origin):
        origin.routes(lambda request: tx(404))
        gate = start([origin])
        for i in range(10):
            gate.viewer().is_refused(path("movie", i), "not_found")
        assert gate.servers()[origin.url]["state"] == "up"

    @pytest.mark.multiworker
    def test_one_trial_at_a_time(self, start, make_origin):
        """Who comes back is not run over."""
        good, bad = make_origin().routes(lambda r: tx(200, b"x")), make_origin()
        gate = start([good, bad], workers=2, balance="round_robin", eject_time="300ms", first_byte_timeout="10s")
        bad.stop()
        until(lambda: gate.viewer().gets(path("movie")) and gate.servers()[bad.url]["state"] == "ejected", "out")
        hold = bad.barrier()
        bad.routes(lambda request: [hold, tx(200, b"x")]).start()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            asking = []
            until(lambda: asking.append(pool.submit(gate.viewer().gets, path("movie", len(asking))))
                  or hold.is_reached.is_set(), "a trial")
            asking += [pool.submit(gate.viewer().gets, path("other", i)) for i in range(40)]
            until(lambda: sum(not f.done() for f in asking) == 1, "all but the trial are served by the other")
            assert bad.count() == 1
            hold.open()
            assert all(f.result().status == 200 for f in asking)


class TestChecks:
    HEALTH = {"path": "/ping", "interval": "50ms", "timeout": "500ms", "rise": 2, "fall": 2}

    def test_take_out_and_bring_back(self, start, make_origin):
        is_well = {}

        def program(request, i):
            if request.path == "/ping":
                return tx(200 if is_well.get(i, True) else 500)
            return tx(200, str(i).encode())

        servers = [make_origin().routes(lambda request, i=i: program(request, i)) for i in range(2)]
        gate = start(servers, workers=2, balance="round_robin", health=self.HEALTH)
        for server in servers:
            server.wait_count(2, "/ping")
        assert {gate.viewer().gets(path("movie", i)).body for i in range(6)} == {b"0", b"1"}
        is_well[1] = False
        gate.wait_state(servers[1], "down")
        assert {gate.viewer().gets(path("movie", i)).body for i in range(6)} == {b"0"}
        assert re.search(rf"{re.escape(servers[1].url)}.*down", gate.log)
        is_well[1] = True
        gate.wait_state(servers[1], "up")
        assert {gate.viewer().gets(path("movie", i)).body for i in range(6)} == {b"0", b"1"}

    @pytest.mark.parametrize("trouble", ["refused", "silent"])
    def test_server_that_cannot_be_asked(self, start, make_origin, trouble):
        server = make_origin().routes(lambda request: tx(204))
        gate = start([server], health=self.HEALTH | {"timeout": "100ms"})
        server.wait_count(1, "/ping")
        if trouble == "refused":
            server.stop()
        else:
            server.routes(lambda request: stall())
        gate.wait_state(server, "down")
        server.routes(lambda request: tx(200))
        if trouble == "refused":
            server.start()
        gate.wait_state(server, "up")

    def test_one_worker_asks_for_all(self, start, origin):
        origin.routes(lambda request: tx(200))
        start([origin], workers=4, health=self.HEALTH | {"interval": "300ms"})
        origin.wait_count(6, "/ping")
        times = [r.at for r in origin.asked("/ping")]
        assert times[5] - times[1] > 0.8

    def test_end_with_the_configuration_that_named_them(self, start, make_origin):
        old, new = [make_origin().routes(lambda request: tx(200)) for _ in range(2)]
        gate = start([old], health=self.HEALTH)
        old.wait_count(1)
        gate.reload(origins=[http_origin(new, **QUICK, health=self.HEALTH)])
        new.wait_count(5)
        before = old.count()
        new.wait_count(new.count() + 5)
        assert old.count() <= before + 1


class TestHealth:
    def test_names_every_server(self, start, servers):
        gate = start(servers, balance="round_robin")
        for i in range(6):
            gate.viewer().gets(path("movie", i))
        (origin,) = gate.api("GET", "/health", key="viewer").json["origins"]
        assert origin["prefix"] == "/" and [s["server"] for s in origin["servers"]] == [s.url for s in servers]
        for server in origin["servers"]:
            assert (server["state"], server["requests"], server["failures"]) == ("up", 2, 0)

    def test_not_without_a_key(self, start, servers):
        assert "origins" not in start(servers).api("GET", "/health", key=None).json

    def test_state_survives_a_reload(self, start, servers):
        gate = start(servers, balance="round_robin", eject_time="1m", eject_max="1m")
        servers[0].stop()
        until(lambda: gate.viewer().gets(path("movie")) and gate.servers()[servers[0].url]["state"] == "ejected", "out")
        gate.reload(session={"ttl": "3600s"})
        gate.reload(session={"ttl": "3601s"})
        assert gate.servers()[servers[0].url]["state"] == "ejected"
