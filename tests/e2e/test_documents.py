"""The examples of the documents are run as they stand; both readmes show the same ones."""
import json
import os
import re
import shutil
import subprocess
from urllib.parse import urlsplit

import pytest

from support.gate import BINARY, KEYS, ROOT, http_origin
from support.origin import tx
from support.signing import SECRET
from support.streams import MASTER

pytestmark = pytest.mark.once

ENV = os.environ | {"HLSGATE_SECRET": SECRET.decode()}
LANGUAGES = {"python": ["/usr/bin/python3", "-"], "php": ["php"], "js": ["node", "-"], "sh": ["sh"]}


def blocks(name, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / name).read_text(), re.M | re.S)


def signers(name, language):
    return [block for block in blocks(name, language) if "hmac" in block.lower()]


@pytest.mark.parametrize("document", ["README.md", "README.zh-CN.md", "docs/signing.md"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_signing_example_makes_a_url_that_plays(make_gate, document, language):
    assert shutil.which(LANGUAGES[language][0]), f"{language} is in the test packages"
    examples = signers(document, language)
    assert examples, f"no {language} example in {document}"
    gate = make_gate()
    path = gate.streams.write("/2026-01-01/demo/master.m3u8", MASTER)
    v = gate.viewer()
    gate.grant(v, uid="user-42", path=path)
    for example in examples:
        done = subprocess.run(LANGUAGES[language], input=example, capture_output=True, text=True, check=True, env=ENV)
        url = urlsplit(done.stdout.strip())
        assert url.path == path and url.netloc == "video.example.com"
        v.gets(f"{url.path}?{url.query}")


def test_a_request_waits_for_all_tries_of_its_origin():
    """By default: a second server is of no use to a viewer who has been sent away before it was asked."""
    text = (ROOT / "docs/configuration.md").read_text()
    default = dict(re.findall(r"^\| `(work_timeout|deadline)` \| duration \| `(\w+)` ", text, re.M))
    seconds = {name: int(value[:-1]) * {"s": 1, "m": 60}[value[-1]] for name, value in default.items()}
    assert seconds["work_timeout"] > seconds["deadline"]


def test_both_readmes_show_the_same_code():
    for language in [*LANGUAGES, "yaml"]:
        assert blocks("README.md", language) == blocks("README.zh-CN.md", language)


def test_configuration_of_the_readme_is_right(tmp_path):
    (text,) = [block for block in blocks("README.md", "yaml") if "listen:" in block]
    assert len(text.splitlines()) <= 12
    (tmp_path / "streams").mkdir()
    text = text.replace("/srv/video", str(tmp_path / "streams")).replace("/var/lib/hlsgate", str(tmp_path / "state"))
    (tmp_path / "hlsgate.yaml").write_text(text)
    done = subprocess.run([BINARY, "check", "-c", tmp_path / "hlsgate.yaml"], capture_output=True, text=True, env=ENV)
    assert done.returncode == 0, done.stderr


def sections(text):
    """Top-level key -> its lines."""
    return {block.split(":")[0]: block for block in re.findall(r"^\w.*\n(?:(?![\w]).*\n)*", text, re.M)}


@pytest.mark.parametrize("document", ["docs/behind-a-proxy.md", "docs/cache.md", "docs/migrating-from-fileproxy.md",
                                      "docs/origins.md"])
def test_fragments_of_configuration_are_right(tmp_path, document):
    """What a fragment leaves out is as in the smallest example."""
    fragments = blocks(document, "yaml")
    assert fragments, f"no configuration in {document}"
    (tmp_path / "streams").mkdir()
    for fragment in fragments:
        whole = sections((ROOT / "examples/minimal.yaml").read_text()) | sections(fragment)
        (tmp_path / "hlsgate.yaml").write_text("".join(whole.values()).replace("/srv/video", str(tmp_path / "streams")))
        done = subprocess.run([BINARY, "check", "-c", tmp_path / "hlsgate.yaml"], capture_output=True, text=True, env=ENV)
        assert done.returncode == 0, f"{fragment}\n{done.stderr}"


def test_purges_of_the_manual_find_what_they_name(make_gate, origin):
    origin.routes(lambda request: tx(200, b"x", cache_control="max-age=60"))
    gate = make_gate(access={"policy": {"segment": []}}, origins=[http_origin(origin)])
    examples = [line for block in blocks("docs/cache.md", "sh") for line in block.split("curl ")[1:]]
    assert len(examples) == 3
    for example in examples:
        gate.viewer().gets("/vod/2026-01-01/film-7/hd/0001.ts")
        example = example.replace("127.0.0.1:7889", f"127.0.0.1:{gate.port}")
        done = subprocess.run(["sh", "-c", f"curl -s {example}"], capture_output=True, text=True, check=True,
                              env=ENV | {"HLSGATE_API_KEY": KEYS["operator"]})
        assert json.loads(done.stdout) == {"success": True, "purged": 1, "purged_on_disk": 0}


@pytest.mark.parametrize("document", sorted(str(p.relative_to(ROOT)) for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]))
def test_links_lead_somewhere(document):
    text = (ROOT / document).read_text()
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert ((ROOT / document).parent / target).exists(), f"{document}: {target}"
