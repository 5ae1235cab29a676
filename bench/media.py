"""What is served: written fresh into the temporary folder."""
import os

SMALL = "/vod/small/index.m3u8"
LARGE = "/vod/large/index.m3u8"
SEGMENT = "/vod/small/s1.ts"
FIRST = "/vod/small/first.ts"
SMALL_BYTES = 225
SEGMENT_BYTES = 3_000_000
FIRST_BYTES = 188
LARGE_SEGMENTS = 2000


def playlist(segments):
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:6", "#EXT-X-MEDIA-SEQUENCE:0", "#EXT-X-PLAYLIST-TYPE:VOD"]
    for n in range(segments):
        lines += ["#EXTINF:6.000,", f"s{n}.ts"]
    return "\n".join(lines + ["#EXT-X-ENDLIST", ""])


def _small_playlist():
    """Exactly SMALL_BYTES: filled up with a comment."""
    text = playlist(5)
    missing = SMALL_BYTES - len(text) - len("#\n")
    text = text.replace("#EXT-X-ENDLIST", "#" + "-" * missing + "\n#EXT-X-ENDLIST")
    assert len(text) == SMALL_BYTES
    return text


def _write(root, path, content):
    full = root + path
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as f:
        f.write(content)


def write_all(root):
    _write(root, SMALL, _small_playlist().encode())
    _write(root, LARGE, playlist(LARGE_SEGMENTS).encode())
    _write(root, FIRST, os.urandom(FIRST_BYTES))
    _write(root, SEGMENT, os.urandom(SEGMENT_BYTES))


def write_bytes(root, path, size):
    """A file of the same weight as a personalised playlist, for the server that only sends it."""
    _write(root, path, os.urandom(size))
