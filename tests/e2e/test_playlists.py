"""Playlists as they really are: what is rewritten, and that all else stays byte for byte."""
import re

import pytest

from support.gate import uris_of
from support.signing import params_of, sign
from support.streams import media
from support.wait import until

BASE = "/v/2026-01-02/movie1"
PATH = f"{BASE}/x.m3u8"
CREDENTIALS = re.compile(rb"[?&]uid=[^\"\s]*?gate=[A-Za-z0-9_-]{22}")


@pytest.fixture
def viewer(gate):
    return gate.admitted()


def serve(viewer, text, path=PATH, fields=()):
    viewer.gate.streams.write(path, text)
    return viewer.gets(sign(path), fields)


def bare(body):
    """The playlist with the gate's credentials taken out again."""
    return CREDENTIALS.sub(b"", body)


SHAPES = {
    "LF": b"#EXTM3U\n#EXTINF:6,\na.ts\n",
    "CRLF": b"#EXTM3U\r\n#EXTINF:6,\r\na.ts\r\n#EXT-X-ENDLIST\r\n",
    "BOM": b"\xef\xbb\xbf#EXTM3U\n#EXTINF:6,\na.ts\n",
    "no last newline": b"#EXTM3U\n#EXTINF:6,\na.ts",
    "no last newline after a tag": b'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="k.key"',
    "empty lines and comments": b"#EXTM3U\n\n\n# a comment, see b.ts\n#EXTINF:6,\n\na.ts\n\n",
    "unknown tags": b'#EXTM3U\n#EXT-X-FUTURE:URI="not/ours.ts"\n#EXTINF:6,\na.ts\n',
    "not UTF-8": b"#EXTM3U\n#EXTINF:6,caf\xe9\na.ts\n",
    "quotes in a title": b'#EXTM3U\n#EXTINF:6,"half\na.ts\n',
}


@pytest.mark.parametrize("shape", SHAPES)
def test_all_else_stays_byte_for_byte(viewer, shape):
    response = serve(viewer, SHAPES[shape])
    assert bare(response.body) == SHAPES[shape]
    assert len(CREDENTIALS.findall(response.body)) == 1
    assert response["Content-Type"] == "application/vnd.apple.mpegurl"
    assert response["Cache-Control"] == "no-cache, no-store, must-revalidate"


def test_unbalanced_quotes_leave_the_line_as_it_is(viewer):
    text = b'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="k.key\n#EXTINF:6,\na.ts\n'
    body = serve(viewer, text).body
    assert bare(body) == text
    assert len(CREDENTIALS.findall(body)) == 1 and body.startswith(text[: text.index(b"#EXTINF")])


TAGS = [
    '#EXT-X-KEY:METHOD=AES-128,URI="{}",IV=0x1', '#EXT-X-SESSION-KEY:METHOD=AES-128,URI="{}"', '#EXT-X-MAP:URI="{}"',
    '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="x, y",URI="{}"', '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="{}"',
    '#EXT-X-PART:DURATION=1,URI="{}"', '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{}"',
    '#EXT-X-RENDITION-REPORT:URI="{}",LAST-MSN=1', '#EXT-X-SESSION-DATA:DATA-ID="d",URI="{}"',
    '#EXT-X-CONTENT-STEERING:SERVER-URI="{}"', '#EXT-X-DATERANGE:ID="1",X-ASSET-URI="{}"',
    '#EXT-X-DATERANGE:ID="1",X-ASSET-LIST="{}"',
]


@pytest.mark.parametrize("tag", TAGS)
def test_uris_of_tags(viewer, tag):
    text = f"#EXTM3U\n{tag.format('part/x.bin')}\n".encode()
    body = serve(viewer, text).body
    assert bare(body) == text and len(CREDENTIALS.findall(body)) == 1


OURS = ["a.ts", "./a.ts", "hd/a.ts", "/v/2026-01-02/movie1/a.ts", "/elsewhere/a.ts", "../movie2/a.ts", "a.ts?x=1",
        "a.ts?x=1&y=2#t=5", "a%20b.ts", "http://gate.test{}/a.ts", "https://gate.test{}/a.ts", "//gate.test{}/a.ts"]
