#!/bin/sh
# A whole cluster on this machine: Redis with a replica and three Sentinels, three hlsgate over the demo stream, and
# HAProxy in front (LB=nginx: nginx). Its configurations are those of examples/cluster-redis with other addresses.
# Ctrl-C stops it and removes what it made, but for the demo stream in demo/streams.
#
# PORT=8000 takes the ports 8000 to 8008; HLSGATE_BIN takes a daemon that is built, STREAMS a folder with the stream.
set -eu
cd "$(dirname "$0")/.."

root=$PWD
lb=${LB:-haproxy}
streams=$(realpath -m "${STREAMS:-demo/streams}")
hlsgate=$(realpath -m "${HLSGATE_BIN:-build/hlsgate}")
examples=$root/examples/cluster-redis
. scripts/demo_site.sh

case $lb in haproxy | nginx) ;; *) echo "LB=$lb: haproxy or nginx" >&2 && exit 1 ;; esac
if [ -z "${HLSGATE_BIN:-}" ]; then
    scripts/packages.sh build demo cluster
    scripts/build.sh build --buildtype=release -- hlsgate
fi
make_demo_stream "$streams"

# ---- ports: one behind the other, so that they are easily remembered

is_taken() { # PORT
    grep -qs ":$(printf %04X "$1") [0-9A-F]*:[0-9A-F]* 0A" /proc/net/tcp /proc/net/tcp6
}

are_free() { # FIRST
    for offset in 0 1 2 3 4 5 6 7 8; do
        ! is_taken $(($1 + offset)) || return 1
    done
}

first=${PORT:-7890}
until are_free "$first"; do
    [ -z "${PORT:-}" ] || { echo "One of the ports $first to $((first + 8)) is taken." >&2 && exit 1; }
    first=$((first + 10))
done
base=http://127.0.0.1:$first
gates="$((first + 1)) $((first + 2)) $((first + 3))"
redis1=$((first + 4)) redis2=$((first + 5))
sentinels="$((first + 6)) $((first + 7)) $((first + 8))"

# ---- parts: each has a folder with its configuration, its log and the number of its process

home=$(readlink -f "$(mktemp -d "${TMPDIR:-/tmp}/hlsgate-cluster.XXXXXX")")
api_key=$home/api.key config=$home/gate1/hlsgate.yaml
parts=

start() { # NAME COMMAND...
    name=$1
    shift
    cd "$home/$name" # before it is there, so that it is never seen elsewhere
    "$@" >log 2>&1 &
    echo $! >pid
    cd "$root"
    parts="$name $parts" # the last one to be started is the first one to be stopped
}

pid_of() { # NAME
    cat "$home/$1/pid" 2>/dev/null || true
}

# By where it works, because the number of one that has ended may be somebody else's by now.
is_running() { # NAME
    [ -s "$home/$1/pid" ] || sleep 0.1 # Redis writes it anew as it starts
    [ "$(readlink "/proc/$(pid_of "$1")/cwd")" = "$home/$1" ]
}

signal_all() { # SIGNAL
    for name in $parts; do
        ! is_running "$name" || kill -s "$1" "$(pid_of "$name")" 2>/dev/null || true
    done
}

any_runs() {
    for name in $parts; do
        ! is_running "$name" || return 0
    done
    return 1
}

stop_all() {
    trap '' INT TERM HUP
    trap - EXIT
    signal_all CONT # whoever was frozen to see what happens
    signal_all INT
    for _ in $(seq 50); do
        any_runs || break
        pause 0.1
    done
    signal_all KILL
    wait
    rm -rf "$home"
    echo "Stopped."
}
trap stop_all EXIT
trap 'exit 0' INT TERM HUP

pause() { # SECONDS; a signal ends it
    sleep "$1" &
    wait $! || true
}

say_who_has_gone() {
    for name in $parts; do
        if is_running "$name"; then
            [ ! -e "$home/$name/gone" ] || echo "$name is back (process $(pid_of "$name"))."
            rm -f "$home/$name/gone"
        elif [ ! -e "$home/$name/gone" ]; then
            echo "$name has ended (process $(pid_of "$name")); its log is $home/$name/log"
            touch "$home/$name/gone"
        fi
    done
}

wait_for() { # WHAT COMMAND...
    what=$1
    shift
    for _ in $(seq 200); do
        ! "$@" >/dev/null 2>&1 || return 0
        say_who_has_gone
        ! ls "$home"/*/gone >/dev/null 2>&1 || break
        pause 0.1
    done
    echo "$what: not so, and not to be expected; the ends of the logs:" >&2
    tail -n 5 "$home"/*/log >&2
    exit 1
}

# ---- secrets, and the examples with the addresses of here

for name in redis sentinel sentinel-user replica; do
    make_secrets "$home/$name.password"
done
make_secrets "$api_key" "$home/token.secret"
HLSGATE_SECRET=$(cat "$home/token.secret")
REDIS_PASSWORD=$(cat "$home/redis.password")
SENTINEL_PASSWORD=$(cat "$home/sentinel.password")
export HLSGATE_SECRET REDIS_PASSWORD SENTINEL_PASSWORD

