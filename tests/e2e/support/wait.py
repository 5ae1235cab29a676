"""Waiting without guessing: ask again until it is so, or fail at the deadline."""
import os
import time

# Sanitizers make the daemon several times slower; the machine may be busy besides.
DEADLINE = float(os.environ.get("HLSGATE_TEST_DEADLINE", "15"))


def until(condition, what="", deadline=DEADLINE, every=0.01):
    """The first true answer of condition()."""
    end = time.monotonic() + deadline
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"still not so after {deadline:g} s: {what or condition}; last answer: {answer!r}")
        time.sleep(every)


def until_still(value, what="", quiet=0.3):
    """The value of value(), once it has stayed the same for `quiet` seconds."""
    last, since = value(), time.monotonic()

    def is_still():
        nonlocal last, since
        now = value()
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > quiet

    until(is_still, what)
    return last


def until_past(unix_seconds):
    """Until the wall clock, as the daemon reads it, is past this second."""
    until(lambda: time.time() >= unix_seconds + 1, f"clock past {unix_seconds}",
          deadline=max(0, unix_seconds + 1 - time.time()) + 1)
