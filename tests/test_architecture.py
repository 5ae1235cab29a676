"""The rooms of ARCHITECTURE.md are the rooms of the code: who may include whom, and who owns which library."""
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src"
# Part of the C library and the kernel's interface: everybody's.
SYSTEM = re.compile(r"^(sys/|arpa/|net/if|netinet/|linux/|[a-z0-9_]+\.h$)")
LIBRARIES = {  # header -> library as the table calls it
    "yaml.h": "libyaml", "uv.h": "libuv", "lmdb.h": "LMDB", "jansson.h": "jansson", "pcre2.h": "PCRE2",
    "llhttp.h": "llhttp", "curl/": "libcurl", "nghttp2/": "nghttp2", "hiredis/": "hiredis", "openssl/": "OpenSSL", "libdeflate.h": "libdeflate", "brotli/": "brotli", "systemd/": "libsystemd",
}


def table():
    """module -> (floor, may include, owns), from the table with these columns."""
    rows = {}
    for line in (ROOT / "ARCHITECTURE.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 5 and cells[0].isdigit():
            floor, module, _, may, owns = cells
            rows[module.strip("`").rstrip("/")] = (int(floor), may, owns)
    return rows


ROWS = table()


def allowed(module):
    floor, may, _ = ROWS[module]
    if may.startswith("everything"):
        return set(ROWS)
    named = set(re.findall(r"[a-z]+", may)) & set(ROWS)
    if match := re.match(r"all of (\d+) to (\d+)(?: but (.*))?", may):
        low, high = int(match[1]), int(match[2])
        but = set(re.findall(r"[a-z]+", match[3] or ""))
        return {m for m, (f, _, _) in ROWS.items() if low <= f <= high} - but
    return named


def modules():
    return sorted(path.name for path in SRC.iterdir() if path.is_dir())


def is_test(path):
    """A test may stand on every lower floor: it builds the world that its module is tested in."""
    return re.search(r"(_test|_fuzz|testing|conformance\w*)$", path.stem)


def includes(module):
    """(file, form, header) of every include of a module's sources."""
    for path in sorted((SRC / module).glob("*.[ch]")):
        if is_test(path):
            continue
        for form, header in re.findall(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', path.read_text(), re.M):
            yield path.name, form, header


def library_of(header):
    for start, name in LIBRARIES.items():
        if header.startswith(start):
            return name
    return None


@pytest.mark.parametrize("module", modules())
def test_module_stands_in_the_table(module):
    assert module in ROWS, f"src/{module} has no row in ARCHITECTURE.md"


def is_test_code(name):
    return name.endswith(("_test.c", "_fuzz.c", "testing.h")) or name == "fixture.h"


@pytest.mark.parametrize("module", modules())
def test_includes_only_what_its_row_allows(module):
    """Tests may reach for the test helpers of lower floors besides."""
    may = allowed(module) | {module}
    wrong = [f"{name}: {header}" for name, form, header in includes(module)
             if form == '"' and header.split("/")[0] not in may
             and not (is_test_code(name) and header.endswith("_testing.h"))]
    assert not wrong, f"{module} may include {sorted(may)}"


@pytest.mark.parametrize("module", modules())
def test_arrows_point_down(module):
    floor = ROWS[module][0]
    for name, form, header in includes(module):
        other = header.split("/")[0]
        if form == '"' and other != module:
            assert ROWS[other][0] <= floor, f"{name} includes {header} from a floor above"


def test_no_circles():
    arrows = {m: {h.split("/")[0] for _, form, h in includes(m) if form == '"'} - {m} for m in modules()}

    def walk(module, trail):
        assert module not in trail, " -> ".join([*trail, module])
        for other in arrows.get(module, ()):
            walk(other, [*trail, module])

    for module in arrows:
        walk(module, [])


def test_header_paths_name_their_module():
    """No include without a folder, so a reader sees where it leads."""
    for module in modules():
        for name, form, header in includes(module):
            if form == '"':
                assert "/" in header and (SRC / header).exists(), f"{module}/{name}: {header}"


def test_each_library_is_included_by_its_owner_alone():
    for module in modules():
        owned = ROWS[module][2]
        for name, form, header in includes(module):
            if form == "<" and (library := library_of(header)):
                assert library in owned, f"{module}/{name} includes <{header}>; {module} owns {owned}"


def test_every_other_header_is_the_systems():
    for module in modules():
        for name, form, header in includes(module):
            if form == "<" and not library_of(header):
                assert SYSTEM.match(header) or header == "cmocka.h", f"{module}/{name}: <{header}>"


def test_nobody_includes_server():
    for module in modules():
        if module != "server":
            assert not [h for _, _, h in includes(module) if h.startswith("server/")]
