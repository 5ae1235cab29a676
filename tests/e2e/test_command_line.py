"""serve, check, sign, version, reference: what they print and how they exit."""
import json
import os
import re
import subprocess
from urllib.parse import urlsplit

import pytest

from support.gate import BINARY, ROOT, run
from support.ports import free_port
from support.signing import mac, params_of, sign

pytestmark = pytest.mark.once

GOOD = """\
listen:
  - address: "127.0.0.1:{port}"
origins:
  - prefix: /
    filesystem: {{ root: {root} }}
store:
  embedded: {{ path: {home}/state }}
token:
  secrets: [ {{ id: k1, key: "a secret of sixteen bytes" }} ]
"""


@pytest.fixture
def config(tmp_path):
    """config(text changes) -> path of a file; `old` must stand in the good one."""
    (tmp_path / "root").mkdir()
    text = GOOD.format(port=free_port(), root=tmp_path / "root", home=tmp_path)

    def write(old="", new=""):
        assert old in text
        path = tmp_path / "hlsgate.yaml"
        path.write_text(text.replace(old, new) if old else text + new)
        return path

    return write


def test_version():
    assert re.match(r"hlsgate \d+\.\d+\.\d+", run("version").stdout)


@pytest.mark.parametrize("args, word", [((), "hlsgate help"), (("frobnicate",), "frobnicate"), (("serve", "-c"), "-c"),
                                        (("serve", "-c", "/no/such/file"), "/no/such/file"), (("sign",), "--uid"),
                                        (("check", "-x"), "x"), (("check", "stray"), "stray")])
def test_wrong_usage_says_what_is_wrong(args, word):
    done = run(*args, check=False)
    assert done.returncode != 0 and word in done.stderr and done.stdout == ""


def test_help_names_every_command():
    text = run("help").stdout
    assert all(f"hlsgate {command}" in text for command in ("serve", "check", "sign", "reference", "version"))


def test_check_of_a_good_file(config):
    assert run("check", "-c", config()).returncode == 0


