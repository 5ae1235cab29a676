"""What the API asks of origins: is a file there, and what do they say of it themselves."""
import pytest

from support.gate import http_origin
from support.origin import folder, head, rx, tx
from support.wait import until

MASTER = "/v/2026-01-02/movie1/master.m3u8"


def check(gate, path):
    response = gate.api("POST", "/api/file/check", {"path": path}, key="viewer")
    assert response.status == 200, response.text
    return response.json


def batch(gate, *paths):
    response = gate.api("POST", "/api/file/check/batch", {"paths": list(paths)}, key="viewer")
    assert response.status == 200, response.text
    return response.json


def probe(gate, path):
    response = gate.api("GET", f"/probe/backend?path={path}", key="viewer")
    assert response.status == 200, response.text
    return response.json


def values(answer):
    return {field["name"].lower(): field["value"] for field in answer["headers"]}


class TestFolder:
    @pytest.mark.parametrize("path, exists", [
        (MASTER, True), ("https://any.example" + MASTER + "?uid=x#t", True), (MASTER.lstrip("/"), True),
        ("/v/2026-01-02/movie1/", False), ("/v/2026-01-02/movie1", False), ("/none.ts", False), ("/", False),
        ("/v/%32%30%32%36-01-02/movie1/master.m3u8", True),
        ("/x" * 900, False),
    ])
    def test_exists(self, gate, streams, path, exists):
        streams.movie()
        assert check(gate, path) == {"path": path, "exists": exists, "error": None}

    @pytest.mark.parametrize("path", ["/../etc/passwd", "/%2e%2e/x", "/a%2fb", "/a%00b", "/%zz", "/a\\b", "/" + "x" * 3000, ""])
    def test_nothing_leaves_the_root(self, gate, path):
        for response in (gate.api("POST", "/api/file/check", {"path": path}, key="viewer"),
                         gate.api("POST", "/api/file/check/batch", {"paths": [path]}, key="viewer")):
            assert response.status == 400 and response.json["error"].startswith("path")

    def test_what_may_not_be_read(self, gate, streams, tmp_path):
        (tmp_path / "secret.ts").write_text("x")
        streams.movie()
        streams.file("/v/out.ts").symlink_to(tmp_path / "secret.ts")
        answer = check(gate, "/v/out.ts")
        assert not answer["exists"] and answer["error"] == "the file may not be read"

    def test_no_origin_for_it(self, make_gate, streams):
        gate = make_gate(origins=[{"prefix": "/v/", "filesystem": {"root": str(streams.root)}}])
        assert check(gate, "/w/x.ts") == {"path": "/w/x.ts", "exists": False, "error": "no origin has such paths"}
        assert probe(gate, "/w/x.ts")["kind"] is None

    def test_batch_counts_in_order(self, gate, streams):
        streams.movie()
        paths = [MASTER if i % 3 == 0 else f"/none{i}.ts" for i in range(100)]
        answer = batch(gate, *paths)
        assert [r["path"] for r in answer["results"]] == paths
        assert [r["exists"] for r in answer["results"]] == [i % 3 == 0 for i in range(100)]
        assert (answer["total"], answer["existing"], answer["missing"], answer["failed"]) == (100, 34, 66, 0)

    @pytest.mark.parametrize("paths", [[], ["/a"] * 101, "/a", None, {}, [1], [None], [["/a"]], [""]])
    def test_batches_that_are_none(self, gate, paths):
        response = gate.api("POST", "/api/file/check/batch", {"paths": paths}, key="viewer")
        assert response.status == 400 and response.json["error"].startswith("paths")

    def test_probe(self, gate, streams):
        streams.movie()
        answer = probe(gate, MASTER)
        assert (answer["status"], answer["type"], answer["kind"]) == (200, "application/vnd.apple.mpegurl", "filesystem")
        assert answer["length"] == streams.file(MASTER).stat().st_size
        assert {"etag", "last-modified", "content-type", "content-length"} == set(values(answer))
        assert probe(gate, "/none")["status"] == 404


