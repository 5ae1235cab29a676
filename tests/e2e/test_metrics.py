"""/metrics: the text format, names by its conventions, figures that are right, labels that nobody outside can make more
of; and what examples/monitoring makes of it."""
import collections
import json
import re
import subprocess
import time

import pytest

from support.fleet import on_redis
from support.gate import KEYS, OUTCOMES, ROOT, http_origin
from support.origin import rx, tx
from support.signing import sign
from support.wait import until

BASE = "/v/2026-01-02/movie1"
MASTER = f"{BASE}/master.m3u8"
SEGMENT = f"{BASE}/hd/s0.ts"
OPEN = {"policy": {"segment": []}}
MONITORING = ROOT / "examples/monitoring"
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\.)*",?)+)\})? (\S+)')
CLASSES = ["key", "playlist", "segment", "static", "other"]


def text_of(gate):
    response = gate.api("GET", "/metrics", key="viewer")
    assert response.status == 200 and response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response["Cache-Control"] == "no-store" and response["X-Content-Type-Options"] == "nosniff"
    return response.text


class Metrics:
    """Read strictly: every sample stands below HELP and TYPE of its family, and no series twice."""

    def __init__(self, text):
        assert text.endswith("\n")
        self.types, self.values = {}, {}
        family = None
        for line in text.splitlines():
            if line.startswith("# HELP "):
                family = line.split(" ")[2]
                assert family not in self.types and len(line.split(" ", 3)[3]) > 5, line
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name == family and kind in ("counter", "gauge", "histogram"), line
                self.types[name] = kind
            else:
                self._sample(family, line)

    def _sample(self, family, line):
        name, labels, value = SAMPLE.fullmatch(line).groups()
        base = re.sub(r"_(bucket|sum|count)$", "", name) if self.types[family] == "histogram" else name
        assert base == family, line
        series = (name, frozenset(re.findall(r'([a-z]+)="((?:[^"\\]|\\.)*)"', labels or "")))
        assert series not in self.values, line
        self.values[series] = float(value)

    def get(self, name, **labels):
        return self.values[name, frozenset(labels.items())]

    def series(self, name):
        return {labels: value for (of, labels), value in self.values.items() if of == name}


def metrics(gate):
    return Metrics(text_of(gate))


def wait_for(gate, value, name, **labels):
    until(lambda: metrics(gate).get(name, **labels) == value, f"{name}{labels} is {value}")


# ---- who may


def test_needs_a_key_of_scope_viewer(shared_gate):
    assert shared_gate.api("GET", "/metrics", key=None).status == 401
    assert shared_gate.api("GET", "/metrics", key="wrong").status == 403
    assert shared_gate.api("POST", "/metrics", {}).status == 405
    for key in KEYS:
        assert shared_gate.api("GET", "/metrics", key=key).status == 200


def test_compressed_for_who_likes_that(shared_gate):
    response = shared_gate.api("GET", "/metrics", key="viewer", fields={"Accept-Encoding": "gzip"})
    assert response["Content-Encoding"] == "gzip"


# ---- names


def test_names_follow_the_conventions(shared_gate):
    for name, kind in metrics(shared_gate).types.items():
        assert re.fullmatch(r"(hlsgate|process)(_[a-z0-9]+)+", name), name
        assert (kind == "counter") == name.endswith("_total"), name
        assert not re.search(r"_(milliseconds|ms|usec|kb|mb|percent|counter|gauge|count|sum|bucket)(_|$)", name), name


