"""What an operator starts from: `make run-cluster`, and the examples of a cluster."""
import os
import re
import shutil
import signal
import socket
import subprocess
from urllib.parse import urljoin

import pytest

from support.fleet import user_of_the_example
from support.gate import BINARY, ROOT, SANITIZERS, uris_of
from support.players import RATE, SECONDS, ffmpeg
from support.ports import free_port
from support.redis import RedisServer, Sentinel
from support.resp import RedisError
from support.wait import until

pytestmark = pytest.mark.once
EXAMPLES = ROOT / "examples/cluster-redis"


def free_ports(count):
    """So many free ports in a row; the first one."""
    def is_free(port):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) != 0

    return until(lambda: next((p for p in [free_port()] if all(is_free(p + n) for n in range(count))), 0), "free ports")


class Cluster:
    """scripts/run-cluster.sh, as somebody at a terminal has it."""

    def __init__(self, tmp_path, streams, lb):
        self.port = free_ports(9)
        self.base = f"http://127.0.0.1:{self.port}"
        self.tmp_path, self.out_file = tmp_path, tmp_path / "out.txt"
        env = os.environ | SANITIZERS | {"LB": lb, "PORT": str(self.port), "HLSGATE_BIN": BINARY, "TMPDIR": str(tmp_path),
                                         "STREAMS": str(streams.root)}
        with open(self.out_file, "wb") as out:
            # A shell that runs the tests in its background ignores SIGINT for all it starts; Ctrl-C at a terminal does not.
            self.process = subprocess.Popen(["env", "--default-signal=INT", ROOT / "scripts/run-cluster.sh"], env=env,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)

    def wait_ready(self):
        until(lambda: "Ctrl-C stops" in self.out or self.process.poll() is not None, self.out_file, deadline=60)
        assert self.process.poll() is None, self.out
        return self

    @property
    def out(self):
        return self.out_file.read_text()

    def line(self, words):
        """The command it prints that begins so."""
        return next(line.strip() for line in self.out.splitlines() if line.strip().startswith(words))

    def run(self, command):
        return subprocess.run(command, shell=True, capture_output=True, text=True, timeout=30, check=True).stdout

    def interrupt(self):
        """Ctrl-C, which reaches all there is."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(20)

    def abandon(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def left(self):
        """Processes, ports that are listened at, folders."""
        processes = subprocess.run(["ps", "-o", "args=", "-s", str(self.process.pid)], capture_output=True, text=True).stdout
        ports = []
        for port in range(self.port, self.port + 9):
            with socket.socket() as s:
                ports += [port] * (s.connect_ex(("127.0.0.1", port)) == 0)
        return [*processes.splitlines(), *ports, *self.tmp_path.glob("hlsgate-cluster.*")]

    def leaves_nothing(self):
        """A worker of nginx goes a moment after its master."""
        return until(lambda: not self.left(), "nothing is left", deadline=5)


@pytest.mark.parametrize("lb", ["haproxy", "nginx"])
def test_make_run_cluster_plays_through_a_fail_over_and_leaves_nothing(tmp_path, demo, lb):
    cluster = Cluster(tmp_path, demo, lb)
    try:
        cluster.wait_ready()
        url = re.search(r"ffplay -autoexit '(.*)'", cluster.out)[1]
        assert ffmpeg(url, "-map", "0:v:0", "-f", "framemd5").count("\n0,") == SECONDS * RATE
        curl = cluster.line("curl 'http")
        playlist = cluster.run(curl)
        assert playlist.startswith("#EXTM3U")
        child = urljoin(curl.split("'")[1], uris_of(playlist)[0])
        refused = cluster.run(cluster.line("for port in"))
        assert refused.count(" 403 ") == 3, refused
        cluster.run(cluster.line("kill -9"))
        until(lambda: "redis1 has ended" in cluster.out, "it says so")
        primary = cluster.line("REDISCLI_AUTH=")
        until(lambda: str(cluster.port + 5) in cluster.run(primary), "the replica is promoted", deadline=20)
        until(lambda: cluster.run(curl).startswith("#EXTM3U"), "plays again", deadline=5)
        assert cluster.run(cluster.line("for port in")).count(" 403 ") == 3
        assert '"shared"' in cluster.run(cluster.line("curl -s -H"))
        cluster.run(cluster.line("kill -9").replace("redis1", "redis2"))
        until(lambda: cluster.run(f"curl -s -o /dev/null -w %{{http_code}} {cluster.base}/health") == "503", "none is left")
        for _ in range(6):
            assert cluster.run(f"curl -s '{child}'").startswith("#EXTM3U"), "by its signature"
        assert cluster.interrupt() == 0, cluster.out
        assert cluster.leaves_nothing()
    finally:
        cluster.abandon()


def test_make_run_cluster_says_which_part_does_not_start_and_leaves_nothing(tmp_path, demo, monkeypatch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/haproxy").write_text("#!/bin/sh\necho no memory of how to do this\nexit 1\n")
    (tmp_path / "bin/haproxy").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    cluster = Cluster(tmp_path, demo, "haproxy")
    try:
        assert cluster.process.wait(60) == 1
        assert "lb has ended" in cluster.out and "no memory of how to do this" in cluster.out
        assert cluster.leaves_nothing()
    finally:
        cluster.abandon()


def test_make_run_cluster_knows_two_load_balancers(tmp_path, demo):
    cluster = Cluster(tmp_path, demo, "varnish")
    assert cluster.process.wait(10) == 1 and "haproxy or nginx" in cluster.out and cluster.leaves_nothing()


class TestExamples:
    """Each program says itself whether it can read its file."""

    @pytest.mark.parametrize("command, name", [(["haproxy", "-c", "-f"], "haproxy.cfg"),
                                               (["nginx", "-t", "-e", "stderr", "-c"], "nginx.conf")])
    def test_of_a_load_balancer(self, command, name, tmp_path):
        program = shutil.which(command[0], path=f"{os.environ['PATH']}:/usr/sbin")
        more = ["-g", f"pid {tmp_path}/pid;"] if name == "nginx.conf" else []
        done = subprocess.run([program, *command[1:], EXAMPLES / name, *more], capture_output=True, text=True)
        assert done.returncode == 0 and "warn" not in (done.stdout + done.stderr).lower(), done.stderr

    def test_of_redis_sentinel_and_hlsgate_together(self, tmp_path):
        """On this machine, as they stand but for addresses and folders; passwords and users are those of the files."""
        redis, sentinel = RedisServer(tmp_path / "redis"), Sentinel(tmp_path / "sentinel", RedisServer(tmp_path / "none"))
        for program, name in ((redis, "redis.conf"), (sentinel, "sentinel.conf")):
            text = re.sub("^(bind|port|dir|logfile) .*", "", (EXAMPLES / name).read_text(), flags=re.M)
            text = text.replace("10.0.0.21 6379", f"127.0.0.1 {redis.port}")
            program.config_file.write_text(f"{text}\nbind 127.0.0.1\nport {program.port}\ndir {program.home}\n")
        redis.login, sentinel.login = ("hlsgate", "HLSGATE-PASSWORD"), ("SENTINEL-PASSWORD",)
        text = (EXAMPLES / "hlsgate.yaml").read_text().replace("/srv/video", str(tmp_path))
        text = re.sub(r"sentinels: .*", f'sentinels: [ "{sentinel.address}" ]', text)
        (tmp_path / "hlsgate.yaml").write_text(text)
        env = {"HLSGATE_SECRET": "0123456789abcdef", "REDIS_PASSWORD": "HLSGATE-PASSWORD",
               "SENTINEL_PASSWORD": "SENTINEL-PASSWORD"}
        try:
            redis.start()
            sentinel.start()
            until(lambda: sentinel.view()["flags"] == "master", "the Sentinel may ask Redis")
            done = subprocess.run([BINARY, "check", "-c", tmp_path / "hlsgate.yaml"], capture_output=True, text=True,
                                  env=os.environ | env)
            assert done.returncode == 0, done.stderr
            with pytest.raises(RedisError, match="NOPERM"):
                redis.ask("FLUSHALL")
            with pytest.raises(RedisError, match="NOPERM"):
                redis.ask("SET", "other:key", 1)
        finally:
            sentinel.abandon()
            redis.abandon()

    def test_of_the_documents(self, tmp_path, make_redis, make_sentinel):
        """The fragments of both, and the ACL rule, which is the example's."""
        assert user_of_the_example("PASSWORD") in (ROOT / "docs/redis.md").read_text()
        redis = make_redis(password="of-redis")
        one = self.fragment("docs/redis.md").replace("10.0.0.21:6379", redis.address)
        self.check(tmp_path, one, REDIS_PASSWORD="of-redis")
        free = make_redis()
        sentinels = [make_sentinel(free).address for _ in range(3)]
        many = self.fragment("README.md")
        for n, address in enumerate(sentinels):
            many = many.replace(f"10.0.0.2{n + 1}:26379", address)
        self.check(tmp_path, many)
        assert self.fragment("README.md") == self.fragment("README.zh-CN.md")

    def fragment(self, document):
        text = (ROOT / document).read_text()
        return next(block for block in re.findall(r"```yaml\n(.*?)```", text, re.S) if block.startswith("store:"))

    def check(self, tmp_path, fragment, **env):
        whole = (ROOT / "examples/minimal.yaml").read_text().replace("/srv/video", str(tmp_path))
        whole = re.sub(r"^store:\n.*\n", fragment, whole, flags=re.M)
        (tmp_path / "hlsgate.yaml").write_text(whole)
        done = subprocess.run([BINARY, "check", "-c", tmp_path / "hlsgate.yaml"], capture_output=True, text=True,
                              env=os.environ | {"HLSGATE_SECRET": "0123456789abcdef", **env})
        assert done.returncode == 0, f"{whole}\n{done.stderr}"
