"""redis-server and redis-sentinel, to be killed, frozen and started again at the same address."""
import re
import subprocess

from .ports import free_port
from .program import Process
from .resp import Redis, RedisError
from .wait import DEADLINE, until

NAME = "hlsgate"  # what the Sentinels call the primary
ABSENT = (OSError, EOFError, RedisError, AssertionError)


class Program(Process):
    """A process with a folder, a configuration file that it may write itself, and a log."""
    binary = None
    path = None  # of a socket

    def __init__(self, home, port=None):
        home.mkdir(parents=True, exist_ok=True)
        self.home, self.port, self.process = home, port, None
        self.login = ()  # what AUTH is told
        self.config_file, self.log_file = home / "server.conf", home / "log.txt"

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def log(self):
        return self.log_file.read_text(errors="replace")

    def launch(self):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([self.binary, str(self.config_file)], stdout=log, stderr=log, cwd=self.home)
        return self

    def start(self):
        self.launch()
        until(self.is_up, f"{self.binary} answers at {self.address}")
        return self

    def is_up(self):
        assert self.process.poll() is None, self.log
        try:
            return self.ask("PING") == b"PONG"
        except ABSENT:
            return False

    def client(self, **options):
        return Redis(self.port, self.path, self.login, **options)

    def ask(self, *args):
        """One command on a connection of its own."""
        with self.client() as client:
            return client(*args)


class RedisServer(Program):
    """`password`: of the default user. `users`: lines of ACL; `login`: what the harness says then. `unix`: on a socket and
    no port. `replica_of`: another one. `options`: of redis.conf; a name of several words has underscores."""
    binary = "redis-server"

    def __init__(self, home, port=None, unix=False, password=None, users=(), login=(), replica_of=None,
                 **options):
        super().__init__(home, None if unix else port or free_port())
        self.path = home / "redis.sock" if unix else None
        self.password, self.login = password, login or ((password,) if password else ())
        lines = ["bind 127.0.0.1", f"port {self.port or 0}", 'save ""', "repl-diskless-sync-delay 0", f"dir {home}",
                 "shutdown-on-sigterm nosave now"]
        lines += [f"unixsocket {self.path}"] * unix
        lines += [f"requirepass {password}", f"masterauth {password}"] if password else []
        lines += [f"user {user}" for user in users]
        lines += [f"replicaof 127.0.0.1 {replica_of.port}"] if replica_of else []
        lines += [f"{name.replace('_', '-')} {value}" for name, value in options.items()]
        self.config_file.write_text("\n".join(lines) + "\n")

    @property
    def address(self):
        return f"unix:{self.path}" if self.path else f"127.0.0.1:{self.port}"

    # -- what it says of itself

    def info(self, section="all"):
        """Field -> text."""
        text = self.ask("INFO", section).decode()
        return dict(re.findall(r"^([^#:\s][^:\s]*):(.*?)\r?$", text, re.M))

    def role(self):
        return self.info("replication")["role"]

    def replicas(self):
        """How many follow it now."""
        info = self.info("replication")
        return sum("state=online" in value for name, value in info.items() if re.fullmatch(r"slave\d+", name))

    def wait_replicas(self, count, deadline=max(DEADLINE, 30)):
        """Until they follow and have what there is: one that has just come is sent nothing for up to a second."""
        until(lambda: self.replicas() == count, f"{count} replicas follow {self.address}", deadline)
        self.wait_replicated(count)

    def wait_replicated(self, count=1):
        with self.client() as client:
            client("PUBLISH", "of-the-tests", "")  # replicated, and no change
            assert client("WAIT", count, 10_000) >= count

    def calls_of(self, command):
        """How often it was asked this since it started (or CONFIG RESETSTAT)."""
        field = self.info("commandstats").get(f"cmdstat_{command.lower()}", "calls=0")
        return int(re.match(r"calls=(\d+)", field)[1])

    def changes(self):
        """How many writes of clients have changed its data: it never saves, so none is taken off."""
        return int(self.info("persistence")["rdb_changes_since_last_save"])

    def keys(self, database=0):
        """key -> milliseconds it has left, -1: for ever."""
        found = {}
        with self.client() as client:
            client("SELECT", database)
            cursor = b"0"
            while True:
                cursor, names = client("SCAN", cursor, "COUNT", 1000)
                found |= {name.decode("latin-1"): client("PTTL", name) for name in names}
                if cursor == b"0":
                    return found

    def kill_subscribers(self):
        """Cuts publish/subscribe and nothing else; how many there were."""
        return self.ask("CLIENT", "KILL", "TYPE", "pubsub")


