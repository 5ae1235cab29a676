# Sourced by run.sh and run-cluster.sh: what a demo needs besides the daemon. They set `hlsgate`, `config`, `base` and
# `api_key` (a file) before they grant and sign.

stream=/2026-01-01/demo

make_demo_stream() { # FOLDER
    if [ ! -e "$1$stream/master.m3u8" ]; then
        echo "Making the demo stream (about 20 seconds) ..."
        scripts/demo.sh "$1"
    fi
}

make_secrets() { # FILE...
    for secret in "$@"; do
        [ -s "$secret" ] || (umask 077 && openssl rand -hex 32 >"$secret")
    done
}

hash_of() { # FILE_OF_AN_API_KEY
    tr -d '\n' <"$1" | sha256sum | cut -d' ' -f1
}

# A grant is for one network and one User-Agent, and a signed URL belongs to the viewer that opens it first: each
# player gets its own user.
grant() { # UID USER_AGENT
    for ip in 127.0.0.1 ::1; do
        curl -sf --retry 5 -o /dev/null -H "Authorization: Bearer $(cat "$api_key")" "$base/api/whitelist" --data-binary \
            "{\"uid\": \"$1\", \"path\": \"$stream/master.m3u8\", \"clientIp\": \"$ip\", \"UserAgent\": \"$2\"}"
    done
}

sign() { # UID
    "$hlsgate" sign -c "$config" --uid "$1" --path "$stream/master.m3u8" --ttl 21600 --base "$base"
}

# Sets ffplay_url, mpv_url and curl_url.
let_players_in() {
    grant ffplay "$(ffmpeg -version | sed -n 's/^libavformat *\([0-9]*\)\. *\([0-9]*\)\.\([0-9]*\).*/Lavf\/\1.\2.\3/p')"
    grant mpv libmpv
    grant curl "$(curl --version | sed -n '1s/^curl \([^ ]*\).*/curl\/\1/p')"
    ffplay_url=$(sign ffplay)
    mpv_url=$(sign mpv)
    curl_url=$(sign curl)
}
