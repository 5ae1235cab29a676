"""The access log: a line for every request that is over, that no input can forge and no secret is in, and that nobody
waits for."""
import collections
import concurrent.futures
import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import threading
from urllib.parse import quote, unquote, urlsplit

import pytest

from support.access_log import Log, logging
from support.gate import BINARY, HOME, KEYS, run, uri_ending
from support.signing import sign
from support.wait import until

BASE = "/v/2026-01-02/movie1"
MASTER = f"{BASE}/master.m3u8"
OPEN = {"policy": {"segment": [], "other": []}}


@pytest.fixture
def logged(make_gate):
    return make_gate(log=logging())


def test_what_a_line_says(logged):
    v = logged.admitted()
    child = uri_ending(v.gets(sign(MASTER)).text, MASTER, "hd/index.m3u8")
    link = uri_ending(v.gets(child).text, child, "s1.ts")
    response = v.gets(link, {"Range": "bytes=10-109"}, status=206)
    line, = Log(logged).wait_for(f"{BASE}/hd/s1.ts")
    want = {"outcome": "partial", "status": 206, "bytes": len(response.body), "client": HOME, "method": "GET",
            "class": "segment", "uid": "u1", "stream": "hd", "range": "bytes=10-109", "user_agent": "Player/1.0",
            "tls": logged.protocol.is_tls, "protocol": "HTTP/2" if logged.protocol.is_h2 else "HTTP/1.1"}
    assert want.items() <= (line | {"stream": "hd"}).items() and line["stream"] == "movie1"
    assert line["cache"] in ("hit", "miss") and 0 < line["first_byte_ms"] <= line["total_ms"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


def test_refusals_and_the_api_are_lines_too(logged):
    v = logged.admitted()
    v.is_refused(sign(MASTER, ttl=-1), "token_expired")
    assert Log(logged).wait_for(MASTER)[0]["outcome"] == "token_expired"
    line = Log(logged).wait_for("/api/whitelist")[0]
    assert (line["class"], line["status"], line["method"]) == ("api", 200, "POST")


@pytest.mark.h1_only
def test_no_request_at_all_is_a_line(logged):
    with logged.connect() as c:
        c.send(b"\x01\x02 nonsense\r\n\r\n")
        c.read()
    line, = until(lambda: [line for line in Log(logged).lines() if line["outcome"] == "bad_request"])
    assert line["status"] == 400 and "path" not in line


def test_combined(make_gate):
    gate = make_gate(log=logging("combined"))
    v = gate.admitted()
    v.gets(sign(MASTER))
    line = until(lambda: [line for line in Log(gate).combined() if line["path"] == MASTER])[0]
    assert (line["client"], line["uid"], line["status"], line["ua"]) == (HOME, "u1", "200", "Player/1.0")
    assert (line["outcome"], line["class"], line["stream"], line["range"]) == ("ok", "playlist", "movie1", "-")


@pytest.mark.parametrize("format", ["json", "combined"])
def test_no_line_holds_what_lets_anybody_in(make_gate, format):
    """Not a token, a gate token, a session, a key of the API, nor where a viewer comes from."""
    gate = make_gate(log=logging(format))
    v = gate.admitted()
    url = sign(MASTER)
    first = v.gets(url, {"Referer": f"https://site.example{url}", "X-Session-ID": "x" * 22})
    child = uri_ending(first.text, MASTER, "hd/index.m3u8")
    playlist = v.gets(child, {"Cookie": "hlsgate_session=a-cookie-of-a-viewer"}).text
    v.gets(uri_ending(playlist, child, "s0.ts"))
    v.gets(uri_ending(playlist, child, "enc.key"))
    gate.fetch("GET", f"/stats?key={KEYS['viewer']}", [("Authorization", f"Bearer {KEYS['viewer']}")])
    until(lambda: b"/stats" in Log(gate).raw() and b"enc.key" in Log(gate).raw(), "all lines")
    text = Log(gate).raw().decode()
    session = re.search(r"hlsgate_session=([^;]+)", first.get("Set-Cookie", "hlsgate_session=none;"))[1]
    gates = re.findall(r"gate=([\w-]+)", first.text + playlist)
    assert gates
    for secret in [urlsplit(url).query[-64:], session, "x" * 22, "a-cookie-of-a-viewer", *gates, *KEYS.values()]:
        assert secret not in text, secret


HOSTILE_UAS = [
    'x" 200 1 "-" "y', "}{\"outcome\":\"ok\"}", "\\", "\\n\\u0000", "<script>alert(1)</script>", "tab\there",
    "\u4e2d\u6587 \u0441\u043b\u043e\u0432\u043e \U0001f3ac", "\u202eevil\u2066", "\x85next\x9b31m", "A" * 10_000,
]
HOSTILE_PATHS = ['/v/a"b.ts', "/v/a b.ts", "/v/{}.ts", "/v/%41%25.ts", "/v/\u4e2d\u6587.ts", "/v/\u202etxt.ts", "/v/&<>'.ts",
                 "/v/\u2028line.ts", "/v/\u05d0\u05d1.ts", "/v/" + "x" * 3000 + ".ts"]


@pytest.mark.parametrize("ua", HOSTILE_UAS, ids=range(len(HOSTILE_UAS)))
def test_hostile_user_agents_stay_in_their_place(make_gate, ua):
    json_gate = make_gate(access=OPEN, log=logging())
    path = json_gate.streams.write("/v/s.ts", b"bytes")
    json_gate.viewer(ua=ua.encode().decode("latin-1")).gets(path)
    line, = Log(json_gate).wait_for(path)
    assert line["user_agent"] == ua.strip(" \t")[:1024] and line["status"] == 200
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]",
                         Log(json_gate).raw())