# What stands in the file, what is made of it, line, key, and a word of what would be right.
MISTAKES = {
    "unknown key": ("", "sesion: { ttl: 1h }\n", 10, "sesion", "session"),
    "unknown key in a section": ("", "session: { tll: 1h }\n", 10, "session.tll", "ttl"),
    "section instead of a value": ("", "session: { ttl: { x: 1 } }\n", 10, "session.ttl", ""),
    "value instead of a section": ("", "session: 2h\n", 10, "session", ""),
    "duration without unit": ("", "session: { ttl: 7200 }\n", 10, "session.ttl", "30s"),
    "out of range": ("", "session: { ttl: 99999d }\n", 10, "session.ttl", "30d"),
    "not a choice": ("", "access: { replay: { mode: maybe } }\n", 10, "access.replay.mode", "bind"),
    "unknown check": ("", "access: { policy: { segment: [tokn] } }\n", 10, "access.policy.segment", "token"),
    "not an address": ("", "trusted_proxies: [10.0.0.0/33]\n", 10, "trusted_proxies", "192.0.2.0/24"),
    "boolean": ("", "session: { strict: perhaps }\n", 10, "session.strict", "on"),
    "size": ("", "cache: { max_object: 1 furlong }\n", 10, "cache.max_object", "MiB"),
    "pattern": ("", "access: { stream_key: '(((' }\n", 10, "access.stream_key", ""),
    "doubled key": ("", "store: {}\n", 10, "store", ""),
    "missing root": ("root: ", "root: /no/such/folder", 5, "origins[0].filesystem.root", ""),
    "root is a file": ("root: ", "root: /etc/passwd }\n#", 5, "origins[0].filesystem.root", ""),
    "no root": ("filesystem:", "filesystem: {} #", 5, "origins[0].filesystem.root", ""),
    "short secret": ("a secret of sixteen bytes", "short", 9, "token.secrets[0]", "16"),
    "unset variable": ('key: "a secret of sixteen bytes"', "env: HLSGATE_NO_SUCH", 9, "token.secrets[0]",
                       "HLSGATE_NO_SUCH"),
    "unreadable secret": ('key: "a secret of sixteen bytes"', "file: /no/such/file", 9, "token.secrets[0].file", ""),
    "redis without a way": ("embedded:", "redis: {} #", 7, "store.redis", "server or sentinels"),
    "redis with two ways": ("embedded:", 'redis: { server: "a:1", sentinels: ["b:1"], primary: x } #', 7, "store.redis", "either"),
    "sentinels of nobody": ("embedded:", 'redis: { sentinels: ["b:1"] } #', 7, "store.redis", "primary"),
    "sentinel named twice": ("embedded:", 'redis: { sentinels: ["b:1", "B:1"], primary: x } #', 7, "store.redis.sentinels", "twice"),
    "primary of nobody": ("embedded:", 'redis: { server: "a:1", primary: x } #', 7, "store.redis.primary", "sentinels"),
    "redis without a port": ("embedded:", "redis: { server: localhost } #", 7, "store.redis.server", "redis.example:6379"),
    "redis at port 0": ("embedded:", 'redis: { server: "a:0" } #', 7, "store.redis.server", "127.0.0.1:6379"),
    "bare IPv6 address": ("embedded:", 'redis: { server: "::1:6379" } #', 7, "store.redis.server", "[::1]:6379"),
    "relative socket": ("embedded:", 'redis: { server: "unix:redis.sock" } #', 7, "store.redis.server", "unix:/"),
    "empty sentinel": ("embedded:", 'redis: { sentinels: [""], primary: x } #', 7, "store.redis.sentinels[0]", "6379"),
    "prefix with a space": ("embedded:", 'redis: { server: "a:1", prefix: "a b" } #', 7, "store.redis.prefix", "printable"),
    "empty prefix": ("embedded:", 'redis: { server: "a:1", prefix: "" } #', 7, "store.redis.prefix", "1 to 64"),
    "user without password": ("embedded:", 'redis: { server: "a:1", user: u } #', 7, "store.redis.user", "password"),
    "password of no sentinels": ("embedded:", 'redis: { server: "a:1", sentinel_password: { key: x } } #', 7, "store.redis", "Sentinels"),
    "patience of redis": ("embedded:", 'redis: { server: "a:1", timeout: 5ms } #', 7, "store.redis.timeout", "10ms"),
    "what a dead store means": ("", "access: { on_store_failure: shrug }\n", 10, "access.on_store_failure", "allow_signed"),
    "address to listen on": ("127.0.0.1:", "localhost:", 2, "listen[0].address", "127.0.0.1:7889"),
}


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_named_with_file_line_and_key(config, mistake, command):
    old, new, line, key, right = MISTAKES[mistake]
    path = config(old, new)
    done = run(command, "-c", path, check=False)
    assert done.returncode == 1, done.stderr
    named = re.findall(rf"^{re.escape(str(path))}:(\d+): (\S+): (.*)$", done.stderr + done.stdout, re.M)
    assert named, done.stderr + done.stdout
    assert any(int(n) == line and k.startswith(key) and right in text for n, k, text in named), named


def test_every_mistake_is_named_not_only_the_first(config):
    done = run("check", "-c", config("", "sesion: {}\ncach: {}\nworkers: many\n"), check=False)
    lines = (done.stderr + done.stdout).strip().splitlines()
    assert done.returncode == 1 and [re.search(r":(\d+):", line).group(1) for line in lines][:3] == ["10", "11", "12"]


def test_not_yaml(config):
    done = run("check", "-c", config("listen:", "listen: ["), check=False)
    assert done.returncode == 1 and re.search(r"hlsgate\.yaml:\d+", done.stderr)


def test_no_such_file(tmp_path):
    done = run("serve", "-c", tmp_path / "none.yaml", check=False)
    assert done.returncode == 1 and "none.yaml" in done.stderr


def test_secret_is_never_printed(config):
    done = run("check", "-c", config("", "sesion: {}\n"), check=False)
    assert "sixteen bytes" not in done.stderr + done.stdout


