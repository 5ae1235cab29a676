#!/bin/sh
# Two strangers try the daemon, on this machine alone: testssl.sh must give its TLS the grade A or better, and slowhttptest
# must not make it unavailable. Some minutes; HARDENING_SECONDS=20 for each of slowhttptest's attacks.
set -eu
cd "$(dirname "$0")/.."
scripts/packages.sh build test hardening
scripts/build.sh build --buildtype=release -Dtests=true -- hlsgate
HARDENING_SECONDS=${HARDENING_SECONDS:-20} HLSGATE_BIN=$PWD/build/hlsgate \
    exec /usr/bin/python3 -m pytest -c tests/pytest.ini -q -p no:cacheprovider -m hardening tests
