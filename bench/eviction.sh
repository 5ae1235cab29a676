#!/bin/sh
# Measures the hit ratios of eviction policies and writes the table of bench/EVICTION.md anew, between its two marks.
set -eu
cd "$(dirname "$0")/.."

out=build/bench
page=bench/EVICTION.md
mkdir -p "$out"
${CC:-cc} -std=gnu17 -O2 -g -D_GNU_SOURCE -Wall -Wextra -Wno-unused-parameter -Isrc -o "$out/eviction" bench/eviction*.c \
    build/libcache.a build/libbase.a -lm -lpthread
"$out/eviction" >"$out/eviction.txt"
{
    sed '/^<!-- begin/q' "$page"
    cat "$out/eviction.txt"
    sed -n '/^<!-- end/,$p' "$page"
} >"$out/EVICTION.md"
mv "$out/EVICTION.md" "$page"
