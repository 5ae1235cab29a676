"""Not one byte from outside the root, however it is spelt."""
import os

import pytest

from support.gate import HOME

SECRET = b"nobody may read this"


@pytest.fixture(scope="module")
def viewer(tmp_path_factory):
    """Fixed whitelist: nothing but the path itself can be refused."""
    from support.gate import Gate
    from support.streams import Streams

    home = tmp_path_factory.mktemp("paths")
    streams = Streams(home / "streams")
    (home / "secret.ts").write_bytes(SECRET)
    (home / "streams-2").mkdir()
    (home / "streams-2" / "secret.ts").write_bytes(SECRET)
    streams.write("/d/inside.ts", b"inside")
    streams.write("/d/a b%41.ts", b"odd")
    root = streams.root
    os.symlink("d/inside.ts", root / "good-link.ts")
    os.symlink(home / "secret.ts", root / "absolute-link.ts")
    os.symlink("../secret.ts", root / "climbing-link.ts")
    os.symlink("..", root / "d" / "up")
    os.symlink("../..", root / "d" / "up-and-out")
    os.symlink("loop.ts", root / "loop.ts")
    os.mkfifo(root / "pipe.ts")
    (root / "folder.ts").mkdir()
    (home / "gate").mkdir()
    gate = Gate(home / "gate", streams, access={"fixed_whitelist": ["127.0.1.0/24"]}).start()
    try:
        yield gate.viewer(ip=HOME)
        gate.stop()
    finally:
        gate.abandon()


@pytest.mark.parametrize("target", [
    "/d/inside.ts", "//d///inside.ts", "/./d/./inside.ts", "/d/../d/inside.ts", "/%64/inside.ts", "/d/%2e/inside.ts",
    "/x/y/../../d/inside.ts", "/d/inside.ts?../../x", "/good-link.ts", "/d/up/d/inside.ts",
])
def test_inside(viewer, target):
    assert viewer.gets(target).body == b"inside"


def test_encoded_once(viewer):
    assert viewer.gets("/d/a%20b%2541.ts").body == b"odd"


@pytest.mark.parametrize("target, statuses", [
    ("/../secret.ts", (400,)), ("/d/../../secret.ts", (400,)), ("/%2e%2e/secret.ts", (400,)),
    ("/.%2e/secret.ts", (400,)), ("/%2E%2E/secret.ts", (400,)), ("/d/%2e%2e/%2e%2e/secret.ts", (400,)),
    ("/../streams-2/secret.ts", (400,)), ("/..%2fsecret.ts", (400,)), ("/d%2finside.ts", (400,)),
    ("/d%5cinside.ts", (400,)), ("/..%5csecret.ts", (400,)), ("/d/inside.ts%00", (400,)), ("/%00", (400,)),
    ("/d/inside.ts%00.jpg", (400,)), ("/%c0%ae%c0%ae/secret.ts", (400,)), ("/%e0%80%ae/secret.ts", (400,)),
    ("/%c0%af", (400,)), ("/%f8%80%80%80%af", (400,)), ("/%ff", (400,)), ("/%ed%a0%80", (400,)), ("/%", (400,)),
    ("/%4", (400,)), ("/%zz", (400,)), ("/%0a", (400, 404)), ("/d/%252e%252e/secret.ts", (404,)),
    ("/absolute-link.ts", (403, 404)), ("/climbing-link.ts", (403, 404)), ("/d/up-and-out/secret.ts", (403, 404)),
    ("/loop.ts", (403, 404)), ("/pipe.ts", (403, 404)), ("/folder.ts", (403, 404)), ("/folder.ts/", (403, 404)),
    ("/", (403, 404)), ("/d", (403, 404)), ("/d/", (403, 404)), ("/d/inside.ts/", (403, 404)),
    ("/d/inside.ts/x", (403, 404)), ("/none.ts", (404,)), ("/" + "a" * 300 + ".ts", (404, 414)),
    ("/" + "a/" * 3000 + "x.ts", (404, 414)),
])
def test_outside_or_not_a_file(viewer, target, statuses):
    response = viewer.get(target)
    assert response.status in statuses
    assert SECRET not in response.body


def test_fifo_does_not_stall_the_others(viewer):
    with viewer.connect() as waiting:
        waiting.request("GET", "/pipe.ts", viewer.fields())
        for _ in range(8):
            viewer.gets("/d/inside.ts")
        assert waiting.read().status in (403, 404)


def test_root_itself_may_be_a_link(make_gate, streams, tmp_path):
    streams.write("/a.ts", b"a")
    os.symlink(streams.root, tmp_path / "link")
    gate = make_gate(origins=[{"prefix": "/", "filesystem": {"root": str(tmp_path / "link")}}],
                     access={"policy": {"segment": []}})
    assert gate.viewer().gets("/a.ts").body == b"a"


def test_longest_prefix_wins(make_gate, streams, tmp_path):
    (tmp_path / "vod" / "vod").mkdir(parents=True)
    (tmp_path / "vod" / "vod" / "a.ts").write_bytes(b"vod")
    streams.write("/vod/a.ts", b"wrong")
    streams.write("/live/a.ts", b"live")
    gate = make_gate(origins=[{"prefix": "/", "filesystem": {"root": str(streams.root)}},
                              {"prefix": "/vod/", "filesystem": {"root": str(tmp_path / "vod")}}],
                     access={"policy": {"segment": []}})
    assert gate.viewer().gets("/vod/a.ts").body == b"vod"
    assert gate.viewer().gets("/live/a.ts").body == b"live"