NOT_OURS = ["http://other.example/a.ts", "https://gate.test.evil.example/a.ts", "//other.example/a.ts",
            "data:text/plain;base64,QQ==", "skd://key-id", "http://gate.test:1/a.ts", "https://gate.test@evil.example/a.ts"]


@pytest.mark.parametrize("uri", OURS)
def test_uris_of_this_host_get_credentials(viewer, uri):
    uri = uri.format("")
    body = serve(viewer, media(f"#EXTINF:6,\n{uri}\n")).body
    assert bare(body) == media(f"#EXTINF:6,\n{uri}\n").encode()
    (new,) = uris_of(body.decode())
    assert params_of(new)["uid"] == "u1"
    if "#" in uri:
        assert new.endswith("#t=5")


@pytest.mark.parametrize("uri", NOT_OURS)
def test_uris_of_others_do_not(viewer, uri):
    text = media(f"#EXTINF:6,\n{uri}\n")
    assert serve(viewer, text).text == text


def test_uri_outside_the_stream_gets_a_token_of_its_own(viewer, streams):
    streams.write("/ads/break1.ts", b"ad")
    (uri,) = uris_of(serve(viewer, media("#EXTINF:6,\n/ads/break1.ts\n")).text)
    assert "scope" not in params_of(uri)
    assert viewer.gets(uri).body == b"ad"
    viewer.is_refused(uri.replace("break1", "break2"), "gate_bad_sig")


def test_not_hls_is_passed_through_and_counted(viewer):
    text = b"<html>not a playlist\na.ts\n"
    assert serve(viewer, text).body == text


def test_empty_playlist_is_passed_through(viewer):
    assert serve(viewer, b"").body == b""


def test_eight_mebibytes_and_one_byte_more(viewer):
    size = 8 << 20
    whole = (b"#EXTM3U\n" + b"# padding of a comment line\n" * (size // 28 + 1))[:size]
    assert serve(viewer, whole).body == whole
    viewer.gate.streams.write(f"{BASE}/big.m3u8", whole + b"#")
    viewer.is_refused(sign(f"{BASE}/big.m3u8"), "playlist_too_large")


def test_limit_is_configurable(make_gate):
    gate = make_gate(playlist={"max_size": "1KiB"})
    v = gate.admitted()
    gate.streams.write(PATH, "#EXTM3U\n" + "#" * 2000)
    v.is_refused(sign(PATH), "playlist_too_large")


def test_two_thousand_segments(viewer):
    text = media("".join(f"#EXTINF:6.000,\nseg-{i:05}.ts\n" for i in range(2000)))
    body = serve(viewer, text).body
    assert bare(body).decode() == text
    assert len(set(CREDENTIALS.findall(body))) == 1


def test_head_has_the_length_of_the_personalised_playlist(viewer):
    get = serve(viewer, SHAPES["LF"])
    head = viewer.ask("HEAD", sign(PATH))
    assert head["Content-Length"] == get["Content-Length"]


def test_range_of_a_personalised_playlist(viewer):
    """Either the whole, or exactly the bytes asked for."""
    whole = serve(viewer, SHAPES["CRLF"]).body
    part = viewer.get(sign(PATH), {"Range": "bytes=5-60"})
    assert (part.status, part.body) in [(206, whole[5:61]), (200, whole)]


def test_playlist_that_changes_on_disk_is_noticed(viewer):
    url = sign(PATH)
    serve(viewer, SHAPES["LF"])
    viewer.gate.streams.write(PATH, SHAPES["CRLF"])
    until(lambda: bare(viewer.gets(url).body) == SHAPES["CRLF"], "the new playlist", deadline=3)


def test_existing_credentials_of_the_back_end_stay(viewer):
    own = sign(f"{BASE}/hd/s0.ts")
    text = media(f"#EXTINF:6,\n{own}\n")
    assert serve(viewer, text).text == text


def test_too_many_uris_with_tokens_of_their_own(viewer):
    """Each would cost every viewer a signature."""
    text = "#EXTM3U\n" + "".join(f'#EXT-X-KEY:METHOD=AES-128,URI="k{i}.key"\n' for i in range(5000))
    viewer.gate.streams.write(PATH, text)
    viewer.is_refused(sign(PATH), "playlist_too_large")
