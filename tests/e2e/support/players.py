"""What real players see: ffmpeg and ffprobe on a folder or through a gate, and pictures that any of them has shown."""
import functools
import subprocess
import tempfile
from pathlib import Path

STREAM = "/2026-01-01/demo"  # that scripts/demo.sh makes
SECONDS = 14
RATE = 25  # frames a second
PERIOD = 12  # of the test picture: s
UA = "ffmpeg-of-the-tests/1.0"
WIDTH, HEIGHT = 32, 18  # of the pictures that are compared
RAW = ("-vf", f"scale={WIDTH}:{HEIGHT}", "-pix_fmt", "rgb24", "-f", "rawvideo")


def ffmpeg(source, *options, before=(), to="-"):
    done = subprocess.run(["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", *before, "-i", str(source),
                           *options, str(to)], capture_output=True, text=True, timeout=120)
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


def pictures(file):
    """Of a file of raw frames, WIDTH x HEIGHT, red, green and blue; none if there is no file."""
    data, size = file.read_bytes() if file.exists() else b"", WIDTH * HEIGHT * 3
    assert len(data) % size == 0
    return [data[at:at + size] for at in range(0, len(data), size)]


def pictures_of(source, folder, *before):
    """Every frame that ffmpeg finds."""
    raw = folder / "raw"
    ffmpeg(source, "-map", "0:v:0", *RAW, before=before, to=raw)
    return pictures(raw)


@functools.cache
def seconds_of_source(demo):
    """The picture that each second of the demo begins with."""
    with tempfile.TemporaryDirectory() as folder:
        frames = pictures_of(demo.file(f"{STREAM}/hd/index.m3u8"), Path(folder), "-allowed_extensions", "ALL")
    assert len(frames) == SECONDS * RATE
    return frames[::RATE]


def looks_like(picture, demo, second):
    """It is more like the source's picture of that second than that of any other."""
    source = seconds_of_source(demo)[:PERIOD]
    distances = [sum((a - b) ** 2 for a, b in zip(one, picture)) for one in source]
    return min(range(PERIOD), key=distances.__getitem__) == second % PERIOD
