"""Strings that were meant to do harm, in every place that is logged or shown: they come out as text, in their place, and
each request is one line."""
import hashlib
import hmac
import json
import re
from urllib.parse import quote_from_bytes

import pytest

from support.access_log import Log, logging
from support.events import Events
from support.gate import KEYS
from support.signing import SECRET, base64url
from support.wait import until

OPEN = {"policy": {"segment": ["token"], "playlist": ["token"], "other": []}}
HERE = "127.0.9.9"
LARGE = 30_000_000
KEYS_KEPT = 300
NOBODY_EXPIRES = 2_000_000_000
TEXTS = {
    "markup": b"<script>alert(1)</script><img src=x onerror=y>",
    "end of a string": b"\"}],\"x\":[{\"'\\",
    "escapes": rb"\u0000\n\x41%00%0d%0a",
    "line ends": b"a\r\nX: y\n127.0.0.1 - - [x] \"GET / HTTP/1.1\" 200 1\n{\"outcome\":\"ok\"}",
    "terminal": b"\x1b[31m\x07\x08\x7f\x00red",
    "C1": "\x85next\x9b31m".encode(),
    "directions": "\u202egnp.exe\u2066x".encode(),
    "separators": "\u2028a\u2029b\ufeff".encode(),
    "alphabets": "用户 пользователь مستخدم משתמש 🎬".encode(),
    "no UTF-8": b"\xff\xfe\xc3\x28 \xed\xa0\x80 \xf8\x88",
    "formats": b"%s%n%x%p ${jndi:ldap://x} {{7*7}} `id` $(id)",
    "10 KB": b"A" * 10_000,
    "10 KB of two bytes each": "é".encode() * 5_000,
}
NO_TEXT = re.compile(rb"[\x00-\x1f\x7f]")  # in JSON they are escapes
MISLEADING = re.compile(rb"\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]")  # C1, line ends, directions: to a terminal


def no_member_twice(pairs):
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), names
    return dict(pairs)


def read(line):
    return json.loads(line, object_pairs_hook=no_member_twice)


def as_field(text):
    """As it may stand in a field of a request."""
    return re.sub(rb"[\x00-\x1f\x7f]", b"", text).decode("latin-1").strip()


def as_uid(text):
    return re.sub(rb"[\x00-\x1f\x7f:]", b"", text)[:128]


def shown(text):
    """What a reader of JSON gets to see of these bytes: those that are no text as \\xHH."""
    return text.decode(errors="backslashreplace")


def sign(path, uid):
    signed = b"%s:%s:%d" % (uid, path, NOBODY_EXPIRES)
    token = base64url(hmac.new(SECRET, signed, hashlib.sha256).digest())
    return f"{quote_from_bytes(path)}?uid={quote_from_bytes(uid, safe='')}&expires={NOBODY_EXPIRES}&token={token}"


class Hostile:
    """A viewer that is named, and asks for, nothing but this text. `asked`: how many requests there have been."""

    def __init__(self, gate, text):
        self.gate, self.text, self.asked = gate, text, 0
        self.uid, self.ua = as_uid(text), as_field(text)
        self.viewer = gate.viewer(ip=HERE, ua=self.ua)
        gate.streams.write("/v/one.ts", b"x" * 1000)

    def get(self, target, fields=(), status=(400, 401, 403, 404, 414)):
        self.asked += 1
        response = self.viewer.get(target, fields)
        assert response.status in status, (target, response.status)
        return response

    def ask_for_everything(self):
        text, field = self.text[:400], self.ua[:400]  # more would be too large a head together
        part = re.sub(rb"[\x00/\\]", b"", text)[:200]
        encoded = quote_from_bytes(text, safe="")
        self.get(sign(b"/v/one.ts", self.uid), status=[200])
        self.get(sign(b"/v/one.ts", self.uid), {"Range": field, "Referer": field, "X-Forwarded-For": field,
                                                "If-None-Match": field, "Accept-Encoding": field}, status=[200])
        self.get(sign(b"/v/one.ts", self.uid), {"Range": f"bytes=0-9, {field}"}, status=[200, 206])
        self.get(sign(b"/v/2026-01-02/" + part + b"/x.ts", self.uid))
        self.get(sign(b"/v/2026-01-02/" + part + b"/x.key", self.uid))
        self.get(sign(b"/v/one.key", self.uid))
        self.get(f"/v/2026-01-02/{encoded}/x.m3u8")
        self.get(f"/v/one.ts?uid={encoded}&expires={encoded}&token={encoded}&scope={encoded}")
        self.get(f"/v/one.ts?uid={encoded}&expires={NOBODY_EXPIRES}&gate={'A' * 22}")
        self.get(f"/v/one.m3u8?{encoded}", {"X-Session-ID": field, "Cookie": f"hlsgate_session={field}"})
        self.get("/stats", {"Authorization": f"Bearer {field}"})
        self.get(f"/api/{encoded}")
        self.get(f"/debug/explain?url={encoded}&ip={encoded}&ua={encoded}")


@pytest.fixture(params=TEXTS)
def text(request):
    return TEXTS[request.param]


def lines_of(log, asked):
    """All there are of the hostile viewer's, when all have come."""
    def mine():
        lines = [line for line in log.raw().split(b"\n")[:-1] if HERE.encode() in line]
        return lines if len(lines) >= asked else None

    found = until(mine, f"{asked} lines")
    assert len(found) == asked
    return found


