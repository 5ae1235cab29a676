"""A running daemon and the viewers and back ends that talk to it."""
import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from . import http, proto
from .ports import free_port
from .signing import OLD_SECRET, SECRET
from .wait import DEADLINE, until

ROOT = Path(__file__).resolve().parents[3]
BINARY = os.environ.get("HLSGATE_BIN", str(ROOT / "build" / "hlsgate"))
KEYS = {"viewer": "key-of-a-viewer", "operator": "key-of-an-operator", "admin": "key-of-an-admin"}
TROUBLE = re.compile(r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|runtime error:|PANIC in")
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:exitcode=99",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
    "TSAN_OPTIONS": f"exitcode=66:halt_on_error=0:suppressions={ROOT / 'tests/tsan.suppressions'}",
}
# Other networks in the sense of a grant (/24), all of them this machine.
HOME, NEXT_DOOR, ELSEWHERE = "127.0.1.5", "127.0.1.77", "127.0.2.5"


def outcomes():
    """word -> status, out of the one table there is."""
    text = (ROOT / "src/gate/outcome.h").read_text()
    return {name.lower(): int(status) for name, status in re.findall(r"^ +X\((\w+), +(\d+),", text, re.M)}


OUTCOMES = outcomes()


def merged(base, changes):
    """`changes` over `base`, section by section; None takes a key out."""
    out = dict(base)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = merged(out[key], value)
        else:
            out[key] = value
    return {key: value for key, value in out.items() if value is not None}


def http_origin(*servers, prefix="/", **http):
    """An entry of `origins`, for URLs or for origins of the harness."""
    return {"prefix": prefix, "http": {"servers": [getattr(s, "url", s) for s in servers], **http}}


def run(*args, check=True, **options):
    """A subcommand of the daemon, to its end."""
    done = subprocess.run([BINARY, *map(str, args)], capture_output=True, text=True, timeout=60,
                          env=os.environ | SANITIZERS, **options)
    assert not TROUBLE.search(done.stderr), done.stderr
    if check:
        assert done.returncode == 0, done.stderr
    return done


