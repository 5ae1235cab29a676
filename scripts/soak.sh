#!/bin/sh
# Plays, reloads, seeks, leaves and revokes with many viewers at once for SOAK_SECONDS against the ASan build, then
# asks for all gauges at zero and a clean exit.
set -eu
cd "$(dirname "$0")/.."
scripts/packages.sh build test
scripts/build.sh build-asan --sanitizer=address,undefined -Dtests=true -- hlsgate
SOAK_SECONDS=${SOAK_SECONDS:-600} HLSGATE_BIN=$PWD/build-asan/hlsgate \
    /usr/bin/python3 -m pytest -c tests/pytest.ini -q -p no:cacheprovider -m soak tests
