"""`hlsgate check` tries the way to Redis, and names the server and what is wrong with it."""
import time

import pytest

from support.fleet import on_redis
from support.gate import run

pytestmark = pytest.mark.once


def complains(make_gate, server, *words, **settings):
    gate = make_gate(start=False, store=on_redis(server, **settings))
    begun = time.monotonic()
    done = run("check", "-c", gate.config_file, check=False)
    assert done.returncode == 1 and time.monotonic() - begun < 10
    for word in (server.address, *words):
        assert word.lower() in done.stderr.lower(), done.stderr
    return done.stderr


def test_right(redis, make_gate):
    gate = make_gate(start=False, store=on_redis(redis))
    assert run("check", "-c", gate.config_file).returncode == 0


def test_refused(redis, make_gate):
    redis.stop()
    complains(make_gate, redis, "refused")


def test_wrong_password(make_redis, make_gate):
    said = complains(make_gate, make_redis(password="right"), "WRONGPASS", password={"key": "wrong-one"})
    assert "wrong-one" not in said


def test_no_password(make_redis, make_gate):
    complains(make_gate, make_redis(password="right"), "NOAUTH")


def test_user_that_may_not(make_redis, make_gate):
    server = make_redis(users=["gate on >pass ~hlsgate:* +ping +role"])
    complains(make_gate, server, "NOPERM", user="gate", password={"key": "pass"})


def test_replica(redis, make_redis, make_gate):
    replica = make_redis(replica_of=redis)
    redis.wait_replicas(1)
    complains(make_gate, replica, "primary")


def test_data_of_another_version(redis, make_gate):
    redis.ask("HSET", "hlsgate:meta", "version", "999")
    complains(make_gate, redis, "999")


def test_no_such_database(redis, make_gate):
    complains(make_gate, redis, "DB index", database=1000)


def test_silence(redis, make_gate):
    redis.pause()
    complains(make_gate, redis)
    redis.resume()


def test_something_else_than_redis(make_nginx, make_gate):
    server = make_nginx()
    server.address = f"127.0.0.1:{server.port}"
    complains(make_gate, server)


def test_sentinel_as_server(redis, make_sentinel, make_gate):
    complains(make_gate, make_sentinel(redis, quorum=1))


def test_sentinels_that_know_no_such_primary(redis, make_sentinel, make_gate):
    sentinel = make_sentinel(redis, quorum=1)
    gate = make_gate(start=False, store=on_redis(None, sentinels=[sentinel.address], primary="another"))
    done = run("check", "-c", gate.config_file, check=False)
    assert done.returncode == 1 and "another" in done.stderr and sentinel.address in done.stderr, done.stderr