def check_access_log(gate, hostile):
    for line in map(read, lines_of(Log(gate), hostile.asked)):
        assert line["client"] == HERE and line["status"] >= 200 and line["outcome"]
        ua = shown(hostile.ua.encode("latin-1"))
        assert line["user_agent"] == ua or len(line["user_agent"]) >= 500 and ua.startswith(line["user_agent"])
        if line["status"] in (200, 206):
            assert line["uid"] == shown(hostile.uid)
    raw = Log(gate).raw()
    assert not NO_TEXT.search(raw.replace(b"\n", b"")) and not MISLEADING.search(raw)


def api(gate, path):
    """An answer that a browser cannot take for anything but JSON."""
    response = gate.api("GET", path, key="viewer")
    assert response.status == 200 and response["Content-Type"] == "application/json"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert not NO_TEXT.search(response.body.rstrip(b"\n"))
    return read(response.body)


def logs_of_api(gate, name):
    return [log for log in api(gate, f"/api/{name}")["logs"] if log["client_ip"] == HERE]


def check_logs_of_the_api(gate, hostile):
    """There texts are cut, perhaps in the middle of a letter."""
    ua, uid = shown(hostile.ua.encode("latin-1"))[:50], shown(hostile.uid)[:30]
    recent = until(lambda: len(logs := logs_of_api(gate, "access-logs/recent")) == hostile.asked and logs, "each once")
    for log in recent + logs_of_api(gate, "access-logs/denied") + logs_of_api(gate, "key-access-logs"):
        assert log["user_agent"][:50] == ua
        assert log["checks"] and all(check["check"] and check["verdict"] and check["text"] for check in log["checks"])
    served = [log for log in recent if log["status"] == 200]
    assert served and all(log["uid"].startswith(uid) for log in served)
    tokens = [check for log in served for check in log["checks"] if check["check"] == "token"]
    assert tokens and all(f"uid '{uid}" in check["text"] and check["inputs"]["uid"].startswith(uid) for check in tokens)
    api(gate, "/api/replay-logs")
    api(gate, "/api/access-logs/summary")


def check_own_log(gate, hostile):
    """Where an administrator reads in a terminal."""
    refused = sum(log["status"] >= 400 for log in logs_of_api(gate, "access-logs/recent"))
    until(lambda: gate.log.count(HERE) >= refused, "each refusal is said")
    for line in gate.stderr_file.read_bytes().split(b"\n")[:-1]:
        assert re.match(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info |warn |error) ", line), line
        assert not NO_TEXT.search(line) and not MISLEADING.search(line), line


def test_logs(make_gate, text):
    gate = make_gate(access=OPEN, log=logging())
    hostile = Hostile(gate, text)
    hostile.ask_for_everything()
    check_access_log(gate, hostile)
    check_logs_of_the_api(gate, hostile)
    check_own_log(gate, hostile)


def test_a_log_full_of_them(make_gate):
    """Of the longest, each byte of which is five in JSON: with what each check judged by it is told whole."""
    gate = make_gate(access={"policy": {"key": ["token", "grant", "session", "use_limit"]}})
    viewer = gate.viewer(ip=HERE, ua="\xff" * 400)
    for _ in range(KEYS_KEPT):
        assert viewer.get(sign(b"/v/2026-01-02/" + b'"' * 200 + b"/x.key", b"\xff" * 128)).status == 403
    logs = until(lambda: len(logs := logs_of_api(gate, "key-access-logs")) == KEYS_KEPT and logs, "all of them")
    assert all([check["check"] for check in log["checks"]] == ["class", "viewer", "token", "grant", "session", "use_limit"]
               for log in logs)
    token, grant = (next(check for check in logs[0]["checks"] if check["check"] == name) for name in ("token", "grant"))
    assert token["inputs"]["uid"] == grant["inputs"]["uid"] == "\\xff" * 64


def test_access_log_in_the_combined_format(make_gate, text):
    gate = make_gate(access=OPEN, log=logging("combined"))
    hostile = Hostile(gate, text)
    hostile.ask_for_everything()
    lines_of(Log(gate), hostile.asked)
    for line in Log(gate).combined():
        assert re.fullmatch(r"[a-z_]+", line["outcome"]) and 200 <= int(line["status"]) < 600
    raw = Log(gate).raw()
    assert not NO_TEXT.search(raw.replace(b"\n", b"")) and not MISLEADING.search(raw)


def test_figures_of_the_api(make_gate, text):
    gate = make_gate(access=OPEN)
    hostile = Hostile(gate, text)
    folder = re.sub(rb"[\x00-\x1f\x7f/\\]", b"", text)[:200].decode(errors="ignore")  # a path must be UTF-8
    path = gate.streams.write(f"/v/2026-01-02/{folder}/large.ts", b"x" * LARGE).encode()
    with hostile.viewer.start(sign(path, hostile.uid), receive_buffer=8 << 10) as c:
        assert c.read_head().status == 200
        row, = until(lambda: api(gate, "/active-transfers")["transfers"], "it runs")
        assert row["uid"] == shown(hostile.uid) and row["path"][:100] == shown(path)[:100]
        assert row["user_agent"][:50] == shown(hostile.ua.encode("latin-1"))[:50]
        uids = until(lambda: [line["uid"] for line in api(gate, "/traffic")["top"]], "it is counted")
        assert uids == [shown(hostile.uid)]
        with Events(gate, {"Authorization": f"Bearer {KEYS['viewer']}"}) as events:
            snapshot = events.snapshot()
        row, = snapshot["transfers"]["transfers"]
        assert row["uid"] == shown(hostile.uid)
