#!/bin/sh
# Builds the C programs of the benchmark, two of them against the libraries in build/, and runs it. Arguments go to bench.py:
#   bench/run.sh --only nginx --quick
set -eu
cd "$(dirname "$0")/.."

out=build/bench
libs="-luv -llmdb -lhiredis -lssl -lcrypto -lpcre2-8 -lm -lpthread"

compile() {
    name=$1
    shift
    ${CC:-cc} -std=gnu17 -O2 -g -D_GNU_SOURCE -Wall -Wextra -Wno-unused-parameter -Isrc -o "$out/$name" "bench/$name.c" \
        -Wl,--start-group "$@" -Wl,--end-group $libs
}

mkdir -p "$out"
for name in crowd handshakes paced tls_memory; do
    ${CC:-cc} -std=gnu17 -O2 -g -D_GNU_SOURCE -Wall -Wextra -o "$out/$name" "bench/$name.c" -lssl -lcrypto -lpthread
done
case " $* " in
*" --only hlsgate "*) ours=yes ;;
*" --only "*) ours=no ;; # a peer needs nothing of ours
*) ours=yes ;;
esac
if [ "$ours" = yes ]; then
    ninja -C build bench_switched >/dev/null
    compile splice_cost build/libhls.a build/libbase.a
    compile fill_store build/libstore.a build/libaccess.a build/libnet.a build/libbase.a
fi
exec /usr/bin/python3 -B bench/bench.py "$@"