@pytest.mark.parametrize("format", ["json", "combined"])
def test_hostile_paths_stay_in_their_place(make_gate, format):
    gate = make_gate(access=OPEN, log=logging(format))
    for path in HOSTILE_PATHS:
        assert gate.viewer().get(quote(path)).status == 404
    log = Log(gate)
    read = log.lines if format == "json" else log.combined
    until(lambda: len([line for line in read() if line["status"] in (404, "404")]) >= len(HOSTILE_PATHS), "all lines")
    paths = [line["path"] for line in read() if line["status"] in (404, "404")]
    if format == "combined":
        paths = [unquote(path) for path in paths]
    assert sorted(paths) == sorted(path[:2048] for path in HOSTILE_PATHS)


@pytest.mark.h1_only
def test_bytes_of_no_alphabet(make_gate):
    gate = make_gate(access=OPEN, log=logging())
    path = gate.streams.write("/v/s.ts", b"bytes")
    gate.viewer(ua="bad \xff\xfe utf-8 \xc3").gets(path)
    assert Log(gate).wait_for(path)[0]["user_agent"] == r"bad \xff\xfe utf-8 \xc3"


# ---- rotation


def rotated_lines(gate, names):
    seen = collections.Counter()
    for name in names:
        seen.update(line["path"] for line in Log(gate, name).lines() if line["class"] == "segment")
    return seen


@pytest.mark.multiworker
def test_rotation_under_load_loses_no_line(make_gate):
    """Every request of a storm stands exactly once in one of the files, whatever moment the file was renamed in."""
    gate = make_gate(access=OPEN, log=logging())
    gate.streams.write("/v/s.ts", b"bytes")
    viewers, each, rotations = 4, 150, 8

    def storm(number):
        with gate.connect() as c:
            for i in range(each):
                c.request("GET", f"/v/n{number}-{i}.ts")
                assert c.read().status == 404

    def rotate(number):
        seen = Log(gate).path.stat().st_size
        until(lambda: Log(gate).path.stat().st_size > seen or storms_are_over(), "lines between two rotations")
        Log(gate).path.rename(gate.folder / f"access.log.{number}")
        gate.signal(signal.SIGUSR1)
        until(Log(gate).path.exists, "a new file")

    with concurrent.futures.ThreadPoolExecutor(viewers) as pool:
        storms = [pool.submit(storm, number) for number in range(viewers)]

        def storms_are_over():
            return all(s.done() for s in storms)

        for number in range(rotations):
            rotate(number)
        for s in storms:
            s.result()
    names = ["access.log", *(f"access.log.{number}" for number in range(rotations))]
    until(lambda: sum(rotated_lines(gate, names).values()) >= viewers * each, "all lines")
    lines = rotated_lines(gate, names)
    assert lines == collections.Counter(f"/v/n{n}-{i}.ts" for n in range(viewers) for i in range(each))
    assert gate.stats()["access_log"] | {"lines": 0} == {"lines": 0, "dropped": 0, "lost": 0}


