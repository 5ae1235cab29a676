"""Real players behind servers that are killed, stopped and started again in mid-body: not a frame is different."""
import subprocess
import threading

import pytest

from support.gate import http_origin
from support.players import STREAM, UA, ffmpeg, frames, frames_of_file, through
from support.signing import sign
from support.wait import until

pytestmark = pytest.mark.once
HD = f"{STREAM}/hd/index.m3u8"
PATIENT = {"connect_timeout": "1s", "first_byte_timeout": "500ms", "stall_timeout": "500ms", "retry_pause": "20ms",
           "retries": 10, "resumes": 20, "eject_time": "200ms", "eject_max": "500ms"}


@pytest.fixture
def pair(make_nginx, demo, authority):
    """Two servers over the demo, slow enough to be hit in the middle of a segment."""
    def pair(**options):
        return [make_nginx(root=demo.root, limit_rate="900k", **options) for _ in range(2)]

    return pair


def viewer_of(gate):
    v = gate.viewer(ip="127.0.0.1", ua=UA)
    gate.grant(v, path=f"{STREAM}/master.m3u8")
    return v


class Playing(threading.Thread):
    """ffmpeg, beside the test."""

    def __init__(self, gate, url):
        super().__init__(daemon=True)
        self.source, self.frames = through(gate, url), None
        self.start()

    def run(self):
        self.frames = frames(self.source, "-user_agent", UA)


def troubles(gate):
    counters = gate.counters()
    return counters["fetch_resumes"] + counters["fetch_retries"]


def under_way(gate, server):
    return gate.servers()[server.url]["under_way"]


def hit(gate, servers, playing, harm, heal):
    """Harms whichever server is sending, until the gate has noticed; then heals it. False: ffmpeg was done first, maybe with bytes
    that had left the server already."""
    before = troubles(gate)
    victim = until(lambda: not playing.is_alive() or next((s for s in servers if under_way(gate, s)), None), "one is sending")
    if victim is True:
        return False
    harm(victim)
    try:
        until(lambda: troubles(gate) > before or not playing.is_alive(), "the gate has noticed")
    finally:
        heal(victim)
    return troubles(gate) > before


HARM = {"killed": (lambda s: s.kill(), lambda s: s.start()), "stopped": (lambda s: s.pause(), lambda s: s.resume())}


@pytest.mark.parametrize("transport", ["http", "tls+h2"])
@pytest.mark.parametrize("harm", HARM)
def test_every_frame_while_servers_come_and_go(make_gate, pair, demo, authority, harm, transport):
    servers = pair(tls=authority.certificate("IP:127.0.0.1")) if transport != "http" else pair()
    gate = make_gate(workers=2, origins=[http_origin(*servers, ca_file=str(authority.file), **PATIENT)])
    viewer_of(gate)
    playing = Playing(gate, sign(HD))
    hits = 0
    while hits < 4 and hit(gate, servers, playing, *HARM[harm]):
        hits += 1
    playing.join(60)
    assert playing.frames == frames_of_file(demo.file(HD))
    assert hits >= 1
    assert gate.count_of("origin_broke") == 0
    gate.wait_all_given_back()


def test_one_server_alone_is_waited_for(make_gate, pair, demo):
    """It is killed while it is needed and comes back a moment later: the viewer sees nothing but a pause."""
    server = pair()[0]
    gate = make_gate(origins=[http_origin(server, **PATIENT)])
    viewer_of(gate)
    playing = Playing(gate, sign(HD))
    assert hit(gate, [server], playing, *HARM["killed"])
    playing.join(60)
    assert playing.frames == frames_of_file(demo.file(HD)) and troubles(gate) >= 1


def test_live_stream_behind_an_origin(make_gate, make_nginx, streams):
    """Its playlist is kept for half a target duration, so the player has each segment as soon as it is there."""
    folder = streams.file("/live/ch1")
    folder.mkdir(parents=True)
    writer = subprocess.Popen(
        ["ffmpeg", "-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-c:v", "libx264",
         "-preset", "ultrafast", "-g", "25", "-t", "60", "-f", "hls", "-hls_time", "1", "-hls_list_size", "4", "-hls_flags",
         "delete_segments+temp_file", str(folder / "index.m3u8")])
    try:
        until(lambda: (folder / "index.m3u8").exists() and (folder / "index.m3u8").read_text().count("#EXTINF") >= 3,
              "three segments written")
        nginx = make_nginx()
        gate = make_gate(origins=[http_origin(nginx)])
        v = gate.viewer(ip="127.0.0.1", ua=UA)
        gate.grant(v, path="/live/ch1/index.m3u8")
        lines = ffmpeg(through(gate, sign("/live/ch1/index.m3u8")), "-map", "0:v", "-t", "6", "-f", "framemd5",
                       before=("-user_agent", UA)).splitlines()
        assert abs(sum(not line.startswith("#") for line in lines) - 6 * 25) <= 2
        assert gate.count_of("not_found") == 0
        assert all(nginx.count(line.path) == 1 for line in nginx.log() if line.path.endswith(".ts"))
    finally:
        writer.terminate()
        writer.wait()


@pytest.mark.multiworker
def test_ten_viewers_of_one_stream_cost_one(make_gate, make_nginx, demo):
    nginx = make_nginx(root=demo.root, limit_rate="2m")
    gate = make_gate(workers=2, origins=[http_origin(nginx)])
    viewers = [gate.viewer(ip=f"127.0.{i + 1}.5", ua=f"Player/{i}") for i in range(10)]
    url = f"{STREAM}/master.m3u8"
    got = {}

    def play(i):
        gate.grant(viewers[i], uid=f"u{i}", path=url)
        got[i] = viewers[i].play(sign(url, uid=f"u{i}"))

    threads = [threading.Thread(target=play, args=(i,)) for i in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 10
    for i, responses in got.items():
        for target, response in responses.items():
            path = target.split("?")[0]
            if not path.endswith(".m3u8"):
                assert response.body == demo.read(path)
    for line in nginx.log():
        assert nginx.count(line.path) == (10 if line.path.endswith(".key") else 1), line.path
