"""The harness of the tests with Redis: its servers, and the proxy that spoils what they say."""
import time

import pytest

from support.redis_proxy import Fault
from support.resp import Redis, RedisError

pytestmark = pytest.mark.once


def test_server_says_what_it_holds(redis):
    redis.ask("SET", "a", 1, "PX", 60_000)
    redis.ask("SET", "b", 2)
    keys = redis.keys()
    assert keys.keys() == {"a", "b"} and 0 < keys["a"] <= 60_000 and keys["b"] == -1
    assert redis.changes() == 2 and redis.calls_of("set") == 2 and redis.role() == "master"


def test_server_outlives_a_kill_at_its_address(redis):
    redis.ask("SET", "a", 1)
    redis.kill()
    redis.start()
    assert redis.keys() == {}


def test_password_user_and_socket(make_redis):
    server = make_redis(unix=True, password="secret", users=["gate on >other ~h:* &h:* +@all"])
    with pytest.raises(RedisError, match="NOAUTH"), Redis(path=server.path) as client:
        client("GET", "a")
    with Redis(path=server.path, login=("gate", "other")) as client:
        assert client("SET", "h:a", 1) == b"OK"
        with pytest.raises(RedisError, match="NOPERM"):
            client("GET", "a")


class TestProxy:
    @pytest.fixture
    def proxy(self, redis, make_proxy):
        return make_proxy(redis)

    @pytest.fixture
    def client(self, proxy):
        with Redis(proxy.port) as client:
            yield client

    def test_passes_on(self, client):
        assert client("SET", "a", b"\r\n\0") == b"OK" and client("GET", "a") == b"\r\n\0"
        assert client("EVAL", "return {1, 'x', {}, false}", 0) == [1, b"x", [], None]

    def test_publishes(self, redis, client):
        client("SUBSCRIBE", "news")
        redis.ask("PUBLISH", "news", "hello")
        assert client.reader.read() == [b"message", b"news", b"hello"]

    def test_delays_and_replaces_what_it_is_told_to(self, redis, proxy, client):
        proxy.fault = Fault(commands=("GET",), delay=0.2, reply=b"-LOADING soon\r\n")
        client("SET", "a", 1)
        begun = time.monotonic()
        with pytest.raises(RedisError, match="LOADING"):
            client("GET", "a")
        assert time.monotonic() - begun >= 0.2 and redis.calls_of("get") == 0 and proxy.fault.met == 1

    def test_half_a_reply_and_silence(self, proxy, client):
        proxy.fault = Fault(after=2)
        client.send("PING")
        client.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.reader.read()
        assert client.reader.ahead == b"+P"

    @pytest.mark.parametrize("then, error", [("close", EOFError), ("reset", ConnectionResetError)])
    def test_half_a_reply_and_the_end(self, proxy, client, then, error):
        proxy.fault = Fault(after=0, then=then)
        with pytest.raises(error):
            client("PING")

    def test_refuses_and_comes_back(self, proxy, client):
        proxy.stop()
        with pytest.raises((EOFError, ConnectionResetError)):
            client("PING")
        with pytest.raises(ConnectionRefusedError):
            Redis(proxy.port)
        proxy.start()
        with Redis(proxy.port) as again:
            assert again("PING") == b"PONG"


def test_sentinels_promote_the_replica_and_take_the_old_primary_back(make_watched):
    watched = make_watched()
    old = watched.primary()
    old.kill()
    new = watched.wait_promoted(old)
    assert new is watched.replicas[0]
    old.start()
    new.wait_replicas(1)
    assert old.role() == "slave" and old.changes() == 0
