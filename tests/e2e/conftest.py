"""Fixtures: a folder of streams, and daemons over it that must give everything back."""
import pytest

from support.gate import Gate
from support.streams import Streams


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
    gate = Gate(home, Streams(home / "streams")).start()
    try:
        yield gate
        gate.stop()
    finally:
        gate.abandon()