def test_what_cannot_be_opened_anew_stays_where_it_was(logged):
    moved = logged.folder / "moved"
    Log(logged).path.rename(moved)
    Log(logged).path.mkdir()
    logged.signal(signal.SIGUSR1)
    until(lambda: "SIGUSR1: cannot write the access log" in logged.log, "it says so")
    before = moved.stat().st_size
    logged.viewer().get("/v/none.ts")
    until(lambda: moved.stat().st_size > before, "it goes on")


def test_reload_moves_it_and_changes_its_form(logged):
    # What waits to be written goes to the new place in its old form: here that is the start's own request.
    until(lambda: Log(logged).of("/health"), "nothing waits")
    logged.reload(log=logging("combined", path="other.log"))
    logged.viewer().get("/v/other.ts")
    until(lambda: [line for line in Log(logged, "other.log").combined() if line["path"] == "/v/other.ts"], "it stands there")
    logged.reload(log={})
    size = len(Log(logged, "other.log").raw())
    logged.viewer().get("/v/unseen.ts")
    logged.stats()
    logged.reload(log=logging(path="third.log"))
    logged.viewer().get("/v/third.ts")
    Log(logged, "third.log").wait_for("/v/third.ts")
    assert len(Log(logged, "other.log").raw()) == size
    assert b"unseen" not in Log(logged, "third.log").raw()


def test_file_is_not_everybodys(logged):
    assert stat.S_IMODE(Log(logged).path.stat().st_mode) & 0o007 == 0


def test_stop_writes_what_waits(make_gate):
    gate = make_gate(log=logging())
    for i in range(50):
        gate.viewer().get(f"/v/n{i}.ts")
    gate.stop()
    assert len([line for line in Log(gate).lines() if line["class"] == "segment"]) == 50


# ---- places that take nothing


def ask_many(gate, count, ua="A" * 1000):
    """How long the slowest of them took to be answered is the client's business: all must be, in time."""
    v = gate.viewer(ua=ua)
    with v.connect() as c:
        for i in range(count):
            c.request("GET", f"/v/n{i}.ts", v.fields())
            assert c.read().status == 404


def figures(gate):
    return gate.stats()["access_log"]


