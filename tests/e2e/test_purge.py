"""POST /api/cache/purge: what is taken out is asked for again, and nothing else is."""
import pytest

from support.gate import KEYS, http_origin
from support.origin import data, head, rx, tx
from support.streams import bytes_of

MOVIES = [f"/v/2026-01-02/{name}/hd/s{i}.ts" for name in ("movie1", "movie10", "movie2") for i in (0, 1)]
OPEN = {"policy": {"segment": [], "playlist": []}}


@pytest.fixture
def gate(make_gate, origin):
    origin.routes(lambda request: tx(200, request.target.encode(), etag='"a"'))
    gate = make_gate(access=OPEN, origins=[http_origin(origin)], cache={"header": True})
    for path in MOVIES:
        gate.viewer().gets(path)
    return gate


def gone(gate):
    """Which of them are no longer kept."""
    return [path for path in MOVIES if gate.viewer().gets(path)["X-Cache"] == "MISS"]


def test_path(gate, origin):
    assert gate.purge(path=MOVIES[0]) == 1
    assert gone(gate) == MOVIES[:1]
    assert origin.asked()[-1].get("If-None-Match") is None


def test_path_with_all_its_queries(gate):
    for query in ("v=1", "v=2"):
        gate.viewer().gets(f"{MOVIES[0]}?{query}")
    assert gate.purge(path=MOVIES[0]) == 3
    assert gone(gate) == MOVIES[:1]


def test_prefix(gate):
    assert gate.purge(prefix="/v/2026-01-02/movie1/") == 2
    assert gone(gate) == MOVIES[:2]


def test_prefix_is_text(gate):
    assert gate.purge(prefix="/v/2026-01-02/movie1") == 4
    assert gone(gate) == MOVIES[:4]


def test_stream_key(gate):
    assert gate.purge(stream_key="movie1") == 2
    assert gone(gate) == MOVIES[:2]


def test_everything(gate):
    assert gate.purge(prefix="/") == 6
    assert gone(gate) == MOVIES


def test_nothing_there(gate):
    assert gate.purge(path="/not/there.ts") == gate.purge(stream_key="movie3") == 0
    assert gone(gate) == []


@pytest.mark.multiworker
def test_what_is_on_its_way_arrives_and_is_not_kept(make_gate, origin):
    body, path = bytes_of("body", 100_000), MOVIES[0]
    gate = make_gate(access=OPEN, origins=[http_origin(origin)], cache={"header": True})
    hold = origin.barrier()
    origin.script(rx("GET", path), head(200, content_length=len(body)), data(body[:1000]), hold, data(body[1000:]))
    with gate.viewer().start(path) as c:
        c.read_head()
        assert gate.purge(path=path) == 1
        origin.script(rx("GET", path), tx(200, b"new"))
        assert gate.viewer().gets(path).body == b"new"
        hold.open()
        assert c.read_content(len(body)) == body
    response = gate.viewer().gets(path)
    assert response.body == b"new" and response["X-Cache"] == "HIT"


def test_files_of_a_folder_too(make_gate, streams):
    gate = make_gate(access=OPEN)
    streams.write(MOVIES[0], b"content")
    for _ in range(4):
        gate.viewer().gets(MOVIES[0])
    assert gate.cache()["entries"] == 1
    assert gate.purge(path=MOVIES[0]) == 1
    assert gate.cache()["entries"] == 0


@pytest.mark.parametrize("body", [{}, {"path": ""}, {"path": "/a", "prefix": "/b"}, {"prefix": ""}, {"stream_key": ""},
                                  {"path": 5}, {"other": "/a"}, []])
def test_mistakes(shared_gate, body):
    response = shared_gate.api("POST", "/api/cache/purge", body)
    assert response.status == 400 and response.json["error"]


def test_needs_an_operator(shared_gate):
    status = {key: shared_gate.api("POST", "/api/cache/purge", {"path": "/a"}, key=key).status
              for key in (None, *KEYS, "unknown")}
    assert status == {None: 401, "viewer": 403, "operator": 200, "admin": 200, "unknown": 403}
    assert shared_gate.api("GET", "/api/cache/purge").status == 405
