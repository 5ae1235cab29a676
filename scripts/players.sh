#!/bin/sh
# Players of the desktop play the demo through the daemon, to the end and over TLS.
set -eu
cd "$(dirname "$0")/.."
scripts/packages.sh build test players
scripts/build.sh build --buildtype=release -Dtests=true -- hlsgate
HLSGATE_BIN=$PWD/build/hlsgate exec /usr/bin/python3 -m pytest -c tests/pytest.ini -q -p no:cacheprovider -m players tests
