"""What viewers and back ends speak to the daemon: the same tests for each (pytest --proto)."""
from . import h2, http

NAMES = ("h1", "h1+tls", "h2+tls", "h2c")
NAMES_OF_THE_GATE = (f"DNS:{http.NAME}", "IP:127.0.0.1", "IP:::1")


class Protocol:
    def __init__(self, name, authority):
        assert name in NAMES, name
        self.name, self.authority = name, authority
        self.is_h2, self.is_tls = name.startswith("h2"), name.endswith("+tls")
        self.client = h2 if self.is_h2 else http
        self.scheme = "https" if self.is_tls else "http"
        self.alpn = "h2" if self.is_h2 else "http/1.1"
        # What a connection is counted by
        self.gauges = ["connections"] + ["connections_tls"] * self.is_tls + ["connections_h2"] * self.is_h2

    def listener(self, address):
        """An entry of `listen`."""
        entry = {"address": address}
        if self.is_tls:
            certificate, key = self.authority.certificate(*NAMES_OF_THE_GATE)
            entry["tls"] = {"certificate": str(certificate), "key": str(key)}
        if self.is_h2:
            entry["http2"] = True
        return entry

    def _options(self, options):
        return {"tls": self.authority.client(self.alpn), **options} if self.is_tls else options

    def connect(self, port, source=None, **options):
        return self.client.Connection(port, source, **self._options(options))

    def fetch(self, port, method, target, fields=(), body=None, source=None, **options):
        return self.client.fetch(port, method, target, fields, body, source, **self._options(options))

    @property
    def curl(self):
        """Options that make curl speak it."""
        version = {"h1": "--http1.1", "h1+tls": "--http1.1", "h2+tls": "--http2", "h2c": "--http2-prior-knowledge"}
        return [version[self.name]] + (["--cacert", str(self.authority.file)] if self.is_tls else [])


_current = None  # of this run; conftest.py sets it before the first test


def current():
    return _current


def use(name, authority):
    global _current
    _current = Protocol(name, authority)
