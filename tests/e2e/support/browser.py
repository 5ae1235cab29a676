"""
Chromium, driven by its DevTools protocol over a pipe: JSON messages, each ended by a NUL, on its descriptors 3 and 4
(https://chromedevtools.github.io/devtools-protocol/). So the tests need neither a driver program nor a package for one.
"""
import base64
import contextlib
import http.server
import json
import os
import select
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from .gate import BINARY, ROOT
from .tls import openssl

CHROMIUM = "/usr/bin/chromium"
FOLDER = ROOT / "tests/browser"
HLS_JS = FOLDER / "node_modules/hls.js/dist/hls.min.js"
ARTEFACTS = Path(BINARY).parent / "artefacts"
DEADLINE = 60
# No service of the makers is asked for anything: the browser is alone with the page and the gate.
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
           "--disable-background-networking", "--disable-component-update", "--autoplay-policy=no-user-gesture-required",
           "--mute-audio", "--remote-debugging-pipe", "--window-size=1280,800")


class Browser:
    """With a profile, and an idea of whom to trust, of its own. `authority`: the one whose certificates it believes."""

    def __init__(self, folder, authority=None):
        self._folder, self._last_id, self._input = folder, 0, b""
        self.events = []
        folder.mkdir(parents=True, exist_ok=True)
        if authority is not None:
            self._trust(authority)
        with open(folder / "log", "wb") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", 'exec "$0" "$@" 3<&0 4>&1 </dev/null >&2', CHROMIUM, *OPTIONS,
                 f"--user-data-dir={folder}/profile", "about:blank"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=os.environ | {"HOME": str(folder)})
        self.user_agent = self.call("Browser.getVersion")["userAgent"]

    def _trust(self, authority):
        """Where Chromium looks on Linux: the user's NSS database."""
        database = self._folder / ".pki/nssdb"
        database.mkdir(parents=True)
        for command in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "tests", "-i", authority.file]):
            subprocess.run(["certutil", "-d", f"sql:{database}", *command], check=True, timeout=30)

    def call(self, method, session=None, **params):
        """The answer to one command; what happens meanwhile is kept in `events`."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        self._process.stdin.write(json.dumps(message).encode() + b"\0")
        self._process.stdin.flush()
        while (answer := self.receive(f"the answer to {method}")).get("id") != self._last_id:
            self.events.append(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def receive(self, what):
        deadline = time.monotonic() + DEADLINE
        while b"\0" not in self._input:
            ready = select.select([self._process.stdout], [], [], max(0, deadline - time.monotonic()))[0]
            piece = os.read(self._process.stdout.fileno(), 1 << 20) if ready else b""
            assert piece, f"{what} does not come: {(self._folder / 'log').read_text(errors='replace')[-2000:]}"
            self._input += piece
        message, _, self._input = self._input.partition(b"\0")
        return json.loads(message)

    @contextlib.contextmanager
    def page(self, url):
        """A page of a context that shares no cookie and no cache with any other."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        try:
            yield Page(self, context, url)
        finally:
            self.call("Target.disposeBrowserContext", browserContextId=context)

    def close(self):
        if self._process.poll() is None:
            self.call("Browser.close")
        self._process.wait(DEADLINE)

    def abandon(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class Page:
    def __init__(self, browser, context, url):
        self._browser, self._context = browser, context
        target = browser.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        self._session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        self.load(url)

    def _call(self, method, **params):
        return self._browser.call(method, self._session, **params)

    def _events(self, method):
        return [e["params"] for e in self._browser.events
                if e.get("sessionId") == self._session and e["method"] == method]

    def run(self, script):
        """The value of a JavaScript expression, or of what it promises."""
        answer = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, f"{script}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def load(self, url):
        """Leaves the page for another."""
        self._until_loaded("Page.navigate", url=url)

    def reload(self):
        self._until_loaded("Page.reload")

    def _until_loaded(self, method, **params):
        loaded, deadline = len(self._events("Page.loadEventFired")), time.monotonic() + DEADLINE
        self._call(method, **params)
        while len(self._events("Page.loadEventFired")) == loaded:
            assert time.monotonic() < deadline, f"{method} {params} does not end"
            self._browser.events.append(self._browser.receive(f"the end of {method} {params}"))

    def resize(self, width, height, is_phone=False):
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone)

    def prefer(self, **features):
        """What the system of this user is set to: color_scheme="dark", ..."""
        self._call("Emulation.setEmulatedMedia", features=[
            {"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()])

    def speak(self, languages):
        """navigator.languages of what is loaded next."""
        self._call("Emulation.setUserAgentOverride", userAgent=self._browser.user_agent, acceptLanguage=languages)

    def press(self, key, code, text=""):
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text)

    def be_seen(self, is_seen):
        """As when the user changes to another tab; without a screen all tabs are in front."""
        self.run(f"""Object.defineProperty(document, 'hidden', {{value: {json.dumps(not is_seen)}, configurable: true}});
            document.dispatchEvent(new Event('visibilitychange'))""")

    def point_at(self, selector):
        """Moves the pointer to the middle of an element."""
        x, y = self.run(f"""(() => {{ const e = document.querySelector({json.dumps(selector)});
            e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect();
            return [r.x + r.width / 2, r.y + r.height / 2]; }})()""")
        self._call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def complaints(self):
        """What the console says that it should not: exceptions, errors, what the page's policy forbids. What servers answer is
        not of it."""
        self._call("Runtime.evaluate", expression="0")  # whatever has happened before is told before this
        entries = [e["entry"] for e in self._events("Log.entryAdded")]
        return [e for e in entries if e["level"] in ("error", "warning") and e["source"] != "network"] \
            + self._events("Runtime.exceptionThrown") \
            + [e for e in self._events("Runtime.consoleAPICalled") if e["type"] in ("error", "warning", "assert")]

    def bytes_over_wire(self):
        """Of all that has come, heads included."""
        self._call("Runtime.evaluate", expression="0")
        return sum(e["encodedDataLength"] for e in self._events("Network.loadingFinished"))

    def screenshot(self, name):
        ARTEFACTS.mkdir(exist_ok=True)
        picture = base64.b64decode(self._call("Page.captureScreenshot")["data"])
        (ARTEFACTS / name).write_bytes(picture)

    def cookies(self):
        return {c["name"]: c for c in self._browser.call("Storage.getCookies", browserContextId=self._context)["cookies"]}

    def responses(self, port):
        """What the browser itself says of each response of a server: URL, status, protocol, what TLS there was."""
        self._call("Runtime.evaluate", expression="0")  # whatever has happened before is told before this
        return [e["response"] for e in self._events("Network.responseReceived")
                if urlsplit(e["response"]["url"]).port == port]

    def sent_fields(self, port):
        """Of each request to a server: its path, and the fields that left, by names in lower case."""
        urls = {e["requestId"]: urlsplit(e["request"]["url"]) for e in self._events("Network.requestWillBeSent")}
        return [(urls[e["requestId"]].path, {name.lower(): value for name, value in e["headers"].items()})
                for e in self._events("Network.requestWillBeSentExtraInfo")
                if e["requestId"] in urls and urls[e["requestId"]].port == port]


class _Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def translate_path(self, path):
        return str(HLS_JS if path == "/hls.min.js" else FOLDER / path.lstrip("/"))

    def log_message(self, *_):
        pass


class PageServer:
    """The web site that the player page is on; another origin than the gate's."""

    def __init__(self, tls=None):
        assert HLS_JS.exists(), "scripts/browser.sh fetches it"
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.origin = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
