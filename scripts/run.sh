#!/bin/sh
# From nothing to a stream that plays: packages, build, demo, secrets, daemon, grants, signed URLs.
# Ctrl-C stops it. PORT=8000 takes another port; everything it makes lies in ./demo.
set -eu
cd "$(dirname "$0")/.."

port=${PORT:-7889}
base=http://127.0.0.1:$port
hlsgate=build/hlsgate config=demo/hlsgate.yaml api_key=demo/api.key
. scripts/demo_site.sh

scripts/packages.sh build demo
scripts/build.sh build --buildtype=release -- hlsgate

mkdir -p demo
make_demo_stream demo/streams
make_secrets demo/token.secret $api_key

# The example as it stands, but for the port, the address families there are and the API key just made.
any='[::]'
grep -qs . /proc/net/if_inet6 || any=0.0.0.0
sed -e "s/\[::\]:7889/$any:$port/" -e "s/0\{64\}/$(hash_of $api_key)/" -e "s:\.\./demo/::" \
    examples/demo.yaml >$config

$hlsgate check -c $config
$hlsgate serve -c $config &
daemon=$!
# A second Ctrl-C reaches the daemon too; the trap only keeps this script alive until it has stopped.
trap 'kill -INT $daemon 2>/dev/null || true' INT TERM

until curl -sf -o /dev/null "$base/health"; do
    kill -0 $daemon 2>/dev/null || { wait $daemon; exit 1; }
    sleep 0.1
done

let_players_in

cat <<TEXT

hlsgate runs on $base. A signed URL of the demo stream, good for six hours:

  $ffplay_url

Play it:

  ffplay -autoexit '$ffplay_url'
  mpv '$mpv_url'
  curl '$curl_url'

The same link as another viewer, refused:

  curl -i -A somebody-else '$curl_url'

See it live, with the API key that stands in $api_key:

  $base/monitor

Configuration: $config    Ctrl-C stops.

TEXT

status=0
wait $daemon || status=$?
# A trapped signal ends the first wait early; the second one brings the daemon's own status.
if kill -0 $daemon 2>/dev/null || [ $status -gt 128 ]; then
    status=0
    wait $daemon || status=$?
fi
exit $status
