"""Many viewers at once, each on a connection that it keeps: what each request got, and when."""
import asyncio
import threading
import time
from dataclasses import dataclass

from .http import NAME

PAUSE = 0.05  # between a viewer's requests: s


@dataclass
class Answer:
    kind: str  # of the viewer
    url: str
    status: int  # 0: the connection broke
    asked: float  # time.monotonic()
    came: float

    @property
    def took(self):
        return self.came - self.asked


@dataclass
class Player:
    """`urls` is called for each request: (port, target)."""
    kind: str
    ip: str
    ua: str
    next_url: object


class Load:
    """Runs in a thread of its own from `with` to its end; `answers` holds what has come so far."""

    def __init__(self, players):
        self.players, self.answers = players, []
        self.is_over = False
        self.error = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join(30)
        assert not self.thread.is_alive()
        if self.error:
            raise self.error

    def of(self, *kinds):
        return [answer for answer in self.answers if answer.kind in kinds]

    def _run(self):
        try:
            asyncio.run(self._all())
        except BaseException as error:  # the test must hear of it
            self.error = error

    async def _all(self):
        await asyncio.gather(*(self._play(player) for player in self.players))

    async def _play(self, player):
        connections = {}
        try:
            while not self.is_over:
                port, target = player.next_url()
                begun = time.monotonic()
                status = await self._ask(connections, player, port, target)
                self.answers.append(Answer(player.kind, target, status, begun, time.monotonic()))
                await asyncio.sleep(PAUSE)
        finally:
            for _, writer in connections.values():
                writer.close()

    async def _ask(self, connections, player, port, target):
        try:
            if port not in connections:
                connections[port] = await asyncio.open_connection("127.0.0.1", port, local_addr=(player.ip, 0))
            reader, writer = connections[port]
            writer.write(f"GET {target} HTTP/1.1\r\nHost: {NAME}\r\nUser-Agent: {player.ua}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
            return int(head.split(" ")[1])
        except (OSError, asyncio.IncompleteReadError):
            connections.pop(port, None)
            return 0
