"""Viewers who watch side by side, at the pace of people: for what shows many of them."""
import random
import threading
from urllib.parse import urljoin, urlsplit

from . import http
from .gate import uris_of
from .signing import sign

AGENTS = ["Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1",
          "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36",
          "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "VLC/3.0.20 LibVLC/3.0.20",
          "ExoPlayerLib/2.19.1 (Linux; Android 14)", "AppleCoreMedia/1.0.0.21F79 (Apple TV; U; CPU OS 17_5)"]


PIECE = 100_000


class Crowd:
    """`size` viewers of `titles`; each plays one after the other, a segment a second or so; and one for each of `downloads`, who
    reads it slowly, again and again. Nothing is checked: it is only there."""

    def __init__(self, gate, titles, size, downloads=()):
        self._gate, self._titles, self._is_over = gate, titles, threading.Event()
        self._threads = [threading.Thread(target=self._again_and_again, args=(self._play, i)) for i in range(size)]
        self._threads += [threading.Thread(target=self._again_and_again, args=(self._download, size + i, path))
                          for i, path in enumerate(downloads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _again_and_again(self, what, i, *args):
        chance, uid, ua = random.Random(i), f"user-{1040 + i * 7}", AGENTS[i % len(AGENTS)]
        viewer = self._gate.viewer(ip=f"127.{chance.randrange(1, 200)}.{i}.{chance.randrange(2, 250)}", ua=ua)
        self._is_over.wait(i * 0.2)
        while not self._is_over.is_set():
            try:
                what(viewer, uid, chance, *args)
            except (OSError, http.Closed):
                self._is_over.wait(1)

    def _download(self, viewer, uid, chance, path):
        self._gate.grant(viewer, uid, path)
        pause = chance.uniform(0.1, 0.3)
        with viewer.start(sign(path, uid), receive_buffer=65536) as connection:
            left = int(connection.read_head()["Content-Length"])
            while left > 0 and not self._is_over.wait(pause):
                left -= len(connection.read_content(min(left, PIECE)))

    def _play(self, viewer, uid, chance):
        title = self._titles[min(int(chance.expovariate(0.5)), len(self._titles) - 1)]
        if chance.random() > 0.04:  # or he has only found the link somewhere
            self._gate.grant(viewer, uid, title)
        url = sign(title, uid, ttl=3600 if chance.random() > 0.08 else -60)
        for target in self._targets(viewer, url):
            viewer.get(target)
            self._is_over.wait(chance.uniform(0.4, 1.6))
            if self._is_over.is_set():
                return

    def _targets(self, viewer, master):
        """What there is to be fetched, playlist by playlist."""
        todo = [master]
        while todo:
            target = todo.pop(0)
            if not urlsplit(target).path.endswith(".m3u8"):
                yield target
                continue
            response = viewer.get(target)
            if response.status == 200:
                todo += [urljoin(target, uri) for uri in uris_of(response.text)]
