#!/bin/sh
# From nothing to a stream that plays: packages, build, demo, secrets, daemon, grants, signed URLs.
# Ctrl-C stops it. PORT=8000 takes another port; everything it makes lies in ./demo.
set -eu
cd "$(dirname "$0")/.."

port=${PORT:-7889}
base=http://127.0.0.1:$port
stream=/2026-01-01/demo

scripts/packages.sh build demo
scripts/build.sh build --buildtype=release -- hlsgate
hlsgate=build/hlsgate

mkdir -p demo
if [ ! -e "demo/streams$stream/master.m3u8" ]; then
    echo "Making the demo stream (about 20 seconds) ..."
    scripts/demo.sh demo/streams
fi
for secret in token.secret api.key; do
    [ -s "demo/$secret" ] || (umask 077 && openssl rand -hex 32 >"demo/$secret")
done

# The example as it stands, but for the port, the address families there are and the API key just made.
api_key_hash=$(tr -d '\n' <demo/api.key | sha256sum | cut -d' ' -f1)
any='[::]'
grep -qs . /proc/net/if_inet6 || any=0.0.0.0
sed -e "s/\[::\]:7889/$any:$port/" -e "s/0\{64\}/$api_key_hash/" -e "s:\.\./demo/::" \
    examples/demo.yaml >demo/hlsgate.yaml

$hlsgate check -c demo/hlsgate.yaml
$hlsgate serve -c demo/hlsgate.yaml &
daemon=$!
# A second Ctrl-C reaches the daemon too; the trap only keeps this script alive until it has stopped.
trap 'kill -INT $daemon 2>/dev/null || true' INT TERM

until curl -sf -o /dev/null "$base/health"; do
    kill -0 $daemon 2>/dev/null || { wait $daemon; exit 1; }
    sleep 0.1
done

# A grant is for one network and one User-Agent, and a signed URL belongs to the viewer that opens it first: each
# player gets its own user.
grant() { # UID USER_AGENT
    for ip in 127.0.0.1 ::1; do
        curl -sf -o /dev/null -H "Authorization: Bearer $(cat demo/api.key)" "$base/api/whitelist" --data-binary \
            "{\"uid\": \"$1\", \"path\": \"$stream/master.m3u8\", \"clientIp\": \"$ip\", \"UserAgent\": \"$2\"}"
    done
}
sign() { # UID
    $hlsgate sign -c demo/hlsgate.yaml --uid "$1" --path "$stream/master.m3u8" --ttl 21600 --base "$base"
}

lavf=$(ffmpeg -version | sed -n 's/^libavformat *\([0-9]*\)\. *\([0-9]*\)\.\([0-9]*\).*/Lavf\/\1.\2.\3/p')
curl=$(curl --version | sed -n '1s/^curl \([^ ]*\).*/curl\/\1/p')
grant ffplay "$lavf"
grant mpv libmpv
grant curl "$curl"
ffplay_url=$(sign ffplay)
curl_url=$(sign curl)

cat <<TEXT

hlsgate runs on $base. A signed URL of the demo stream, good for six hours:

  $ffplay_url

Play it:

  ffplay -autoexit '$ffplay_url'
  mpv '$(sign mpv)'
  curl '$curl_url'

The same link as another viewer, refused:

  curl -i -A somebody-else '$curl_url'

API key: demo/api.key    Configuration: demo/hlsgate.yaml    Ctrl-C stops.

TEXT

status=0
wait $daemon || status=$?
# A trapped signal ends the first wait early; the second one brings the daemon's own status.
if kill -0 $daemon 2>/dev/null || [ $status -gt 128 ]; then
    status=0
    wait $daemon || status=$?
fi
exit $status
