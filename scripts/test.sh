#!/bin/sh
# Builds what the tests need and runs every one. The last line is "N passed, N failed"; the exit code says the same.
#
#   build/        release: end to end over HTTP/1.1, and with several workers over HTTP/2 with TLS; what a browser shows
#   build-asan/   ASan + UBSan: unit tests, corpus replays; end to end over HTTP/2 in the clear, over HTTP/1.1 with TLS, and
#                 what names its protocol itself
#   build-tsan/   TSan: unit tests with threads; end to end with several workers, over HTTP/2 with TLS
#
# So each case runs optimized and under sanitizers, each in another protocol, in a time that one is ready to wait.
set -u
cd "$(dirname "$0")/.."

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
export HLSGATE_DEMO="$results/demo" # for all lanes

scripts/packages.sh build test && scripts/browser.sh || exit 1
scripts/build.sh build --buildtype=release -- hlsgate &&
    scripts/build.sh build-asan --sanitizer=address,undefined -Dtests=true &&
    scripts/build.sh build-tsan --sanitizer=thread -Dtests=true -- hlsgate threads_tests || {
    echo "The build failed."
    echo "0 passed, 1 failed"
    exit 1
}

units() { # FOLDER MESON_OPTION...
    build=$1
    shift
    rm -f "$build/meson-logs/testlog.json" # of an earlier run
    UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
        meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 3 --num-processes 3 "$@"
    cp "$build/meson-logs/testlog.json" "$results/$build.json"
}

end_to_end() { # NAME FOLDER PYTEST_OPTION... TEST...
    name=$1 build=$2
    shift 2
    HLSGATE_BIN=$PWD/$build/hlsgate /usr/bin/python3 -m pytest -c tests/pytest.ini -q --tb=short -p no:cacheprovider \
        --junitxml="$results/$name.xml" "$@" >"$results/$name.log" 2>&1
    echo "== end to end: $name"
    tail -n 200 "$results/$name.log"
}

# An -m of our own replaces that of tests/pytest.ini, which leaves out what takes long.
short="not players and not soak and not hardening"

# What a browser or a script of ours does tests no other code of the daemon than the rest: it runs optimized alone.
shown="tests/e2e/test_browser.py tests/e2e/test_dashboard*.py tests/e2e/test_redis_cluster.py"

released() {
    units build-tsan --suite threads
    end_to_end tsan-once build-tsan --proto h1 -m "multiworker and once and $short" tests
    end_to_end release-h1 build --proto h1 -m "not once and $short" tests
}

released_more() {
    # shellcheck disable=SC2086  # a word for each file
    end_to_end release-shown build --proto h1 $shown
    end_to_end release-h2+tls build --proto h2+tls -m "multiworker and not once and $short" tests
    end_to_end tsan-h2+tls build-tsan --proto h2+tls -m "multiworker and $short" tests
}

sanitized() {
    end_to_end asan-h2c build-asan --proto h2c tests
    end_to_end asan-h1+tls build-asan --proto h1+tls -m "h1_only and $short" tests
}

sanitized_more() {
    end_to_end asan-once build-asan --proto h1 -m "once and $short" $(left_out) tests
}

left_out() {
    for file in $shown; do
        echo "--ignore=$file"
    done
}

units build-asan

# Much of a test is waiting: four lanes keep two cores busy.
released &
released_more &
sanitized &
sanitized_more
wait

/usr/bin/python3 scripts/tally.py build-asan.json build-tsan.json release-h1.xml release-shown.xml release-h2+tls.xml \
    asan-h2c.xml asan-h1+tls.xml asan-once.xml tsan-h2+tls.xml tsan-once.xml --in "$results"
