"""Clients that are not ours: curl, nghttp and h2load, each over every protocol it speaks, from a folder and from an HTTP origin."""
import contextlib
import functools
import gzip
import re
import subprocess

import pytest

from support import proto
from support.gate import Gate, http_origin, running
from support.nginx import Nginx
from support.streams import Streams, bytes_of, media

pytestmark = pytest.mark.once

FILE, SIZE = "/v/2026-01-02/movie1/hd/large.ts", 3 << 20
CONTENT = bytes_of("large", SIZE)
PLAYLIST = "/v/2026-01-02/movie1/hd/index.m3u8"
OPEN = {"policy": {"segment": [], "playlist": []}}


@pytest.fixture(scope="module")
def gates(tmp_path_factory, authority):
    """gates(source, name): one over a folder or over an nginx, for each protocol, started when it is first asked for."""
    home = tmp_path_factory.mktemp("clients")
    streams = Streams(home / "streams")
    streams.write(FILE, CONTENT)
    streams.write(PLAYLIST, media("#EXTINF:6,\ns0.ts\n" * 500))
    with contextlib.ExitStack() as ends:
        origin = Nginx(home / "nginx", streams.root)
        ends.callback(origin.stop)
        origins = {"folder": {"prefix": "/", "filesystem": {"root": str(streams.root)}}, "origin": http_origin(origin.start())}

        @functools.cache
        def gate_of(source, name):
            folder = home / f"{source}-{name}"
            folder.mkdir()
            return ends.enter_context(running(Gate(folder, streams, proto.Protocol(name, authority), access=OPEN,
                                                   origins=[origins[source]])))

        yield gate_of


@pytest.fixture(params=["folder", "origin"])
def gate(request, gates, name):
    return gates(request.param, name)


def curl(gate, target, *options):
    done = subprocess.run(["curl", "-sS", "--max-time", "60", *gate.protocol.curl, *options, f"{gate.url}{target}"],
                          capture_output=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(*args):
    done = subprocess.run([str(arg) for arg in args], capture_output=True, timeout=120)
    output = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    assert done.returncode == 0, output[-2000:]
    return output


@pytest.mark.parametrize("name", proto.NAMES)
class TestCurl:
    def test_every_byte_cold_and_hot(self, gate, name):
        for _ in range(3):
            assert curl(gate, FILE) == CONTENT

    def test_speaks_what_it_was_told_to(self, gate, name):
        version = curl(gate, FILE, "-o", "/dev/null", "-w", "%{http_version} %{response_code} %{size_download}").decode()
        assert version == f"{'2' if gate.protocol.is_h2 else '1.1'} 200 {SIZE}"

    @pytest.mark.parametrize("range_, first, last", [("0-99", 0, 99), ("1000000-", 1_000_000, SIZE - 1), ("-5", SIZE - 5, SIZE - 1)])
    def test_range(self, gate, name, range_, first, last):
        assert curl(gate, FILE, "--range", range_) == CONTENT[first:last + 1]

    def test_continues_where_it_was_cut(self, gate, name, tmp_path):
        (tmp_path / "part").write_bytes(CONTENT[:1_234_567])
        curl(gate, FILE, "-C", "-", "-o", str(tmp_path / "part"))
        assert (tmp_path / "part").read_bytes() == CONTENT

    def test_head(self, gate, name):
        head = curl(gate, FILE, "--head").decode().lower()
        assert " 200" in head.splitlines()[0] and f"content-length: {SIZE}\r\n" in head

    def test_compressed(self, gate, name):
        """What is unpacked is what lies there; of media nothing is packed."""
        plain = curl(gate, PLAYLIST)
        assert plain.count(b"#EXTINF") == 500
        assert curl(gate, PLAYLIST, "--compressed") == plain
        packed = curl(gate, PLAYLIST, "-H", "Accept-Encoding: gzip")
        assert gzip.decompress(packed) == plain and len(packed) < len(plain) / 4
        assert curl(gate, FILE, "-H", "Accept-Encoding: gzip") == CONTENT


@pytest.mark.parametrize("name", ["h1", "h1+tls", "h2+tls"])
def test_curl_with_many_on_one_connection(gate, name):
    """Not h2c: there Debian's curl 7.88 fails with the second request of a connection, whatever the server."""
    config = "\n".join(f'url = "{gate.url}{FILE}"\noutput = "/dev/null"' for _ in range(10))
    done = subprocess.run(["curl", "-sS", "--parallel", "--max-time", "60", *gate.protocol.curl, "-w", "%{size_download}\\n", "-K", "-"],
                          input=config.encode(), capture_output=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(SIZE).encode()] * 10


@pytest.mark.parametrize("name", ["h2c", "h2+tls"])
class TestNghttp:
    def test_conversation(self, gate, name):
        """Frames as nghttp reads them: settings first, one head, DATA to the last byte, nothing reset."""
        output = run("nghttp", "-nv", "-w", "20", "-W", "20", f"{gate.url}{FILE}")
        assert re.search(r"recv SETTINGS frame", output) and "recv RST_STREAM" not in output
        assert re.search(r":status: 200", output) and f"content-length: {SIZE}" in output
        assert sum(map(int, re.findall(r"recv DATA frame <length=(\d+)", output))) == SIZE
        assert "ENABLE_PUSH" not in output.split("recv SETTINGS")[1].split("[")[0]

    def test_every_byte_with_small_windows(self, gate, name):
        done = subprocess.run(["nghttp", "-w", "12", "-W", "14", f"{gate.url}{FILE}"], capture_output=True, timeout=90)
        assert done.returncode == 0 and done.stdout == CONTENT

    def test_many_at_once(self, gate, name):
        output = run("nghttp", "-ns", "-m", "20", f"{gate.url}{FILE}")
        assert len(re.findall(r" 200 +3M ", output)) >= 1

    def test_told_by_alpn(self, gate, name):
        output = run("nghttp", "-nv", f"{gate.url}/health")
        assert ("The negotiated protocol: h2" in output) == gate.protocol.is_tls


@pytest.mark.parametrize("name", proto.NAMES)
@pytest.mark.parametrize("target, count, bytes_", [(PLAYLIST, 2000, None), (FILE, 60, SIZE)], ids=["playlist", "file"])
def test_h2load(gate, name, target, count, bytes_):
    options = [] if gate.protocol.is_h2 else ["--h1"]
    output = run("h2load", *options, "-n", count, "-c", 8, *(["-m", 8] if gate.protocol.is_h2 else []), "-t", 1, f"{gate.url}{target}")
    assert f"requests: {count} total, {count} started, {count} done, {count} succeeded, 0 failed, 0 errored, 0 timeout" in output
    assert f"status codes: {count} 2xx" in output
    assert bytes_ is None or f"({bytes_ * count}) data" in output
