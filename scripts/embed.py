#!/usr/bin/python3
"""
Puts files into the program, as C source.

    scripts/embed.py bytes OUT.c NAME FILE...   const unsigned char NAME[]; const size_t NAME_len; the files one behind the other
    scripts/embed.py pages OUT.c FILE...        the table of admin/pages.h: each as it is and, where that is shorter, as gzip

Equal files give equal source.
"""
import hashlib
import sys
import zlib
from pathlib import Path

BYTES_A_LINE = 20
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".svg": "image/svg+xml"}
PAGES = "/monitor"
NAME_OF_CONTENT = 16  # hex digits


def array(data):
    lines = [", ".join(map(str, data[at:at + BYTES_A_LINE])) + "," for at in range(0, len(data), BYTES_A_LINE)]
    return "\n".join(["{", *lines, "}"])


def gzip(data):
    packer = zlib.compressobj(9, wbits=31)  # 31: with gzip's head, without a time in it
    packed = packer.compress(data) + packer.flush()
    return packed if len(packed) < len(data) else b""


def one(name, *files):
    data = b"".join(Path(file).read_bytes() for file in files)
    yield f"#include <stddef.h>\n\nextern const unsigned char {name}[];\nextern const size_t {name}_len;"
    yield f"const unsigned char {name}[] = {array(data)};\nconst size_t {name}_len = {len(data)};"


def row(number, file):
    data = Path(file).read_bytes()
    etag = hashlib.sha256(data).hexdigest()[:NAME_OF_CONTENT]
    name = Path(file).name
    path = PAGES if name == "index.html" else f"{PAGES}/{name}"
    fields = [f'STR("{path}")', f'STR("{TYPES[Path(file).suffix]}")', f'STR("\\"{etag}\\"")',
              f'STR("\\"{etag}-gzip\\"")', f"{{(const char *)plain_{number}, {len(data)}}}",
              f"{{(const char *)gzip_{number}, {len(gzip(data))}}}"]
    return f"    {{{', '.join(fields)}}},"


def pages(*files):
    yield '#include "admin/pages.h"\n\n#include "base/mem.h"\n'
    for number, file in enumerate(files):
        data = Path(file).read_bytes()
        yield f"static const unsigned char plain_{number}[] = {array(data)};"
        yield f"static const unsigned char gzip_{number}[] = {array(gzip(data) or bytes(1))};"
    yield "const struct page pages[] = {"
    yield from (row(number, file) for number, file in enumerate(files))
    yield "};\nconst size_t page_count = ARRAY_LEN(pages);"


def main(kind, out, *args):
    Path(out).write_text("\n".join({"bytes": one, "pages": pages}[kind](*args)) + "\n")


main(*sys.argv[1:])
