"""Fixtures: a folder of streams, daemons over it that must give everything back, and origins for them to ask."""
import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from support import proto
from support.browser import Browser
from support.gate import ROOT, Gate, running
from support.nginx import Nginx
from support.origin import Origin
from support.players import SECONDS, STREAM
from support.redis import RedisServer, Sentinel, Watched
from support.redis_proxy import FaultyProxy
from support.receiver import Receiver
from support.streams import Streams
from support.tls import Authority


@pytest.fixture(scope="session", autouse=True)
def protocol(request, authority):
    """What this run is for."""
    proto.use(request.config.getoption("--proto"), authority)


@pytest.fixture(scope="module")
def browser(tmp_path_factory, authority):
    """Chromium that believes the tests' certificates."""
    browser = Browser(tmp_path_factory.mktemp("browser"), authority)
    try:
        yield browser
        browser.close()
    finally:
        browser.abandon()


@pytest.fixture
def streams(tmp_path):
    return Streams(tmp_path / "streams")


@pytest.fixture
def make_gate(tmp_path, streams):
    """make_gate(section={...}, ...) starts a daemon; what is not said has the harness's defaults. At the end of the
    test its gauges are back at zero and it exits cleanly."""
    gates = []

    def make(start=True, folder="gate", **config):
        home = tmp_path / folder
        home.mkdir(exist_ok=True)
        gates.append(Gate(home, streams, **config))
        return gates[-1].start() if start else gates[-1]

    yield make
    try:
        for gate in gates:
            gate.stop()
    finally:
        for gate in gates:
            gate.abandon()


@pytest.fixture
def gate(make_gate):
    return make_gate()


@pytest.fixture(scope="module")
def shared_gate(tmp_path_factory):
    """One daemon for all cases of a table, where they only look and refuse."""
    home = tmp_path_factory.mktemp("shared")
    with running(Gate(home, Streams(home / "streams"))) as gate:
        yield gate


@pytest.fixture
def make_origin(tmp_path):
    """make_origin(...) starts a scripted origin; at the end of the test nothing unexpected has come to it and nothing of
    its scripts is left unplayed."""
    origins = []

    def make(*args, **options):
        origins.append(Origin(*args, folder=tmp_path, **options))
        return origins[-1].start()

    yield make
    try:
        for origin in origins:
            origin.check()
    finally:
        for origin in origins:
            origin.stop()


@pytest.fixture
def origin(make_origin):
    return make_origin()


@pytest.fixture
def make_nginx(tmp_path, streams):
    """make_nginx(...) starts a real origin over the folder of streams, or another one."""
    servers = []

    def make(root=None, **options):
        servers.append(Nginx(tmp_path / f"nginx{len(servers)}", root or streams.root, **options))
        return servers[-1].start()

    yield make
    try:
        for server in servers:
            server.stop()
    finally:
        for server in servers:
            server.abandon()


@pytest.fixture
def make_redis(tmp_path):
    """make_redis(...) starts a redis-server of its own."""
    yield from made_of(lambda n, **options: RedisServer(tmp_path / f"redis{n}", **options))


@pytest.fixture
def make_sentinel(tmp_path):
    """make_sentinel(primary, ...) starts a redis-sentinel that watches it."""
    yield from made_of(lambda n, primary, **options: Sentinel(tmp_path / f"sentinel{n}", primary, **options))


def made_of(new):
    """A factory of programs; those that still run at the end of the test are stopped."""
    programs = []

    def make(*args, **options):
        programs.append(new(len(programs), *args, **options))
        return programs[-1].start()

    yield make
    try:
        for program in programs:
            program.stop()
    finally:
        for program in programs:
            program.abandon()


@pytest.fixture
def redis(make_redis):
    return make_redis()


@pytest.fixture
def make_watched(make_redis, make_sentinel):
    """make_watched(...) starts a primary, replicas and three Sentinels, all of one mind."""
    return lambda **options: Watched(make_redis, make_sentinel, **options)


@pytest.fixture
def make_proxy():
    """make_proxy(server) goes between the daemon and Redis."""
    proxies = []

    def make(server):
        proxies.append(FaultyProxy(server))
        return proxies[-1].start()

    yield make
    for proxy in proxies:
        proxy.stop()


@pytest.fixture
def receiver():
    """A back end that is sent reports."""
    receiver = Receiver().up()
    yield receiver
    receiver.down()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """A stream that players play, SECONDS long. Runs side by side that name a folder in HLSGATE_DEMO share it: encoding takes more
    CPU than most of what is played."""
    folder = Path(os.environ.get("HLSGATE_DEMO") or tmp_path_factory.mktemp("demo"))
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"{folder.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / STREAM[1:] / "master.m3u8").exists():
            subprocess.run([ROOT / "scripts/demo.sh", folder, str(SECONDS)], check=True)
    return Streams(folder)
