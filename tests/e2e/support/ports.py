"""Ports that are this run's alone. Between the moment in which a free one is found and that in which a server takes it, another
run beside this one must not find it too: with SO_REUSEPORT both servers would get it, and each other's connections."""
import fcntl
import functools
import itertools
import os
import random
import socket
import tempfile

# Below the range that the kernel takes client ports from, so none of those is in the way a moment later.
FIRST, SLICES, SLICE = 20000, 16, 750


@functools.cache
def _own():
    """A slice of them, held until this process ends: its ports, in turn. Each user has locks of his own, as nobody may write to
    another's; servers of two users never share a port, so one of them fails loudly."""
    for i in random.sample(range(SLICES), SLICES):
        path = f"{tempfile.gettempdir()}/hlsgate-test-ports-{os.getuid()}-{i}"
        held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            continue
        first = FIRST + i * SLICE
        return itertools.cycle(range(first, first + SLICE))
    raise AssertionError(f"{SLICES} runs of the tests use this machine already")


def free_port():
    for port in itertools.islice(_own(), SLICE):
        with socket.socket(socket.AF_INET6 if socket.has_ipv6 else socket.AF_INET) as s:
            try:
                s.bind(("", port))
                return port
            except OSError:
                continue
    raise AssertionError("no free port")
