"""Processes under measurement: starting, stopping, their CPU time and memory."""
import os
import pathlib
import resource
import signal
import socket
import subprocess
import time

TICK = 1 / os.sysconf("SC_CLK_TCK")
START_SECONDS = 20
STOP_SECONDS = 10


def raise_open_files():
    """As many open files as the hard limit allows: for us and for the servers we start."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _stat_fields(pid):
    """The fields of /proc/PID/stat behind the name, which may hold spaces: [0] is the state, [1] the parent."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _parents():
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                yield int(entry), int(_stat_fields(entry)[1])
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended meanwhile


class Process:
    """A server in the foreground with its worker processes."""

    def __init__(self, argv, port, log):
        self.name, self.port, self._log = argv[0], port, log
        with open(log, "wb") as out:
            self._child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.stop()
            raise

    def _wait_until_it_listens(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self._child.poll() is not None:
                raise RuntimeError(f"{self.name} ended at once: {pathlib.Path(self._log).read_text().strip()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} does not listen after {START_SECONDS} s")
                time.sleep(0.02)

    def pids(self):
        children = {}
        for pid, parent in _parents():
            children.setdefault(parent, []).append(pid)
        found = [self._child.pid]
        for pid in found:  # grows while we walk it
            found += children.get(pid, [])
        return found

    def cpu_seconds(self):
        """User + system time of all threads of all processes."""
        total = 0
        for pid in self.pids():
            fields = _stat_fields(pid)
            total += int(fields[11]) + int(fields[12])
        return total * TICK

    def resident_bytes(self):
        """Private memory: what is shared with other processes does not count twice."""
        total = 0
        for pid in self.pids():
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(("Private_Clean:", "Private_Dirty:")):
                    total += int(line.split()[1]) * 1024
        return total

    def stop(self):
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
