"""A site's back end that is sent reports of traffic: it answers as a test says, and remembers what came."""
import json
import socket
import threading
from collections import defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .ports import free_port


@dataclass
class Report:
    target: str
    fields: dict
    raw: bytes

    @property
    def json(self):
        return json.loads(self.raw)

    @property
    def id(self):
        return self.json["report_id"]


class Stall:
    """An answer that comes when the test opens it, whether or not anybody still waits."""

    def __init__(self, status=200):
        self.status, self.reached, self.gate = status, threading.Event(), threading.Event()

    def open(self):
        self.gate.set()


class Receiver:
    """`answers`: what the next reports get, one each: a status, "close", "garbage" or a Stall; then 200."""

    def __init__(self):
        self.port = free_port()
        self.reports, self.answers = [], []
        self.lock = threading.Lock()
        self.server = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/api/traffic?from=hlsgate"

    def up(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                receiver.take(self)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                """The daemon has given up on an answer that came late."""

        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def down(self):
        """Connections are refused, as long as it is not up again."""
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.server = None

    def take(self, handler):
        raw = handler.rfile.read(int(handler.headers["Content-Length"]))
        with self.lock:
            self.reports.append(Report(handler.path, dict(handler.headers), raw))
            answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Stall):
            answer.reached.set()
            answer.gate.wait(30)
            answer = answer.status
        if answer == "close":
            handler.connection.shutdown(socket.SHUT_RDWR)
        elif answer == "garbage":
            handler.wfile.write(b"this is not HTTP\r\n\r\n")
        else:
            handler.send_response(answer)
            if answer in (301, 302, 307):
                handler.send_header("Location", self.url)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        if not isinstance(answer, int):
            handler.close_connection = True

    # -- what a test asks

    def distinct(self):
        """The reports, each once, as a receiver should count them: those with the same id are the same."""
        found = {}
        for report in list(self.reports):
            assert found.setdefault(report.id, report).raw == report.raw, "one id, two contents"
        return list(found.values())

    def totals(self):
        """uid -> bytes."""
        sums = defaultdict(int)
        for report in self.distinct():
            for line in report.json["traffic_details"]:
                sums[line["uid"]] += line["total_bytes"]
        return dict(sums)
