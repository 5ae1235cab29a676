#!/bin/sh
# Runs each fuzzer for FUZZ_SECONDS on a copy of its corpus. A crash input lands in build-fuzz/found/ and ends the
# run with an error; once fixed it belongs into tests/corpus/. FUZZ=url runs only fuzzers with "url" in their name.
set -eu
cd "$(dirname "$0")/.."

seconds=${FUZZ_SECONDS:-600}
scripts/packages.sh build fuzz
export CC=clang
scripts/build.sh build-fuzz -Dfuzz=true --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false

found=build-fuzz/found
mkdir -p "$found"
failed=0
for fuzzer in build-fuzz/fuzz_*"${FUZZ:-}"*; do
    [ -x "$fuzzer" ] && [ -f "$fuzzer" ] || continue
    name=${fuzzer#build-fuzz/fuzz_*_}
    mkdir -p "build-fuzz/corpus/$name"
    echo "== $name, $seconds s"
    "$fuzzer" -max_total_time="$seconds" -rss_limit_mb=2000 -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$found/$name-" "build-fuzz/corpus/$name" "tests/corpus/$name" >"$found/$name.log" 2>&1 ||
        { failed=$((failed + 1)); echo "CRASH: see $found/$name.log"; }
    grep -E 'stat::(number_of_executed_units|new_units_added|peak_rss_mb)' "$found/$name.log" || true
done
[ "$failed" = 0 ]