def assert_promtool_is_content(gate):
    done = subprocess.run(["promtool", "check", "metrics"], input=text_of(gate), capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_promtool_finds_nothing_to_say(shared_gate):
    assert_promtool_is_content(shared_gate)


def names_in_the_manual():
    return set(re.findall(r"^\| `((?:hlsgate|process)_\w+)` ", (ROOT / "docs/monitoring.md").read_text(), re.M))


def names_of_redis():
    table = (ROOT / "src/store/store.h").read_text().split("#define STORE_COUNTERS")[1].split("\n\n")[0]
    counters = {f"hlsgate_store_{name}_total" for name in re.findall(r"X\((\w+), ", table) if name != "name"}
    return counters | {"hlsgate_store_replicas"}


def test_every_metric_is_in_the_manual_and_none_that_is_not(make_gate, origin):
    """An HTTP origin and a disk tier show all there is to show but the figures of Redis, which come from one table."""
    gate = make_gate(origins=[http_origin(origin)], cache={"memory": "64MiB", "disk": {"path": "disk", "size": "8MiB"}})
    assert names_in_the_manual() == set(metrics(gate).types) | names_of_redis()


@pytest.mark.once
def test_redis_has_figures_of_its_own(make_gate, redis):
    gate = make_gate(store=on_redis(redis))
    v = gate.admitted()
    for n in range(3):
        v.gets(sign(MASTER, ttl=3600 + n))
    names = set(metrics(gate).types)
    assert names_of_redis() <= names <= names_in_the_manual()
    assert_promtool_is_content(gate)
    for record, count in {"grant": 1, "session": 1, "use": 3}.items():
        wait_for(gate, count, "hlsgate_store_records", record=record)
    until(lambda: 0 < metrics(gate).get("hlsgate_store_write_seconds") < 10, "a round trip is measured")
    seen = metrics(gate)
    assert seen.get("hlsgate_store_up", kind="redis") == 1 and seen.get("hlsgate_store_replicas") == 0
    assert seen.get("hlsgate_store_calls_total") > 3 and seen.get("hlsgate_store_connects_total") > 0
    assert seen.get("hlsgate_store_bytes") > 0
    assert seen.get("hlsgate_store_errors_total") == seen.get("hlsgate_store_switches_total") == 0


@pytest.mark.once
def test_redis_that_is_away_shows(make_gate, redis):
    """/metrics is answered without it; what it says is what alerts look at."""
    gate = make_gate(store=on_redis(redis))
    v = gate.admitted()
    redis.stop()
    wait_for(gate, 0, "hlsgate_store_up", kind="redis")
    before = metrics(gate).get("hlsgate_outcomes_total", outcome="store_down", result="failed")
    assert v.get(sign(MASTER)).status == 503
    until(lambda: metrics(gate).get("hlsgate_store_connect_failures_total") > 0, "it is tried again")
    seen = metrics(gate)
    assert seen.get("hlsgate_store_timeouts_total") + seen.get("hlsgate_store_refused_total") > 0
    assert seen.get("hlsgate_outcomes_total", outcome="store_down", result="failed") == before + 1
    assert_promtool_is_content(gate)
    redis.start()
    wait_for(gate, 1, "hlsgate_store_up", kind="redis")


# ---- figures


def test_requests_bytes_and_outcomes(make_gate):
    gate = make_gate(access=OPEN)
    v = gate.admitted()
    got = sum(len(v.gets(SEGMENT).body) for _ in range(3))
    v.is_refused(sign(MASTER, ttl=-1), "token_expired")
    wait_for(gate, 3, "hlsgate_class_requests_total", **{"class": "segment"})
    seen = metrics(gate)
    assert seen.get("hlsgate_class_sent_bytes_total", **{"class": "segment"}) == got
    assert seen.get("hlsgate_outcomes_total", outcome="token_expired", result="denied") == 1
    assert seen.get("hlsgate_store_up", kind="embedded") == 1
    assert seen.get("hlsgate_store_records", record="grant") == 1
    assert seen.get("hlsgate_workers") == 2
    assert seen.get("hlsgate_connections") >= 1


def test_reports_and_the_tries_that_failed(make_gate, receiver):
    receiver.down()
    gate = make_gate(access=OPEN, traffic={"report_url": receiver.url, "interval": "1s", "threshold": 0})
    gate.admitted().gets(SEGMENT)
    until(lambda: metrics(gate).get("hlsgate_reports_failed_total") > 0, "nobody takes the report")
    seen = metrics(gate)
    assert seen.get("hlsgate_reports_sent_total") == seen.get("hlsgate_reports_held") == 0
    assert seen.get("hlsgate_reports_leader") == 1
    receiver.up()
    until(lambda: metrics(gate).get("hlsgate_reports_sent_total") > 0, "it is acknowledged")


def test_outcomes_are_those_of_the_table(shared_gate):
    words = {dict(labels)["outcome"] for labels in metrics(shared_gate).series("hlsgate_outcomes_total")}
    assert words == set(OUTCOMES)


def histogram(seen, name, of):
    """Its buckets, ascending, as (bound, count)."""
    rows = [(float(dict(labels)["le"]), value) for labels, value in seen.series(f"{name}_bucket").items()
            if dict(labels)["class"] == of]
    return sorted(rows)


@pytest.mark.parametrize("name", ["hlsgate_request_first_byte_seconds", "hlsgate_request_duration_seconds",
                                  "hlsgate_response_size_bytes"])
def test_histograms_add_up(make_gate, name):
    gate = make_gate(access=OPEN)
    v = gate.admitted()
    for _ in range(5):
        v.gets(SEGMENT)
    wait_for(gate, 5, f"{name}_count", **{"class": "segment"})
    seen = metrics(gate)
    for of in [*CLASSES, "api"]:
        rows = histogram(seen, name, of)
        counts = [count for _, count in rows]
        assert counts == sorted(counts) and rows[-1] == (float("inf"), seen.get(f"{name}_count", **{"class": of}))
    rows = histogram(seen, name, "segment")
    total = seen.get(f"{name}_sum", **{"class": "segment"})
    low = sum((count - before) * bound for (bound, _), (_, before), (_, count) in zip([(0, 0), *rows], [(0, 0), *rows], rows)
              if count > before)
    assert low <= total


def test_size_is_what_clients_got(make_gate):
    gate = make_gate(access=OPEN)
    v = gate.admitted()
    got = len(v.gets(SEGMENT).body) + len(v.gets(SEGMENT, {"Range": "bytes=5-14"}, status=206).body)
    wait_for(gate, got, "hlsgate_response_size_bytes_sum", **{"class": "segment"})


def test_slow_origin_shows_in_the_first_byte(make_gate, origin):
    gate = make_gate(access=OPEN, origins=[http_origin(origin)])
    hold = origin.barrier()
    origin.script(rx("GET", "/v/a.ts"), hold, tx(200, body=b"x"))
    with gate.viewer().start("/v/a.ts") as c:
        hold.wait_reached()
        later = time.monotonic() + 0.3
        until(lambda: time.monotonic() > later, "the origin was slow")
        hold.open()
        assert c.read().status == 200
    wait_for(gate, 1, "hlsgate_request_first_byte_seconds_count", **{"class": "segment"})
    seen = metrics(gate)
    first = seen.get("hlsgate_request_first_byte_seconds_sum", **{"class": "segment"})
    assert 0.3 < first <= seen.get("hlsgate_request_duration_seconds_sum", **{"class": "segment"})
    assert seen.get("hlsgate_origin_server_up", origin="/", server=origin.url) == 1
    assert seen.get("hlsgate_origin_server_requests_total", origin="/", server=origin.url) == 1


def test_nobody_outside_makes_new_series(make_gate):
    """As many as before, whatever paths, uids, agents and methods come."""
    gate = make_gate()
    before = set(metrics(gate).values)
    for i in range(50):
        v = gate.viewer(ua=f"agent {i}")
        v.get(f"/v/unheard-of-{i}/{i}.ts?uid=u{i}&token=x")
        v.ask("BREW" if i % 2 else "DELETE", f"/v/{i}.xyz")
    assert set(metrics(gate).values) == before


def test_process(shared_gate):
    seen = metrics(shared_gate)
    assert seen.get("process_resident_memory_bytes") > 1 << 20
    assert 5 < seen.get("process_open_fds") < seen.get("process_max_fds")
    assert seen.get("process_cpu_seconds_total") >= 0
    start = seen.get("process_start_time_seconds")
    assert metrics(shared_gate).get("process_start_time_seconds") == start


# ---- examples/monitoring


def names_in(text):
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\b(?:hlsgate|process)_[a-z0-9_]+\b", text)}


def expressions():
    """file -> every expression in it."""
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    found = collections.defaultdict(list)
    for panel in dashboard["panels"]:
        found["dashboard.json"] += [target["expr"] for target in panel.get("targets", [])]
    found["alerts.yml"] = re.findall(r"^ +expr: (.*)$", (MONITORING / "alerts.yml").read_text(), re.M)
    found["alerts.yml"] += re.findall(r"^ +expr: \|\n((?: {10,}.*\n)+)", (MONITORING / "alerts.yml").read_text(), re.M)
    return found


@pytest.mark.parametrize("file", ["dashboard.json", "alerts.yml"])
def test_what_is_drawn_and_alerted_on_exists(make_gate, origin, file):
    gate = make_gate(origins=[http_origin(origin)])
    known = set(metrics(gate).types)
    used = names_in(" ".join(expressions()[file]))
    assert used and used <= known, used - known


@pytest.mark.parametrize("file", ["dashboard.json", "alerts.yml"])
def test_labels_that_are_asked_for_exist(make_gate, origin, file):
    gate = make_gate(origins=[http_origin(origin)])
    values = collections.defaultdict(set)
    for (_, labels) in metrics(gate).values:
        for name, value in labels:
            values[name].add(value)
    ours = {"class", "outcome", "result", "kind", "record", "server", "origin", "le", "version"}
    for expression in expressions()[file]:
        for name, operator, value in re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', expression):
            if name in ours and "$" not in value:
                wanted = value.split("|") if "~" in operator else [value]
                assert set(wanted) <= values[name], (name, value)


def test_dashboard_is_whole():
    """Panels with a title, a question and a place of their own; every number has a unit."""
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    taken = set()
    for panel in dashboard["panels"]:
        where = panel["gridPos"]
        cells = {(x, y) for x in range(where["x"], where["x"] + where["w"])
                 for y in range(where["y"], where["y"] + where["h"])}
        assert panel["title"] and where["x"] + where["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["targets"] and panel["fieldConfig"]["defaults"]["unit"], panel["title"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


def promtool(*args):
    done = subprocess.run(["promtool", *map(str, args)], capture_output=True, text=True, cwd=MONITORING)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.once
def test_promtool_accepts_the_examples():
    promtool("check", "config", "--syntax-only", "prometheus.yml")
    assert "SUCCESS" in promtool("check", "rules", "alerts.yml")


@pytest.mark.once
def test_promtool_accepts_what_is_drawn(tmp_path):
    """As rules, since it knows no dashboards; Grafana fills in what begins with a dollar."""
    exprs = [re.sub(r"\$__\w+", "5m", expr).replace("$instance", ".*") for expr in expressions()["dashboard.json"]]
    rules = [{"record": f"panel:{i}", "expr": expr} for i, expr in enumerate(exprs)]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(exprs)} rules found" in promtool("check", "rules", file)


@pytest.mark.once
def test_alerts_fire_when_they_should_and_not_before():
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml")


@pytest.mark.once
def test_every_alert_is_tested():
    alerts = re.findall(r"- alert: (\w+)", (MONITORING / "alerts.yml").read_text())
    tested = re.findall(r"alertname: (\w+)", (MONITORING / "alerts_test.yml").read_text())
    assert alerts and set(alerts) == set(tested)
