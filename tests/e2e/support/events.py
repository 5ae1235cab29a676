"""A reader of server-sent events (HTML Living Standard 9.2)."""
import json


class Events:
    """What comes on /events, over any protocol of the harness. `fields`: who asks."""

    def __init__(self, gate, fields, method="GET", source=None):
        self.connection = gate.connect(source)
        self.connection.request(method, "/events", list(dict(fields).items()))
        self.head = self.connection.read_head()
        self._left = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def next(self):
        """The next event, a field's name to its value; `data` is read as JSON."""
        event = {}
        while line := self._line():
            name, _, value = line.partition(": ")
            assert name not in event, f"{name} stands twice in one event"
            event[name] = value
        return event | {"data": json.loads(event["data"])}

    def snapshot(self):
        event = self.next()
        assert event["event"] == "snapshot"
        return event["data"]

    def has_ended(self):
        """Waits for the end, in order, whatever comes before it."""
        self.connection.read_content()
        return True

    def _line(self):
        """Without the end that it must have."""
        while b"\n" not in self._left:
            self._left += self.connection.read_content(1)
        line, self._left = self._left.split(b"\n", 1)
        return line.decode()
