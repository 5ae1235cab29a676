"""The disk tier: what it keeps outlives the process, however that ended, and nothing damaged ever comes out of it."""
import os
import shlex

import pytest

from support.gate import http_origin, run
from support.origin import folder, head, rx, tx
from support.signing import sign
from support.streams import bytes_of
from support.wait import until

PATHS = [f"/v/2026-01-02/movie{i % 3}/hd/s{i}.ts" for i in range(12)]
SIZE = 60_000
OPEN = {"policy": {"segment": [], "playlist": []}}


@pytest.fixture
def start(make_gate, origin, tmp_path):
    """A daemon with a disk tier, its disk at tmp_path/disk. Memory is small, so what is asked for later comes from disk."""
    def start(wrapper=(), size="100MiB", **cache):
        gate = make_gate(start=False, access=OPEN, origins=[http_origin(origin, retries=0, connect_timeout="500ms")],
                         cache={"header": True, "memory": "1MiB", "disk": {"path": str(tmp_path / "disk"), "size": size}} | cache)
        gate.wrapper = list(wrapper)
        return gate.start()

    return start


def honest(origin, size=SIZE):
    return origin.routes(lambda request: tx(200, bytes_of(request.path, size), etag='"a"', cache_control="max-age=1000"))


def fill(gate, paths=PATHS, size=SIZE):
    for path in paths:
        assert gate.viewer().gets(path).body == bytes_of(path, size)


def filled(gate, paths=PATHS):
    """... and all of it is on disk."""
    fill(gate, paths)
    until(lambda: gate.disk()["objects"] == len(paths) and gate.disk()["queued"] == 0, "all is written")


def files(tmp_path):
    """Of objects: they lie two folders deep."""
    return [path for path in (tmp_path / "disk").glob("*/*/*") if path.is_file()]


def is_ready(gate):
    until(lambda: gate.disk()["is_complete"], "the folder is looked through")


def hits(gate, paths=PATHS):
    """How many are served without their origin; whatever they are, they are right."""
    words = []
    for path in paths:
        response = gate.viewer().gets(path)
        assert response.body == bytes_of(path, SIZE)
        words.append(response["X-Cache"])
    return words.count("HIT")


def restarted(gate, way):
    if way == "stop":
        gate.stop()
    else:
        gate.kill()
    gate.start()
    is_ready(gate)


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_outlives_the_process(start, origin, way):
    honest(origin)
    gate = start()
    filled(gate)
    restarted(gate, way)
    origin.stop()
    assert hits(gate) == len(PATHS)
    assert gate.disk()["hits"] == len(PATHS)


def test_what_is_stale_by_then_is_revalidated(start, origin):
    gate = start()
    path = PATHS[0]
    origin.script(rx("GET", path), tx(200, bytes_of(path, SIZE), etag='"a"', cache_control="max-age=1"))
    filled(gate, [path])
    restarted(gate, "stop")
    origin.routes(lambda request: head(304, etag='"a"', cache_control="max-age=1000"))
    until(lambda: gate.viewer().gets(path) and origin.count() == 2, "asked again")
    assert origin.asked()[1].get("If-None-Match") == '"a"'
    assert gate.viewer().gets(path).body == bytes_of(path, SIZE)


@pytest.mark.multiworker
def test_killed_in_the_middle_of_writing(start, origin):
    honest(origin)
    gate = start()
    for life in range(3):
        fill(gate, [f"/life{life}/{i}.ts" for i in range(20)])
        gate.kill()
        gate.start()
        is_ready(gate)
    assert gate.disk()["damaged"] == 0
    for life in range(3):
        fill(gate, [f"/life{life}/{i}.ts" for i in range(20)])