def test_pipe_that_nobody_reads_costs_lines_and_no_viewer(make_gate):
    pipe = None

    gate = make_gate(start=False, access=OPEN, workers=1, log=logging(path="pipe", queue="64KiB"))
    os.mkfifo(gate.folder / "pipe")
    pipe = os.open(gate.folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        gate.start()
        ask_many(gate, 600)
        until(lambda: figures(gate)["dropped"] > 0, "lines are dropped")
        until(lambda: re.search(r"access log: .*lines are dropped", gate.log), "it says so")
        ask_many(gate, 20)
        gate.stop()  # within the time of a stop, though the pipe is still full
    finally:
        os.close(pipe)


def test_reader_that_comes_back_gets_whole_lines(make_gate):
    gate = make_gate(start=False, access=OPEN, workers=1, log=logging(path="pipe", queue="64KiB"))
    os.mkfifo(gate.folder / "pipe")
    pipe = os.open(gate.folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    got = bytearray()

    def read_some():
        try:
            got.extend(os.read(pipe, 1 << 20))
        except BlockingIOError:
            pass
        return got

    try:
        gate.start()
        ask_many(gate, 600)
        until(lambda: figures(gate)["dropped"] > 0, "lines are dropped")
        until(lambda: b"/v/last.ts" in (gate.viewer().get("/v/last.ts") and read_some()), "the last line")
        accepted = figures(gate)["lines"]
        until(lambda: read_some().count(b"\n") >= accepted, "all that was accepted")
        for line in got.split(b"\n")[:-1]:
            json.loads(line)
        stopped = threading.Event()
        drain = threading.Thread(target=lambda: [until(lambda: (read_some(), stopped.wait(0.01))[1], deadline=60)])
        drain.start()
        gate.stop()
        stopped.set()
        drain.join()
    finally:
        os.close(pipe)


def test_full_disk_costs_lines_and_no_viewer(make_gate):
    gate = make_gate(access=OPEN, log=logging(path="/dev/full"))
    ask_many(gate, 50)
    until(lambda: figures(gate)["lost"] >= 50, "lines are lost")
    until(lambda: "access log: No space left on device" in gate.log, "it says so")


@pytest.mark.once
def test_line_that_a_full_disk_cut_is_ended(make_gate):
    """A file that may not grow (RLIMIT_FSIZE) and then may: the torn line is on a line of its own, the rest is whole."""
    gate = make_gate(start=False, access=OPEN, log=logging())
    limit = 30_001
    gate.start()
    pid = gate.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    ask_many(gate, 50)
    until(lambda: figures(gate)["lost"] > 0, "lines are lost")
    assert Log(gate).path.stat().st_size == limit
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    gate.viewer().get("/v/after.ts")
    until(lambda: b"/v/after.ts" in Log(gate).raw(), "written again")
    torn = []
    for line in Log(gate).raw().split(b"\n")[:-1]:
        try:
            json.loads(line)
        except ValueError:
            torn.append(line)
    assert len(torn) <= 1


# ---- other places


def listen_at(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(str(path))
    s.settimeout(20)
    return s


def receive_line_of(s, path):
    while True:
        datagram = s.recv(1 << 16)
        if path in datagram:
            return datagram


@pytest.mark.parametrize("to", ["syslog", "journald"])
def test_datagrams(make_gate, to):
    gate = make_gate(start=False, log={"access": {"to": to, "socket": "socket"}})
    with listen_at(gate.folder / "socket") as s:
        gate.start()
        gate.viewer(ua='Player "1"').get("/v/a.ts")
        got = receive_line_of(s, b"/v/a.ts").decode()
    if to == "journald":
        *fields, message = got.rstrip("\n").split("\n")
        assert fields == ["PRIORITY=6", "SYSLOG_IDENTIFIER=hlsgate"] and message.startswith("MESSAGE=")
        line = message.removeprefix("MESSAGE=")
    else:
        line = re.fullmatch(r"<30>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d hlsgate\[(\d+)\]: (.*)", got)[2]
    assert json.loads(line)["user_agent"] == 'Player "1"'


def test_restarted_syslog_gets_lines_again(make_gate):
    gate = make_gate(start=False, log={"access": {"to": "syslog", "socket": "socket"}})
    path = gate.folder / "socket"
    with listen_at(path) as s:
        gate.start()
        gate.viewer().get("/v/a.ts")
        receive_line_of(s, b"/v/a.ts")
    path.unlink()
    gate.viewer().get("/v/b.ts")
    until(lambda: figures(gate)["lost"] > 0, "nobody is there")
    with listen_at(path) as s:
        gate.viewer().get("/v/c.ts")
        receive_line_of(s, b"/v/c.ts")


def test_stdout(make_gate):
    """The harness lets it go where stderr does."""
    gate = make_gate(log={"access": {"to": "stdout"}})
    gate.viewer().get("/v/a.ts")
    until(lambda: re.search(r'^\{"time":.*"/v/a.ts".*\}$', gate.log, re.M), "a line")


# ---- mistakes


@pytest.mark.once
@pytest.mark.parametrize("access, said", [
    ({"path": "/nowhere/at/all.log"}, "/nowhere/at/all.log"),
    ({"path": "."}, "Is a directory"),
    ({"to": "journald", "socket": "nothing"}, "nothing"),
    ({"to": "printer"}, "log.access.to"),
    ({"format": "xml"}, "log.access.format"),
    ({"queue": "1KiB"}, "log.access.queue"),
])
def test_mistakes_are_named(make_gate, access, said):
    gate = make_gate(start=False, log={"access": access})
    done = run("check", "-c", gate.config_file, check=False)
    assert done.returncode != 0 and said in done.stderr + done.stdout
    done = subprocess.run([BINARY, "serve", "-c", gate.config_file], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and said in done.stderr


@pytest.mark.once
def test_pipe_without_a_reader_is_a_mistake(make_gate):
    gate = make_gate(start=False, log=logging(path="pipe"))
    os.mkfifo(gate.folder / "pipe")
    done = run("check", "-c", gate.config_file, check=False)
    assert done.returncode != 0 and "nobody reads" in done.stderr + done.stdout
