"""The examples of the documents are run as they stand; both readmes show the same ones."""
import os
import re
import shutil
import subprocess
from urllib.parse import urlsplit

import pytest

from support.gate import BINARY, ROOT
from support.signing import SECRET
from support.streams import MASTER

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


@pytest.mark.parametrize("document", sorted(str(p.relative_to(ROOT)) for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]))
def test_links_lead_somewhere(document):
    text = (ROOT / document).read_text()
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert ((ROOT / document).parent / target).exists(), f"{document}: {target}"
