"""Folders of HLS files, made without ffmpeg: what the gate looks at is names, playlists and bytes."""
import os
import random

DATE = "2026-01-02"


def bytes_of(name, size):
    return random.Random(name).randbytes(size)


class Streams:
    """A root folder; every write is whole (rename), as a packager's is."""

    def __init__(self, root):
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def file(self, path):
        return self.root / path.lstrip("/")

    def write(self, path, data):
        target = self.file(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(target.name + ".new")
        new.write_bytes(data.encode() if isinstance(data, str) else data)
        os.rename(new, target)
        return path

    def read(self, path):
        return self.file(path).read_bytes()

    def movie(self, name="movie1", segments=3, size=20_000):
        """A master playlist, one encrypted TS and one fMP4 rendition, a poster, captions. Answers the master's path."""
        base = f"/v/{DATE}/{name}"
        ts = "".join(f"#EXTINF:6.0,\ns{i}.ts\n" for i in range(segments))
        mp4 = "".join(f"#EXTINF:6.0,\ns{i}.m4s\n" for i in range(segments))
        self.write(f"{base}/hd/index.m3u8", media(f'#EXT-X-KEY:METHOD=AES-128,URI="enc.key"\n{ts}#EXT-X-ENDLIST\n'))
        self.write(f"{base}/sd/index.m3u8", media(f'#EXT-X-MAP:URI="init.mp4"\n{mp4}#EXT-X-ENDLIST\n'))
        self.write(f"{base}/hd/enc.key", bytes_of(f"{name}.key", 16))
        self.write(f"{base}/sd/init.mp4", bytes_of(f"{name}.init", 800))
        for i in range(segments):
            self.write(f"{base}/hd/s{i}.ts", bytes_of(f"{name}.hd.{i}", size))
            self.write(f"{base}/sd/s{i}.m4s", bytes_of(f"{name}.sd.{i}", size))
        self.write(f"{base}/poster.jpg", bytes_of(f"{name}.poster", 3000))
        self.write(f"{base}/about.bin", bytes_of(f"{name}.other", 300))
        return self.write(f"{base}/master.m3u8", MASTER)


def media(lines):
    return f"#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:0\n{lines}"


MASTER = """#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=1800000,RESOLUTION=1280x720
hd/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=700000,RESOLUTION=640x360
sd/index.m3u8
"""
