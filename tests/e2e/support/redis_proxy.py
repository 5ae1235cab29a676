"""Between the daemon and Redis: slow, silent, cut, or answering with what a script says."""
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

from .gate import ROOT
from .ports import free_port
from .resp import Reader, encode, open_redis

PUSHING = (b"SUBSCRIBE", b"PSUBSCRIBE")
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing is a RST


@dataclass
class Fault:
    """What happens to the replies of these commands, all if none are named."""
    commands: tuple = ()
    script: str = ""  # only where EVALSHA or EVAL runs store/lua/NAME.lua
    delay: float = 0  # seconds, before anything of the reply
    reply: bytes = None  # in the place of Redis', which is not asked
    after: int = None  # so many bytes of the reply are let through
    then: str = "silence"  # or "close", "reset": what comes behind them
    met: int = field(default=0, init=False)  # how often


class FaultyProxy:
    """`proxy.fault = Fault(...)` from now on, None: no more. `is_refusing`: nobody listens. One command is answered
    before the next one is looked at, so that every reply is that command's."""

    def __init__(self, server):
        self.server, self.port = server, free_port()
        self.fault = None
        self.scripts = {}  # SHA1 -> whole source, as SCRIPT LOAD has brought them
        self.lock = threading.Lock()
        self.live = set()  # sockets of clients
        self.listener = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()
        return self

    def stop(self):
        """As if the machine were gone: refuses, and what there was is cut."""
        with self.lock:
            listener, self.listener = self.listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def cut(self):
        """Ends the connections there are."""
        with self.lock:
            live = list(self.live)
        for sock in live:
            self._shut(sock)

    @staticmethod
    def _shut(sock):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    # -- one connection, one thread (two where Redis pushes)

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                if self.listener is listener:
                    self.live.add(client)
                    threading.Thread(target=self._serve, args=(client,), daemon=True).start()
                else:
                    client.close()

    def _serve(self, client):
        server = None
        try:
            server = open_redis(self.server.port, self.server.path)
            self._carry(client, server)
        except (OSError, EOFError, AssertionError):
            pass  # one of the two has gone
        finally:
            with self.lock:
                self.live.discard(client)
            client.close()
            if server:
                server.close()

    def _carry(self, client, server):
        client.settimeout(None)
        asked, answered = Reader(client), Reader(server)
        while True:
            command = asked.read()
            fault = self._fault_of(command)
            if fault:
                fault.met += 1
                time.sleep(fault.delay)
            if fault and fault.reply is not None:
                raw = fault.reply
            else:
                server.sendall(encode(command))
                raw = self._reply(command, answered)
            if fault and fault.after is not None:
                return self._break(client, raw, fault)
            client.sendall(raw)
            if command[0].upper() in PUSHING:
                client.sendall(answered.ahead)
                server.sendall(asked.ahead)
                return self._push(client, server)

    def _reply(self, command, answered):
        reply = answered.read()
        if [word.upper() for word in command[:2]] == [b"SCRIPT", b"LOAD"]:
            self.scripts[reply.decode()] = command[2].decode()
        return answered.raw

    def _fault_of(self, command):
        fault, name = self.fault, command[0].decode().upper()
        if not fault or fault.commands and name not in fault.commands:
            return None
        return fault if not fault.script or self._script_of(name, command) == fault.script else None

    def _script_of(self, name, command):
        if name not in ("EVAL", "EVALSHA"):
            return ""
        source = command[1].decode() if name == "EVAL" else self.scripts.get(command[1].decode(), "")
        return next((path.stem for path in (ROOT / "src/store/lua").glob("*.lua")
                     if source.rstrip().endswith(path.read_text().rstrip())), "")

    def _break(self, client, raw, fault):
        client.sendall(raw[:fault.after])
        if fault.then == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        while fault.then == "silence" and client.recv(1 << 16):
            pass  # until the peer has had enough

    @staticmethod
    def _push(client, server):
        """From here on both ends may speak at any time."""
        def carry(source, sink):
            try:
                while data := source.recv(1 << 16):
                    sink.sendall(data)
            except OSError:
                pass
            FaultyProxy._shut(sink)

        server.settimeout(None)
        other = threading.Thread(target=carry, args=(client, server), daemon=True)
        other.start()
        carry(server, client)
        other.join()