DAMAGE = {
    "a bit of its content": lambda data: data[:-100] + bytes([data[-100] ^ 1]) + data[-99:],
    "a bit of its head": lambda data: bytes([data[8] ^ 1]).join([data[:8], data[9:]]),
    "cut short": lambda data: data[:len(data) // 2],
    "empty": lambda data: b"",
    "something else": lambda data: bytes_of("junk", len(data)),
    "longer": lambda data: data + b"x",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("is_running", [True, False])
def test_damage_is_never_served(start, origin, tmp_path, damage, is_running):
    """Found when the folder is looked through, or when the file is read: either way it is asked for anew."""
    honest(origin)
    gate = start()
    paths = PATHS[:3]
    filled(gate, paths)
    gate.stop()
    if is_running:
        gate.start()
        is_ready(gate)
    asked = {path: origin.count(path) for path in paths}
    for file in files(tmp_path):
        file.write_bytes(DAMAGE[damage](file.read_bytes()))
    if not is_running:
        gate.start()
        is_ready(gate)
    fill(gate, paths)
    assert all(origin.count(path) == asked[path] + 1 for path in paths)


def test_foreign_files_do_no_harm(start, origin, tmp_path):
    honest(origin)
    gate = start()
    filled(gate)
    gate.stop()
    one = files(tmp_path)[0]
    (one.parent / "README").write_text("what is this?")
    (one.parent / (one.name + "0")).write_bytes(one.read_bytes())
    (tmp_path / "disk" / "zz").mkdir()
    one.parent.joinpath("link").symlink_to("/etc/passwd")
    gate.start()
    is_ready(gate)
    origin.stop()
    assert hits(gate) == len(PATHS)


def test_limit(start, origin, tmp_path):
    honest(origin)
    gate = start(size="1MiB")
    fill(gate, [f"/a/{i}.ts" for i in range(60)])
    until(lambda: gate.disk()["queued"] == 0)
    disk = gate.disk()
    assert disk["bytes"] <= disk["limit"] == 1 << 20 and disk["evicted"] > 20
    assert sum(file.stat().st_blocks * 512 for file in files(tmp_path)) <= 1 << 20


def test_full_disk(start, origin, tmp_path):
    """A disk smaller than the limit says: viewers notice nothing, and what fits is kept."""
    honest(origin)
    (tmp_path / "disk").mkdir()
    mount = f"mount -t tmpfs -o size=1m none {shlex.quote(str(tmp_path / 'disk'))} && exec \"$@\""
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    gate = start(wrapper=["unshare", *as_root, "--mount", "sh", "-c", mount, "sh"])
    for _ in range(2):
        fill(gate, [f"/a/{i}.ts" for i in range(60)])
    until(lambda: gate.disk()["queued"] == 0)
    assert gate.disk()["bytes"] <= 1 << 20 and gate.disk()["stored"] > 20


def test_folder_that_goes_away(start, origin, tmp_path):
    honest(origin)
    gate = start()
    filled(gate)
    os.rename(tmp_path / "disk", tmp_path / "elsewhere")
    fill(gate)
    fill(gate, [f"/a/{i}.ts" for i in range(20)])


@pytest.mark.parametrize("what", [{"path": PATHS[0]}, {"prefix": "/v/2026-01-02/movie0/"}, {"stream_key": "movie0"}])
def test_purge_reaches_it(start, origin, what):
    honest(origin)
    gate = start()
    filled(gate)
    gate.stop()
    gate.start()
    is_ready(gate)
    gone = PATHS[:1] if "path" in what else PATHS[::3]
    assert gate.purge("purged_on_disk", **what) == len(gone)
    assert hits(gate) == len(PATHS) - len(gone)


def test_a_new_version_takes_the_place_of_the_old(start, origin):
    gate = start()
    path = PATHS[0]
    for body, policy in ((b"old", "no-cache"), (b"new", "max-age=1000")):
        origin.script(rx("GET", path), tx(200, body, etag=f'"{body.decode()}"', cache_control=policy))
        assert gate.viewer().gets(path).body == body
    until(lambda: gate.disk()["objects"] == 1 and gate.disk()["queued"] == 0)
    restarted(gate, "stop")
    origin.stop()
    assert gate.viewer().gets(path).body == b"new"


def test_what_is_not_to_be_kept_is_not_on_it(make_gate, make_origin, streams, tmp_path):
    """Keys, and what the origin forbids to store."""
    origin = make_origin()
    honest = folder(streams, cache_control="max-age=1000")
    secret = bytes_of("secret", 5000)
    origin.routes(lambda r: tx(200, secret, cache_control="no-store") if r.path == "/a/secret.ts" else honest(r))
    gate = make_gate(origins=[http_origin(origin)], cache={"disk": {"path": str(tmp_path / "disk"), "size": "100MiB"}},
                     access={"policy": {"segment": []}})
    v = gate.admitted()
    v.play(sign("/v/2026-01-02/movie1/master.m3u8"))
    assert v.gets("/a/secret.ts").body == secret
    until(lambda: gate.disk()["objects"] >= 6 and gate.disk()["queued"] == 0)
    kept = b"".join(file.read_bytes() for file in files(tmp_path))
    assert streams.read("/v/2026-01-02/movie1/hd/s0.ts") in kept
    assert secret not in kept and streams.read("/v/2026-01-02/movie1/hd/enc.key") not in kept


def test_belongs_to_one_process(start, make_gate, origin, tmp_path):
    first = start()
    second = make_gate(start=False, folder="second", origins=[http_origin(origin)],
                       cache={"disk": {"path": str(tmp_path / "disk")}})
    done = run("serve", "-c", second.config_file, check=False)
    assert done.returncode != 0 and str(tmp_path / "disk") in done.stderr
    is_ready(first)
