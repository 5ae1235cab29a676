#!/usr/bin/python3
"""Puts files into the program: writes a C source with one array, the files one behind the other, and its length.

    scripts/embed.py OUT.c NAME FILE...      const unsigned char NAME[]; const size_t NAME_len;
"""
import sys

BYTES_A_LINE = 20


def main(out, name, *files):
    data = b"".join(open(file, "rb").read() for file in files)
    lines = [", ".join(map(str, data[at:at + BYTES_A_LINE])) + "," for at in range(0, len(data), BYTES_A_LINE)]
    with open(out, "w") as f:
        print("#include <stddef.h>\n", file=f)
        print(f"extern const unsigned char {name}[];\nextern const size_t {name}_len;", file=f)
        print(f"const unsigned char {name}[] = {{", *lines, f"}};\nconst size_t {name}_len = {len(data)};", sep="\n", file=f)


main(*sys.argv[1:])
