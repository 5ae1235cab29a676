"""A Redis of our own, and nginx with Lua as a gate over it: nginx_redis.lua says how that one works."""
import hashlib
import os
import socket
import time

import proc
from servers import HLSGATE_SECRET, NGINX_HEAD, USER_AGENT, NginxServer, hlsgate_target

REDIS = "/usr/bin/redis-server"
LUA_MODULE = "/usr/lib/nginx/modules/ngx_http_lua_module.so"
LUA_REDIS = "/usr/share/lua/5.1/nginx/redis.lua"
HERE = os.path.dirname(os.path.abspath(__file__))
GRANT_SECONDS = 6 * 3600

NGINX_REDIS_CONF = """
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module {lua_module};
""" + NGINX_HEAD + """
    lua_package_path "{here}/?.lua;;";
    lua_socket_log_errors off;
    init_by_lua_block {{
        gate = require "nginx_redis"
        gate.configure {{ host = "127.0.0.1", port = {redis_port}, secret = "{secret}", way = "{way}" }}
    }}
    init_worker_by_lua_block {{ gate.start_worker() }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {root};
        location ~ /(?<stream_key>[^/]+)/[^/]+\\.m3u8$ {{
            sendfile off; # so few bytes leave with their head, in one call
            access_by_lua_block {{ gate.admit() }}
        }}
    }}
}}
"""


class Redis:
    """Keeps nothing on disk: how often a snapshot is written is no part of the question."""
    name = "redis"

    def __init__(self, folder):
        self.port = proc.free_port()
        os.makedirs(folder)
        argv = [REDIS, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no",
                "--daemonize", "no"]
        self.process = proc.Process(argv, self.port, f"{folder}/log")

    def stop(self):
        self.process.stop()

    def _reply(self, f):
        kind, rest = f.read(1), f.readline()[:-2]
        if kind == b"$":
            return f.read(int(rest) + 2)[:-2]
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest
        raise RuntimeError(f"Redis: {rest!r}")

    def command(self, *words):
        """One command, one reply: a string or a number."""
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        request = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as s, s.makefile("rb") as f:
            s.sendall(request)
            return self._reply(f)

    def calls_of(self, command):
        """How often `command` was called since the start."""
        for line in self.command("INFO", "commandstats").decode().splitlines():
            if line.startswith(f"cmdstat_{command}:"):
                return int(line.partition("calls=")[2].partition(",")[0])
        return 0


def in_redis(redis, prefix):
    """
    The store of hlsgate's configuration. No verdict is used twice: each admission is to be Redis' own. As patient as the peer:
    a busy machine is no failure.
    """
    return f'redis: {{ server: "127.0.0.1:{redis.port}", prefix: "{prefix}", verdict_ttl: 0s, timeout: 5s }}'


class NginxRedis(NginxServer):
    def __init__(self, folder, root, redis, way):
        self._redis, self._way = redis, way
        super().__init__(folder, NGINX_REDIS_CONF, root=root, redis_port=redis.port, secret=HLSGATE_SECRET, way=way,
                         here=HERE, lua_module=LUA_MODULE)

    def signed(self, path, uid="bench", seconds=GRANT_SECONDS):
        """The same form of token as hlsgate's; each server is given one of its own."""
        return self.base + hlsgate_target(path, uid, int(time.time()) + seconds)

    def grant(self, path, uid="bench"):
        """What the site's back end would do."""
        agent = hashlib.md5(USER_AGENT.encode()).hexdigest()[:8].encode()
        key = self._way.encode() + b":g:\x7f\x00\x00:" + agent + b":" + uid.encode()
        self._redis.command("SADD", key, path.split("/")[-2])
        self._redis.command("EXPIRE", key, GRANT_SECONDS)
