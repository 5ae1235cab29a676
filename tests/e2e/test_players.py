"""
Players that people have on their desks play the demo to its end, over TLS: what each has decoded is looked at. They are many
packages, so this is `make players`, not `make test`.
"""
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from support.players import HEIGHT, RATE, RAW, SECONDS, STREAM, UA, WIDTH, looks_like, pictures, pictures_of
from support.proto import Protocol
from support.signing import sign

pytestmark = pytest.mark.players

MASTER = f"{STREAM}/master.m3u8"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
IS_ROOT = os.geteuid() == 0


def ffmpeg(url, folder, *before):
    """It looks at no certificate unless told to, and cannot be told for what a playlist names."""
    frames = folder / "frames"
    return (["ffmpeg", "-nostdin", "-v", "error", "-user_agent", UA, *before, "-i", url, *RAW, frames],
            lambda: pictures(frames))


def mpv(url, folder):
    frames = folder / "frames"
    return (["mpv", "--no-config", f"--tls-ca-file={folder}/trust/ca.pem", "--tls-verify=yes", f"--user-agent={UA}",
             "--no-audio", f"--vf=scale={WIDTH}:{HEIGHT},format=rgb24", f"--o={frames}", "--of=rawvideo", "--ovc=rawvideo", url],
            lambda: pictures(frames))


def vlc(url, folder):
    """It will not run as root."""
    copy, nobody = folder / "copy.ts", ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    return ([*(nobody if IS_ROOT else []), "cvlc", "--no-dbus", "--no-gnutls-system-trust",
             f"--gnutls-dir-trust={folder}/trust", "--adaptive-logic=highest",
             f"--sout=#std{{access=file,mux=ts,dst={copy}}}", "--play-and-exit", url],
            lambda: pictures_of(copy, folder) if has_bytes(copy) else [])


def has_bytes(file):
    return file.exists() and file.stat().st_size > 0


def gstreamer(url, folder):
    """It believes whom the system believes: so it gets a file system of its own."""
    frames, as_root = folder / "frames", [] if IS_ROOT else ["--map-root-user"]
    mount = f'mount --bind {folder}/trust/ca.pem {AUTHORITIES} && exec "$@"'
    return (["unshare", *as_root, "--mount", "sh", "-c", mount, "sh", "gst-launch-1.0", "-q", "uridecodebin", f"uri={url}",
             *("name=d d. ! audio/x-raw ! fakesink sync=false d. ! video/x-raw ! videoconvert ! videoscale ! "
               f"video/x-raw,width={WIDTH},height={HEIGHT},format=RGB ! filesink location={frames}").split()],
            lambda: pictures(frames))


@pytest.fixture
def folder(authority):
    """A home that a player who is not us may use, too, and whom it is to believe."""
    with tempfile.TemporaryDirectory(prefix="hlsgate-player-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "trust").mkdir()
        (folder / "trust/ca.pem").write_bytes(authority.file.read_bytes())
        yield folder


def play(player, url, folder, *options):
    """What it has shown, and what it said."""
    command, seen = player(url, folder, *options)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | {"HOME": str(folder)})
    return seen(), f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(params=["h1", "h1+tls", "h2+tls"])
def gate(request, make_gate, demo, authority):
    """Where HTTP/2 is offered, VLC and GStreamer take it; ffmpeg and mpv have never heard of it."""
    gate = make_gate(start=False, protocol=Protocol(request.param, authority),
                     origins=[{"prefix": "/", "filesystem": {"root": str(demo.root)}}])
    gate.config["listen"][0]["http2"] = gate.protocol.is_h2
    gate.write_config()
    return gate.start()


def let_in(gate, ua):
    gate.grant(gate.viewer(ip="127.0.0.1", ua=ua), path=MASTER)


@pytest.mark.parametrize("player", [ffmpeg, mpv, vlc, gstreamer], ids=lambda p: p.__name__)
def test_to_the_end(gate, demo, folder, player):
    """First as a stranger, so that the log tells what it calls itself; then let in."""
    seen, words = play(player, gate.url + sign(MASTER), folder)
    assert seen == [], words
    entry, *_ = gate.denied_log()["logs"]
    assert entry["outcome"] == "no_grant", words
    let_in(gate, entry["user_agent"])
    seen, words = play(player, gate.url + sign(MASTER), folder)
    # VLC writes what it has got into a file, and not the last few frames.
    assert SECONDS * RATE - 15 <= len(seen) <= SECONDS * RATE, words
    assert all(looks_like(picture, demo, second) for second, picture in enumerate(seen[::RATE])), words


@pytest.mark.parametrize("second", [1, 7, 13])
def test_ffmpeg_seeks(gate, demo, folder, second):
    let_in(gate, UA)
    seen, words = play(ffmpeg, gate.url + sign(MASTER), folder, "-ss", str(second))
    assert abs(len(seen) - (SECONDS - second) * RATE) <= 2 and looks_like(seen[0], demo, second), words
