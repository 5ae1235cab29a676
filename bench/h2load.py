"""Load over HTTP/2 and TLS, and what it cost the server; responses that stand still."""
import contextlib
import dataclasses
import re
import socket
import subprocess
import urllib.parse

import h2.config
import h2.connection
import h2.events
import h2.settings

import load

H2LOAD = "/usr/bin/h2load"
# One offer that all servers take: else each would choose another cipher, and h2load measures those.
OFFER = ("--tls13-ciphers=TLS_AES_128_GCM_SHA256", "--groups=X25519")
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
WINDOW = 8192  # of a stream that stands still: less than a quarter of what a connection may send at first


@dataclasses.dataclass
class Cost:
    requests: int
    body_bytes: float  # also of responses that were under way at the end
    cpu_seconds: float


def _parse(text):
    counts = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    statuses = re.search(r"status codes: \d+ 2xx, 0 3xx, 0 4xx, 0 5xx", text)
    data = re.search(r"headers .*, [\d.]+\w+ \((\d+)\) data", text)
    if not counts or int(counts[2]) == 0 or any(map(int, counts.groups()[2:])) or not statuses or not data:
        raise load.LoadError(f"h2load gave no fair result: {text}")
    if "TLSv1.3" not in text or "Application protocol: h2" not in text:
        raise load.LoadError(f"not HTTP/2 over TLS 1.3: {text}")
    return int(counts[2]), float(data[1])


def run(server, url, connections, at_once, seconds):
    """`at_once` requests on each connection; h2load's windows are so large that no response waits for one."""
    argv = [H2LOAD, "-t", "1", "-c", str(connections), "-m", str(at_once), "-D", f"{seconds}s", *OFFER,
            "-H", f"User-Agent: {load.USER_AGENT}", url]
    before = server.process.cpu_seconds()
    out = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=seconds + 60).stdout
    cpu = server.process.cpu_seconds() - before
    return Cost(*_parse(out), cpu)


class _Viewer:
    """A connection whose streams each read WINDOW bytes and then no more."""

    def __init__(self, parts, streams):
        self.socket = load.trusting("h2").wrap_socket(socket.create_connection((parts.hostname, parts.port), timeout=30))
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
        self._h2.local_settings = h2.settings.Settings(initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: WINDOW})
        self._h2.initiate_connection()
        self._missing = {}
        for _ in range(streams):
            stream = self._h2.get_next_available_stream_id()
            self._h2.send_headers(stream, [(":method", "GET"), (":scheme", "https"), (":authority", parts.netloc),
                                           (":path", load.target_of(parts)), ("user-agent", load.USER_AGENT)], end_stream=True)
            self._missing[stream] = WINDOW
        self._receive_all()

    def _receive_all(self):
        while any(self._missing.values()):
            self.socket.sendall(self._h2.data_to_send())
            piece = self.socket.recv(65536)
            if not piece:
                raise load.LoadError("the server closed the connection")
            for event in self._h2.receive_data(piece):
                self._note(event)
        self.socket.sendall(self._h2.data_to_send())

    def _note(self, event):
        if isinstance(event, h2.events.ResponseReceived) and dict(event.headers)[b":status"] != b"200":
            raise load.LoadError(f"unexpected: {event.headers}")
        if isinstance(event, (h2.events.StreamReset, h2.events.StreamEnded, h2.events.ConnectionTerminated)):
            raise load.LoadError(f"a response does not stand: {event}")
        if isinstance(event, h2.events.DataReceived):
            self._missing[event.stream_id] -= len(event.data)


@contextlib.contextmanager
def standing_streams(url, connections, streams):
    """`connections`, each with `streams` responses under way that wait for their windows."""
    parts = urllib.parse.urlsplit(url)
    viewers = []
    try:
        for _ in range(connections):
            viewers.append(_Viewer(parts, streams))
        yield
        if not all(load.is_open(v.socket) for v in viewers):
            raise load.LoadError("connections were closed: their memory cannot be compared")
    finally:
        for v in viewers:
            v.socket.close()
