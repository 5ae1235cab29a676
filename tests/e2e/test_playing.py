"""Real players on real streams: what ffmpeg decodes through the gate is what lies in the folder."""
import shutil
import subprocess

import pytest

from support.gate import ELSEWHERE
from support.players import SECONDS, STREAM, UA, ffmpeg, frames, frames_of_file, through
from support.signing import sign
from support.wait import until


@pytest.fixture
def gate(make_gate, demo):
    return make_gate(origins=[{"prefix": "/", "filesystem": {"root": str(demo.root)}}])


@pytest.fixture
def viewer(gate):
    v = gate.viewer(ip="127.0.0.1", ua=UA)
    gate.grant(v, path=f"{STREAM}/master.m3u8")
    return v


@pytest.mark.parametrize("playlist", ["hd/index.m3u8", "sd/index.m3u8", "fmp4/index.m3u8", "master.m3u8"])
def test_every_frame_is_that_of_the_source(gate, viewer, demo, playlist):
    source = frames_of_file(demo.file(f"{STREAM}/{playlist}"))
    assert len(source) > SECONDS * 25
    assert frames(through(gate, sign(f"{STREAM}/{playlist}")), "-user_agent", UA) == source


def test_streams_are_what_ffprobe_finds_in_the_source(gate, viewer, demo):
    def probe(source, *options):
        done = subprocess.run(["ffprobe", "-v", "error", *options, "-show_entries",
                               "stream=codec_name,profile,width,height,sample_rate,channels", "-of", "csv", source],
                              capture_output=True, text=True, check=True, timeout=60)
        return done.stdout

    source = probe(str(demo.file(f"{STREAM}/master.m3u8")), "-allowed_extensions", "ALL")
    assert "1280,720" in source and "640,360" in source
    assert probe(through(gate, sign(f"{STREAM}/master.m3u8")), "-user_agent", UA) == source


def test_seeking(gate, viewer):
    lines = ffmpeg(through(gate, sign(f"{STREAM}/hd/index.m3u8")), "-map", "0:v", "-f", "framemd5",
                   before=("-user_agent", UA, "-ss", "8")).splitlines()
    count = sum(not line.startswith("#") for line in lines)
    assert abs(count - (SECONDS - 8) * 25) <= 2


def test_same_link_as_another_viewer_is_refused(gate, viewer):
    url = sign(f"{STREAM}/master.m3u8")
    frames(through(gate, url), "-user_agent", UA)
    for options in (["-user_agent", "another"],):
        done = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *options, "-i", through(gate, url), "-f", "null",
                               "-"], capture_output=True, text=True, timeout=60)
        assert done.returncode != 0 and "403" in done.stderr
    gate.viewer(ip=ELSEWHERE, ua=UA).is_refused(url, "no_grant")


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is in the test packages")
def test_curl_gets_the_playlist(gate):
    v = gate.viewer(ip="127.0.0.1", ua="curl-of-the-tests")
    gate.grant(v, path=f"{STREAM}/master.m3u8")
    done = subprocess.run(["curl", "-sS", "-f", "--compressed", *gate.protocol.curl, "-A", v.ua, through(gate, sign(f"{STREAM}/master.m3u8"))],
                          capture_output=True, text=True, check=True)
    assert done.stdout.startswith("#EXTM3U\n") and "gate=" in done.stdout


def test_live_folder_that_ffmpeg_is_writing(make_gate, streams):
    folder = streams.file("/live/ch1")
    folder.mkdir(parents=True)
    writer = subprocess.Popen(
        ["ffmpeg", "-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f",
         "lavfi", "-i", "sine", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac", "-t", "60", "-f",
         "hls", "-hls_time", "1", "-hls_list_size", "4", "-hls_flags", "delete_segments+temp_file",
         str(folder / "index.m3u8")])
    try:
        until(lambda: (folder / "index.m3u8").exists() and (folder / "index.m3u8").read_text().count("#EXTINF") >= 3,
              "three segments written")
        gate = make_gate()
        v = gate.viewer(ip="127.0.0.1", ua=UA)
        gate.grant(v, path="/live/ch1/index.m3u8")
        lines = ffmpeg(through(gate, sign("/live/ch1/index.m3u8")), "-map", "0:v", "-t", "6", "-f", "framemd5",
                       before=("-user_agent", UA)).splitlines()
        count = sum(not line.startswith("#") for line in lines)
        assert abs(count - 6 * 25) <= 2
        assert gate.count_of("not_found") == 0
        assert writer.poll() is None
    finally:
        writer.terminate()
        writer.wait()