class Gate:
    """JSON is YAML, so the configuration is a dictionary here. `protocol`: what is spoken to it, if not what this run is
    for."""

    def __init__(self, folder, streams, protocol=None, **config):
        self.protocol = protocol or proto.current()
        self.folder = folder
        self.streams = streams
        self.port = free_port()
        self.process = None
        self.wrapper = []  # a command that ends in running its arguments
        self.config_file = folder / "hlsgate.yaml"
        self.stderr_file = folder / "stderr.txt"
        (folder / "token.secret").write_bytes(SECRET + b"\n")
        (folder / "old.secret").write_bytes(OLD_SECRET)
        self.config = merged(self._defaults(), config)
        self.write_config()

    def _defaults(self):
        return {
            "listen": [self.protocol.listener(f"[::]:{self.port}")],
            "workers": 2,
            "origins": [{"prefix": "/", "filesystem": {"root": str(self.streams.root)}}],
            "store": {"embedded": {"path": "state"}},
            "token": {"secrets": [{"id": "k1", "file": "token.secret"}]},
            "cache": {"memory": "64MiB"},
            "api": {"keys": [{"name": scope, "sha256": hashlib.sha256(key.encode()).hexdigest(), "scope": scope}
                             for scope, key in KEYS.items()]},
        }

    def write_config(self):
        self.config_file.write_text(json.dumps(self.config, indent=2))

    # -- life

    def start(self, health=200):
        """Until /health answers so, or one of these; 503: the store is away, or full."""
        with open(self.stderr_file, "ab") as log:
            self.process = subprocess.Popen([*self.wrapper, BINARY, "serve", "-c", str(self.config_file)], stdout=log,
                                            stderr=log, env=os.environ | SANITIZERS)
        until(lambda: self._is_up(health), "the daemon answers /health", deadline=max(DEADLINE, 30))
        return self

    def _is_up(self, health):
        assert self.process.poll() is None, f"exit {self.process.returncode}: {self.log}"
        try:
            status = self.fetch("GET", "/health").status
            return status in health if isinstance(health, tuple) else status == health
        except (OSError, http.Closed):
            return False

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """What a power cut or the OOM killer does."""
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def reload(self, **changes):
        """Writes the configuration with these sections changed, and asks the daemon to take it."""
        seen = self.log.count("SIGHUP: ")
        self.config.update(changes)
        self.write_config()
        self.signal(signal.SIGHUP)
        until(lambda: self.log.count("SIGHUP: ") > seen, "the daemon has heard")

    def is_refusing(self):
        try:
            http.open_socket(self.port).close()
            return False
        except ConnectionResetError:
            return False  # came while it was closing
        except ConnectionRefusedError:
            return True

    def wait_exit(self, deadline=40):
        code = self.process.wait(deadline)
        self.process = None
        return code

    def stop(self):
        """Everything given back, a clean exit, not a word from a sanitizer."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.wait_all_given_back()
            self.signal(signal.SIGTERM)
        code = self.wait_exit()
        assert not TROUBLE.search(self.log), self.log
        assert code == 0, f"exit {code}: {self.log}"

    def abandon(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def log(self):
        return self.stderr_file.read_text(errors="replace")

    def memory(self):
        """Resident, in bytes; 0 under a sanitizer, which keeps what has been freed."""
        if re.search(r"lib(a|t)san", Path(f"/proc/{self.process.pid}/maps").read_text()):
            return 0
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s*(\d+)", status)[1]) << 10

    # -- what it says of itself

    def stats(self):
        return self.api("GET", "/stats", key="viewer").json

    def gauges(self):
        return self.stats()["gauges"]

    def wait_gauge(self, name, value):
        until(lambda: self.gauges()[name] == value, f"gauge {name} is {value}")

    def wait_all_given_back(self):
        """Only the connection and the request that ask are left."""
        last, own = {}, ["requests", "arenas", *self.protocol.gauges]

        def is_idle():
            last.update(self.gauges())
            return last == dict.fromkeys([*last, *own], 0) | dict.fromkeys(own, 1)

        try:
            until(is_idle)
        except AssertionError:
            raise AssertionError(f"not given back: {last}") from None

    def count_of(self, word):
        assert word in OUTCOMES, word
        return self.stats()["outcomes"].get(word, 0)

    def counters(self):
        return self.stats()["counters"]

    def cache(self):
        return self.stats()["cache"]

    def disk(self):
        return self.stats()["disk"]

    def servers(self):
        """What /health says of the servers of origins: as configured -> its state and figures."""
        origins = self.api("GET", "/health", key="viewer").json["origins"]
        return {server["server"]: server for origin in origins for server in origin["servers"]}

    def wait_state(self, origin, state):
        until(lambda: self.servers()[origin.url]["state"] == state, f"{origin.url} is {state}")

    def purge(self, tier="purged", **what):
        """How many objects went out of memory, or, `purged_on_disk`, from there."""
        response = self.api("POST", "/api/cache/purge", what, key="operator")
        assert response.status == 200, response.text
        return response.json[tier]

    def denied_log(self):
        return self.api("GET", "/api/access-logs/denied", key="viewer").json

    def wait_log(self, path, *words):
        """Until one of the API's logs holds all these words; its text."""
        def text_with_all():
            text = self.api("GET", path, key="viewer").text
            return text if all(word in text for word in words) else ""

        return until(text_with_all, f"{words} in {path}")

    # -- talking to it

    @property
    def url(self):
        return f"{self.protocol.scheme}://127.0.0.1:{self.port}"

    def connect(self, source=None, **options):
        return self.protocol.connect(self.port, source, **options)

    def fetch(self, method, target, fields=(), body=None, source=None, **options):
        return self.protocol.fetch(self.port, method, target, fields, body, source, **options)

    def api(self, method, path, body=None, key="admin", raw=None, fields=()):
        fields = list(dict(fields).items())
        if key:
            fields.append(("Authorization", f"Bearer {KEYS.get(key, key)}"))
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            fields.append(("Content-Type", "application/json"))
        return self.fetch(method, path, fields, raw)

    def viewer(self, ip=HOME, ua="Player/1.0"):
        return Viewer(self, ip, ua)

    def grant(self, viewer, uid="u1", path="/v/2026-01-02/movie1/master.m3u8", **changes):
        body = {"uid": uid, "path": path, "clientIp": viewer.ip, "UserAgent": viewer.ua} | changes
        response = self.api("POST", "/api/whitelist", body, key="operator")
        assert response.status == 200, response.text
        return response.json

    def revoke(self, **body):
        response = self.api("DELETE", "/api/whitelist", body, key="operator")
        assert response.status == 200, response.text
        return response.json

    def admitted(self, name="movie1", uid="u1", **viewer):
        """A viewer with a grant for a movie that is there."""
        path = self.streams.movie(name)
        v = self.viewer(**viewer)
        self.grant(v, uid, path)
        return v


