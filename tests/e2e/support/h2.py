"""HTTP/2 viewers, on Python's h2: one connection, many streams. A Connection speaks like http.Connection, too, one request
after the other, so that a test need not know which of them it has.

h2 is strict: a frame of the daemon's that RFC 9113 does not allow is a failure of the test.
"""
import socket
from collections import namedtuple

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, SettingsAcknowledged, StreamEnded, StreamReset, TrailersReceived
from h2.settings import Settings

from . import frames, http
from .http import Closed, Response

GoAway = namedtuple("GoAway", "last code")


class Stream(http.Content):
    """One request and its response. Its window is opened only as far as the test reads."""

    def __init__(self, connection, number, method):
        self.connection, self.number, self.method = connection, number, method
        self.head = None
        self.received = bytearray()
        self.is_ended = False
        self.reset = None  # the code of RST_STREAM, or -1: the connection was closed

    def on(self, event):
        if isinstance(event, ResponseReceived):
            fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
            self.head = Response(int(dict(fields)[":status"]), fields=[f for f in fields if not f[0].startswith(":")])
            self.has_length = bool(self.head.all("Content-Length"))
        elif isinstance(event, DataReceived):
            self.received += event.data
            padding = event.flow_controlled_length - len(event.data)
            self.connection.acknowledge(padding, self)
        elif isinstance(event, StreamEnded):
            self.is_ended = True
        elif isinstance(event, StreamReset):
            # RFC 9113 8.1: behind a whole response it only says that the rest of the request is not wanted
            self.reset = None if self.is_ended else event.error_code
        else:
            assert not isinstance(event, TrailersReceived), "a trailer nobody asked for"

    def _wait(self, condition):
        while not condition():
            if self.reset is not None:
                raise Closed(f"stream {self.number} of {self.method}: reset {self.reset}")
            self.connection.pump()

    def read_head(self):
        self._wait(lambda: self.head)
        return self.head

    def _some(self, most):
        self._wait(lambda: self.received or self.is_ended)
        piece = bytes(self.received[:most])
        del self.received[:most]
        self.connection.acknowledge(len(piece), self)
        return piece

    def read(self):
        """The whole response; its framing is checked on the way."""
        response = self.read_head()
        response.body = self.read_content()
        if self.method == "HEAD" or response.status in (204, 304):
            assert response.body == b""
        else:
            assert len(response.body) == int(response["Content-Length"])
        return response


class Connection:
    def __init__(self, port=None, source=None, settings=(), **options):
        """`settings`: pairs for the first SETTINGS, as in frames."""
        self.sock = http.open_socket(port, source, **options)
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self.h2.local_settings = Settings(client=True, initial_values=dict(settings))
        self.h2.initiate_connection()
        # Streams have windows of their own; the connection's would make them wait for each other.
        self.h2.increment_flow_control_window(1 << 30)
        self.buffer = b""
        self.streams = {}
        self.stream = None  # the latest
        self.goaways = []
        self.acknowledged = 0  # our SETTINGS, by the server
        self.is_over = False  # the server has closed
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    # -- requests

    def open(self, method, target, fields=(), body=None, ends=True):
        """A request on a stream of its own."""
        fields = list(fields.items() if isinstance(fields, dict) else fields)
        fields = [(name.lower(), value) for name, value in fields]
        authority = dict(fields).get("host", http.NAME)
        fields = [field for field in fields if field[0] != "host"]
        if body is not None and "content-length" not in dict(fields):
            fields.append(("content-length", str(len(body))))
        head = [(":method", method), (":scheme", "https" if hasattr(self.sock, "cipher") else "http"),
                (":authority", authority), (":path", target), *fields]
        number = self.h2.get_next_available_stream_id()
        self.stream = self.streams[number] = Stream(self, number, method)
        self.h2.send_headers(number, [(n.encode("latin-1"), v.encode("latin-1")) for n, v in head],
                             end_stream=ends and not body)
        self.flush()
        if body:
            self._send_content(self.stream, body, ends)
        return self.stream

    def _send_content(self, stream, body, ends):
        while body and stream.reset is None and not stream.is_ended:
            room = min(self.h2.local_flow_control_window(stream.number), self.h2.max_outbound_frame_size)
            if room == 0:
                self.pump()
                continue
            piece, body = body[:room], body[room:]
            self.h2.send_data(stream.number, piece, end_stream=ends and not body)
            self.flush()

    # -- what comes

    def pump(self):
        """Takes what has come, or waits for it, and tells the streams."""
        piece = b"" if self.is_over else self.sock.recv(1 << 16)
        self.buffer += piece
        if not piece:
            self._end()
        while found := frames.first_frame(self.buffer):
            got, rest = found
            raw, self.buffer = self.buffer[:len(self.buffer) - len(rest)], rest
            # h2 takes nothing behind a GOAWAY, but streams under way go on (RFC 9113 6.8)
            if got.kind == frames.GOAWAY:
                self._on_goaway(got)
            else:
                self._on_events(self.h2.receive_data(raw))
        self._answer()

    def _on_events(self, events):
        for event in events:
            if isinstance(event, SettingsAcknowledged):
                self.acknowledged += 1
            elif getattr(event, "stream_id", None) in self.streams:
                self.streams[event.stream_id].on(event)

    def _on_goaway(self, got):
        last = int.from_bytes(got.payload[:4], "big")
        self.goaways.append(GoAway(last, frames.code_of(got)))
        self._give_up(lambda stream: stream.number > last)

    def _end(self):
        self.is_over = True
        self._give_up(lambda stream: True)

    def _give_up(self, is_lost):
        for stream in self.streams.values():
            if is_lost(stream) and not stream.is_ended and stream.reset is None:
                stream.reset = -1

    def _answer(self):
        """ACKs and windows; a server that has left meanwhile is found out by reading."""
        try:
            self.flush()
        except OSError:
            pass

    def acknowledge(self, n, stream):
        if n:
            self.h2.acknowledge_received_data(n, stream.number)
            self._answer()

    # -- as http.Connection

    def request(self, method, target, fields=(), body=None):
        self.open(method, target, fields, body)

    def read_head(self):
        return self.stream.read_head()

    def read_content(self, n=None):
        return self.stream.read_content(n)

    def read_until_broken(self):
        return self.stream.read_until_broken()

    def read(self, method=None):
        return self.stream.read()

    def is_closed_by_peer(self):
        """Waits for the end of the connection; what still comes of streams is a failure."""
        def content():
            return sum(len(stream.received) for stream in self.streams.values())

        before = content()
        try:
            while not self.is_over:
                self.pump()
        except ConnectionResetError:
            self._end()
        assert content() == before
        return True

    def leave(self):
        """GOAWAY and the end of our side: everything that we wanted is here."""
        try:
            self.sock.sendall(frames.goaway())
            # Not SSLSocket's own, which would leave the records that still come to us unread
            socket.socket.shutdown(self.sock, socket.SHUT_WR)
        except OSError:
            pass


def fetch(port, method, target, fields=(), body=None, source=None, **options):
    with Connection(port, source, **options) as c:
        response = c.open(method, target, fields, body).read()
        c.leave()
        assert c.is_closed_by_peer()
        return response