# Of Sentinel: how often it asks and tells, in milliseconds. Ten times as often as by itself, so that what takes half a
# minute takes some seconds: finding each other, promoting, turning an old primary into a replica. No replica is promoted
# that has said nothing for five ping periods, and in a fail-over it is asked once a second.
HURRY = {"info-period": 500, "ping-period": 400, "ask-period": 100, "publish-period": 200, "tilt-period": 1000,
         "election-timeout": 2000}


class Sentinel(Program):
    """Watches `primary`. Quick: a primary is down after half a second."""
    binary = "redis-sentinel"

    def __init__(self, home, primary, quorum=2, down_after=500, failover_timeout=1500, password=None, port=None):
        super().__init__(home, port or free_port())
        self.password, self.login = password, (password,) if password else ()
        lines = ["bind 127.0.0.1", f"port {self.port}", f"dir {home}",
                 f"sentinel monitor {NAME} 127.0.0.1 {primary.port} {quorum}",
                 f"sentinel down-after-milliseconds {NAME} {down_after}",
                 f"sentinel failover-timeout {NAME} {failover_timeout}"]
        lines += [f"sentinel auth-pass {NAME} {primary.password}"] if primary.password else []
        lines += [f"requirepass {password}"] if password else []
        self.config_file.write_text("\n".join(lines) + "\n")

    def start(self):
        super().start()
        self.ask("SENTINEL", "DEBUG", *(word for pair in HURRY.items() for word in pair))
        return self

    def primary(self):
        """The port of the primary, in this one's opinion."""
        host, port = self.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
        assert host == b"127.0.0.1", host
        return int(port)

    def view(self):
        """What it knows of the primary: field -> text."""
        pairs = [item.decode() for item in self.ask("SENTINEL", "MASTER", NAME)]
        return dict(zip(pairs[::2], pairs[1::2]))

    def knows(self, replicas, sentinels):
        view = self.view()
        return (view["flags"] == "master" and int(view["num-slaves"]) == replicas and
                int(view["num-other-sentinels"]) == sentinels)


class Watched:
    """A primary, replicas and three Sentinels that know each other."""

    def __init__(self, make_redis, make_sentinel, replicas=1, **options):
        self.make_sentinel = make_sentinel
        self.first = make_redis(**options)
        self.replicas = [make_redis(replica_of=self.first, **options) for _ in range(replicas)]
        self.first.wait_replicas(replicas)  # they are found at once then, not 10 s later
        self.sentinels = [make_sentinel(self.first) for _ in range(3)]
        for sentinel in self.sentinels:
            until(lambda: sentinel.knows(replicas, 2), "the Sentinels know each other", deadline=max(DEADLINE, 20))

    @property
    def servers(self):
        return [self.first, *self.replicas]

    def settings(self, **more):
        """Of `store: redis`."""
        return {"sentinels": [s.address for s in self.sentinels], "primary": NAME, **more}

    def primary(self, of=None):
        """Which server the Sentinels name, once all of them (or those given) agree; else None."""
        ports = {sentinel.primary() for sentinel in of or self.sentinels}
        return next((s for s in self.servers if ports == {s.port}), None)

    def wait_promoted(self, old, of=None):
        """Until another than `old` is the primary for all, and has said so itself; it."""
        def promoted():
            new = self.primary(of)
            return new if new and new is not old and new.role() == "master" else None

        try:
            return until(promoted, "a replica is promoted", deadline=max(DEADLINE, 20))
        except AssertionError as error:
            raise AssertionError("\n".join(program.log for program in self.sentinels + self.servers)) from error
