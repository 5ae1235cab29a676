"""Fixtures: a folder of streams, daemons over it that must give everything back, and origins for them to ask."""
import subprocess

import pytest

from support import proto
from support.gate import ROOT, Gate, running
from support.nginx import Nginx
from support.origin import Origin
from support.players import SECONDS
from support.streams import Streams
from support.tls import Authority


@pytest.fixture(scope="session", autouse=True)
def protocol(request, authority):
    """What this run is for."""
    proto.use(request.config.getoption("--proto"), authority)


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


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """A stream that players play, SECONDS long."""
    folder = tmp_path_factory.mktemp("demo")
    subprocess.run([ROOT / "scripts/demo.sh", folder, str(SECONDS)], check=True)
    return Streams(folder)