here() { # EXAMPLE NAME [SED_COMMAND...]
    file=$home/$2/$1
    mkdir -p "$home/$2"
    # shellcheck disable=SC2086  # one word per port
    set -- "$examples/$1" "${3:-}" $gates $sentinels
    (umask 077 && sed -e "$2" -e "s/10.0.0.11:7889/127.0.0.1:$3/" -e "s/10.0.0.12:7889/127.0.0.1:$4/" \
        -e "s/10.0.0.13:7889/127.0.0.1:$5/" -e "s/10.0.0.21:26379/127.0.0.1:$6/" \
        -e "s/10.0.0.22:26379/127.0.0.1:$7/" -e "s/10.0.0.23:26379/127.0.0.1:$8/" \
        -e "s/10.0.0.21 6379/127.0.0.1 $redis1/" -e "s/10.0.0.[0-9]*/127.0.0.1/" \
        -e "s/HLSGATE-PASSWORD/$REDIS_PASSWORD/" -e "s/REPLICA-PASSWORD/$(cat "$home/replica.password")/" \
        -e "s/SENTINEL-USER-PASSWORD/$(cat "$home/sentinel-user.password")/" \
        -e "s/SENTINEL-PASSWORD/$SENTINEL_PASSWORD/" -e '/^logfile/d' "$1" >"$file")
}

run_redis() { # NAME PORT PROGRAM EXAMPLE [SED_COMMAND]
    here "$4" "$1" "${5:-}"
    printf 'port %s\ndir %s\npidfile %s\n' "$2" "$home/$1" "$home/$1/pid" >>"$home/$1/$4"
    start "$1" "$3" "$home/$1/$4"
}

run_gate() { # NAME PORT
    here hlsgate.yaml "$1" "s:/srv/video:$streams:; s/\[::\]:7889/127.0.0.1:$2/; s/0\{64\}/$(hash_of "$api_key")/"
    start "$1" "$hlsgate" serve -c "$home/$1/hlsgate.yaml"
}

run_haproxy() {
    here haproxy.cfg lb "s/bind :8080/bind 127.0.0.1:$first/; /maxconn/d"
    start lb "$(command -v haproxy || echo /usr/sbin/haproxy)" -db -f "$home/lb/haproxy.cfg"
}

run_nginx() {
    here nginx.conf lb "s/listen 8080/listen 127.0.0.1:$first/"
    for kind in client_body proxy fastcgi uwsgi scgi; do
        echo "${kind}_temp_path $home/lb/$kind;"
    done >"$home/lb/folders.conf"
    sed -i "s:^http {:&\n    access_log off;\n    include $home/lb/folders.conf;:" "$home/lb/nginx.conf"
    start lb "$(command -v nginx || echo /usr/sbin/nginx)" -e stderr -p "$home/lb" -c "$home/lb/nginx.conf" \
        -g "daemon off; pid $home/lb/nginx.pid;"
}

# ---- from the bottom up

ask_redis() { # PORT COMMAND...
    port=$1
    shift
    REDISCLI_AUTH=$REDIS_PASSWORD redis-cli --user hlsgate -p "$port" "$@"
}
is_following() {
    ask_redis $redis2 info replication | grep -q master_link_status:up
}
is_quorum() { # PORT
    REDISCLI_AUTH=$SENTINEL_PASSWORD redis-cli -p "$1" sentinel ckquorum hlsgate | grep -q '^OK 3'
}
is_answering() { # PORT
    curl -sf -o /dev/null "http://127.0.0.1:$1/health"
}

echo "Starting Redis, its Sentinels, three hlsgate and $lb in $home ..."
run_redis redis1 $redis1 redis-server redis.conf
run_redis redis2 $redis2 redis-server redis.conf 's/^# \(replicaof .*\)/\1/'
wait_for "the replica follows the primary" is_following
number=0
for port in $sentinels; do
    number=$((number + 1))
    run_redis sentinel$number "$port" redis-sentinel sentinel.conf 's/^\(sentinel down-after.*\) 2000/\1 1000/'
done
for port in $sentinels; do
    wait_for "the Sentinels agree" is_quorum "$port"
done
number=0
for port in $gates; do
    number=$((number + 1))
    run_gate gate$number "$port"
done
for port in $gates; do
    wait_for "hlsgate answers on port $port" is_answering "$port"
done
"run_$lb"
wait_for "$lb answers on port $first" is_answering "$first"

let_players_in

cat <<TEXT

$lb runs on $base, in front of hlsgate on the ports $gates.
Redis: primary on $redis1, replica on $redis2; Sentinels on $sentinels. A signed URL, good for six hours:

  $ffplay_url

Play it:

  ffplay -autoexit '$ffplay_url'
  mpv '$mpv_url'
  curl '$curl_url'

The same link as another viewer, refused by each of the three, whichever it was used at:

  for port in $gates; do curl -si -A somebody-else "http://127.0.0.1:\$port${curl_url#"$base"}" | head -1; done

Kill the primary, play on, ask who is the primary now, and bring the old one back as a replica:

  kill -9 \$(cat $home/redis1/pid)
  REDISCLI_AUTH=\$(cat $home/sentinel.password) redis-cli -p ${sentinels%% *} sentinel get-master-addr-by-name hlsgate
  redis-server $home/redis1/redis.conf

See all three live, with the API key that stands in $api_key:

  http://127.0.0.1:${gates%% *}/monitor

What each hlsgate counts, and what all share:

  curl -s -H "Authorization: Bearer \$(cat $api_key)" http://127.0.0.1:${gates%% *}/stats

Logs and configurations: $home    Ctrl-C stops all and removes them.

TEXT

while :; do
    say_who_has_gone
    pause 0.5
done
