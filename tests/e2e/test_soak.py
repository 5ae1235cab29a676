"""Everything at once, for some seconds or for long (make soak): afterwards nothing is left behind."""
import os
import random
import threading
import time

import pytest

from support.http import Closed
from support.signing import sign

SECONDS = float(os.environ.get("SOAK_SECONDS", "600"))


def behave(gate, number, stop, trouble):
    """One viewer who plays, reloads, seeks, leaves in the middle, is revoked and comes back."""
    dice = random.Random(number)
    v = gate.viewer(ip=f"127.0.{number % 200 + 1}.5", ua=f"Soak/{number}")
    movie = f"movie{number % 5}"
    path = f"/v/2026-01-02/{movie}/master.m3u8"
    uid = f"u{number}"
    while not stop.is_set():
        try:
            gate.grant(v, uid=uid, path=path)
            got = list(v.play(sign(path, uid=uid, ttl=dice.randint(1000, 9000))))
            for target in dice.sample(got, 4):
                first = dice.randint(0, 500)
                v.get(target, {"Range": f"bytes={first}-{first + 99}"})
                with v.connect() as c:
                    c.request("GET", target, v.fields())
            if dice.random() < 0.3:
                gate.revoke(uid=uid)
        except (OSError, Closed, AssertionError) as error:
            trouble.append(f"viewer {number}: {error!r}")
            return


def storm(make_gate, seconds, viewers):
    gate = make_gate(workers=4)
    for n in range(5):
        gate.streams.movie(f"movie{n}", size=200_000)
    stop, trouble = threading.Event(), []
    threads = [threading.Thread(target=behave, args=(gate, n, stop, trouble)) for n in range(viewers)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not trouble:
        stop.wait(0.1)
    stop.set()
    for thread in threads:
        thread.join()
    assert not trouble, trouble[:3]


@pytest.mark.multiworker
def test_a_few_seconds_of_everything(make_gate):
    storm(make_gate, 3, viewers=8)


@pytest.mark.soak
def test_soak(make_gate):
    storm(make_gate, SECONDS, viewers=24)