def test_port_in_use(make_gate, streams):
    first = make_gate(workers=1)
    second = make_gate(start=False, folder="second", listen=[{"address": f"[::]:{first.port}"}])
    done = run("serve", "-c", second.config_file, check=False)
    assert done.returncode == 1 and str(first.port) in done.stderr and "listen[0]" in done.stderr


def test_unreadable_store(config, tmp_path):
    (tmp_path / "state").write_text("a file, not a folder")
    done = run("serve", "-c", config(), check=False)
    assert done.returncode == 1 and "store" in done.stderr and "state" in done.stderr


def test_store_that_is_not_one(config, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "data.mdb").write_bytes(b"rubbish" * 4000)
    done = run("serve", "-c", config(), check=False)
    assert done.returncode == 1 and "state" in done.stderr


class TestSign:
    PATH = "/v/2026-01-02/movie1/ein Film.m3u8"

    def url(self, config, *args):
        done = run("sign", "-c", config(), "--uid", "u1", *args)
        assert done.stdout.count("\n") == 1
        return done.stdout.strip()

    def test_url_alone(self, config):
        url = self.url(config, "--path", self.PATH, "--ttl", "60", "--base", "https://video.example")
        assert url.startswith("https://video.example/v/2026-01-02/movie1/ein%20Film.m3u8?")
        params = params_of(url)
        message = f"u1:{self.PATH}:{params['expires']}"
        secret = b"a secret of sixteen bytes"
        assert params["token"] in (mac(message, secret), mac(message, secret, "base64url"))

    def test_scope(self, config):
        url = self.url(config, "--path", "/v/2026-01-02/movie1/", "--scope")
        params = params_of(url)
        assert params["scope"] == "/v/2026-01-02/movie1/"
        message = f"u1:/v/2026-01-02/movie1/*:{params['expires']}"
        assert params["token"] == mac(message, b"a secret of sixteen bytes", "base64url")

    def test_plays(self, make_gate):
        gate = make_gate()
        v = gate.admitted()
        url = run("sign", "-c", gate.config_file, "--uid", "u1", "--path", "/v/2026-01-02/movie1/master.m3u8").stdout
        v.play(url.strip())

    @pytest.mark.parametrize("args", [("--path", "relative.m3u8"), ("--path", "/../a"), (), ("--path", ""),
                                      ("--path", "/a", "--ttl", "-1"), ("--path", "/a", "--ttl", "soon")])
    def test_wrong_arguments(self, config, args):
        assert run("sign", "-c", config(), "--uid", "u1", *args, check=False).returncode != 0

    def test_uid_that_the_gate_would_refuse(self, config):
        assert run("sign", "-c", config(), "--uid", "a:b", "--path", "/a", check=False).returncode != 0


def test_reference_is_the_manual_as_committed():
    assert run("reference").stdout == (ROOT / "docs/configuration.md").read_text()


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "examples").glob("*.yaml")))
def test_examples_are_right(name, tmp_path):
    """As they stand, but for the folders and secrets that only a real site has."""
    text = (ROOT / "examples" / name).read_text()
    (tmp_path / "streams").mkdir()
    (tmp_path / "token.secret").write_text("0123456789abcdef0123456789abcdef")
    for real in ("../demo/streams", "/srv/video"):
        text = text.replace(real, str(tmp_path / "streams"))
    text = text.replace("/var/lib/hlsgate", str(tmp_path / "state")).replace("../demo/", f"{tmp_path}/")
    (tmp_path / name).write_text(text)
    done = subprocess.run([BINARY, "check", "-c", str(tmp_path / name)], capture_output=True, text=True,
                          env=os.environ | {"HLSGATE_SECRET": "0123456789abcdef"})
    assert done.returncode == 0, done.stderr


def test_json_is_a_configuration_too(config, tmp_path):
    (tmp_path / "c.json").write_text(json.dumps({"listen": [{"address": "[::]:1"}], "origins": [
        {"filesystem": {"root": str(tmp_path)}}], "token": {"secrets": [{"id": "a", "key": "x" * 16}]}}))
    run("check", "-c", tmp_path / "c.json")


def test_path_of_a_signed_url_is_the_path(config):
    assert urlsplit(sign("/a b.m3u8")).path == "/a%20b.m3u8"
