"""Reads the access log, in both of its forms."""
import json
import re

from .wait import until

COMBINED = re.compile(
    r'(?P<client>\S+) - (?P<uid>\S+) \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000)\] '
    r'"(?P<method>\S+) (?P<path>\S+) (?P<protocol>\S+)" (?P<status>\d{3}) (?P<bytes>\d+) "-" "(?P<ua>[^"]*)" '
    r'outcome=(?P<outcome>\w+) class=(?P<class>\w+) stream="(?P<stream>[^"]*)" tls=(?P<tls>[01]) '
    r'first_byte=(?P<first_byte>-|\d+\.\d{6}) total=(?P<total>\d+\.\d{6}) cache=(?P<cache>\S+) '
    r'range="(?P<range>[^"]*)"')


def logging(format="json", **access):
    return {"access": {"path": "access.log", "format": format} | access}


class Log:
    """What stands in the file, line by line."""

    def __init__(self, gate, name="access.log"):
        self.path = gate.folder / name

    def raw(self):
        return self.path.read_bytes() if self.path.exists() else b""

    def lines(self):
        """Whole ones; what the writer is in the middle of comes later."""
        return [json.loads(line) for line in self.raw().split(b"\n")[:-1]]

    def of(self, path):
        return [line for line in self.lines() if line.get("path") == path]

    def wait_for(self, path, count=1):
        until(lambda: len(self.of(path)) >= count, f"{count} lines of {path}")
        assert len(self.of(path)) == count
        return self.of(path)

    def combined(self):
        matches = [COMBINED.fullmatch(line) for line in self.raw().decode("ascii").split("\n")[:-1]]
        assert all(matches), self.raw()
        return [match.groupdict() for match in matches]