@contextlib.contextmanager
def running(gate):
    """From its start to its clean end, for a fixture of more than one test."""
    try:
        yield gate.start()
        gate.stop()
    finally:
        gate.abandon()


class Viewer:
    """One player: a source address and a User-Agent. Keeps no cookies unless told to."""

    def __init__(self, gate, ip, ua):
        self.gate, self.ip, self.ua = gate, ip, ua

    def fields(self, extra=()):
        own = [("User-Agent", self.ua)] if self.ua is not None else []
        return own + list(dict(extra).items())

    def connect(self, **options):
        return self.gate.connect(self.ip, **options)

    def start(self, target, fields=(), method="GET", **options):
        """A request that is sent, its answer still to be read."""
        c = self.connect(**options)
        c.request(method, target, self.fields(fields))
        return c

    def ask(self, method, target, fields=(), body=None):
        return self.gate.fetch(method, target, self.fields(fields), body, source=self.ip)

    def get(self, target, fields=()):
        return self.ask("GET", target, fields)

    def gets(self, target, fields=(), status=200):
        """A GET that must succeed."""
        response = self.get(target, fields)
        assert response.status == status, f"{response.status} for {target}: {response.body[:200]}\n{self.why()}"
        return response

    def is_refused(self, target, word, method="GET", fields=()):
        """The status of this outcome, and the outcome counted and in the log of the denied."""
        before = self.gate.count_of(word)
        response = self.ask(method, target, fields)
        assert response.status == OUTCOMES[word], f"{response.status}, not {word}, for {target}\n{self.why()}"
        # Counted when the last byte has left, maybe after it has come here.
        until(lambda: self.gate.count_of(word) == before + 1, f"{word} counted for {target}")
        return response

    def why(self):
        return json.dumps(self.gate.denied_log())[:600]

    def play(self, url):
        """Fetches a playlist and all it names, as a player would: absolute URI -> response."""
        got = {}
        todo = [url]
        while todo:
            target = todo.pop(0)
            if target in got:
                continue
            got[target] = self.gets(target)
            if urlsplit(target).path.endswith(".m3u8"):
                todo += [urljoin(target, uri) for uri in uris_of(got[target].text)]
        return got


def uris_of(playlist):
    """Every URI of a playlist, in order."""
    found = []
    for line in playlist.lstrip("\ufeff").splitlines():
        if line and not line.startswith("#"):
            found.append(line)
        found += re.findall(r'URI="([^"]*)"', line) if line.startswith("#") else []
    return found


def uri_ending(playlist, base, suffix):
    """The absolute-path target of the first URI whose path ends so."""
    for uri in uris_of(playlist):
        target = urljoin(base, uri)
        if urlsplit(target).path.endswith(suffix):
            return target
    raise AssertionError(f"no URI ending in {suffix} in {playlist}")