@pytest.fixture
def http_gate(make_gate, origin):
    return make_gate(origins=[http_origin(origin, retries=0)])


class TestHttp:
    def test_exists(self, http_gate, origin, streams):
        streams.movie()
        origin.routes(folder(streams))
        assert check(http_gate, MASTER)["exists"] and not check(http_gate, "/none.ts")["exists"]
        assert {r.method for r in origin.asked()} == {"HEAD"}
        answer = batch(http_gate, *[MASTER, "/none.ts"] * 50)
        assert (answer["existing"], answer["missing"], answer["failed"]) == (50, 50, 0)

    def test_no_credentials_reach_it(self, http_gate, origin):
        origin.script(rx("HEAD", "/x.ts?v=1"), head(404))
        check(http_gate, "/x.ts?uid=u1&v=1&expires=1&token=secret&gate=x")
        assert origin.asked()[0].get("X-Forwarded-For") is None

    @pytest.mark.parametrize("status", [401, 403, 500])
    def test_neither_there_nor_missing(self, http_gate, origin, status):
        origin.script(rx("HEAD", "/x"), head(status))
        answer = check(http_gate, "/x")
        assert not answer["exists"] and answer["error"] == f"the origin answered with status {status}"

    def test_nobody_there(self, make_gate):
        gate = make_gate(origins=[http_origin("http://127.0.0.1:1", retries=0)])
        assert check(gate, "/x")["error"] == "no server of the origin could be reached"
        answer = batch(gate, "/a", "/b")
        assert (answer["missing"], answer["failed"]) == (0, 2)
        answer = probe(gate, "/x")
        assert answer["status"] == 0 and answer["error"]

    def test_probe_says_what_it_says_but_no_secret(self, http_gate, origin):
        origin.script(rx("HEAD", "/x.ts"), head(200, content_type="video/mp2t", content_length=7, x_cache="HIT",
                                                set_cookie="id=s3cret", x_api_key="s3cret", x_auth_token="s3cret",
                                                link="</y?sign=s3cret>; rel=next"))
        answer = probe(http_gate, "/x.ts")
        assert (answer["status"], answer["type"], answer["length"], answer["kind"]) == (200, "video/mp2t", 7, "http")
        assert answer["server"] == origin.url
        shown = values(answer)
        assert shown["x-cache"] == "HIT" and shown["set-cookie"] == "(withheld)" == shown["x-api-key"]
        assert shown["link"] == "</y?(withheld)"
        assert "s3cret" not in str(answer)

    def test_hostile_fields_come_back_as_text(self, http_gate, origin):
        origin.script(rx("HEAD", "/x"), head(200, content_type="text/<script>", x_evil='"}]<script>\x80\xff'))
        answer = probe(http_gate, "/x")
        assert answer["type"] == "text/<script>" and "<script>" in values(answer)["x-evil"]

    def test_who_leaves_takes_the_question_along(self, http_gate, origin):
        hold = origin.barrier()
        origin.routes(lambda request: (hold, tx(404)), may_leave=True)
        with http_gate.connect() as c:
            body = b'{"paths": ["/a", "/b", "/c"]}'
            c.request("POST", "/api/file/check/batch", [("Authorization", "Bearer key-of-a-viewer")], body)
            origin.wait_count(3)
        until(lambda: http_gate.gauges()["requests"] == 1, "the request is over")
        hold.open()

    def test_not_more_than_a_handful_at_a_time(self, http_gate, origin):
        hold = origin.barrier()
        origin.routes(lambda request: (hold, head(404)))
        with http_gate.connect() as c:
            paths = ", ".join(f'"/{i}"' for i in range(40))
            c.request("POST", "/api/file/check/batch", [("Authorization", "Bearer key-of-a-viewer")],
                      b'{"paths": [%s]}' % paths.encode())
            origin.wait_count(8)
            assert origin.count() == 8
            hold.open()
            assert c.read().json["missing"] == 40
