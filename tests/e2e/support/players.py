"""What real players see: ffmpeg and ffprobe on a folder or through a gate."""
import functools
import subprocess

STREAM = "/2026-01-01/demo"  # that scripts/demo.sh makes
SECONDS = 14
UA = "ffmpeg-of-the-tests/1.0"


def ffmpeg(source, *options, before=()):
    done = subprocess.run(["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", *before, "-i", str(source),
                           *options, "-"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def frames(source, *before):
    """One line for each decoded frame of each stream, video and sound."""
    lines = ffmpeg(source, "-map", "0", "-f", "framemd5", before=before).splitlines()
    return [line for line in lines if not line.startswith("#")]


@functools.cache
def frames_of_file(path):
    return frames(path, "-allowed_extensions", "ALL")


def through(gate, url):
    return f"{gate.url}{url}"
