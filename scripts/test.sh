#!/bin/sh
# Builds what the tests need and runs every one. The last line is "N passed, N failed"; the exit code says the same.
#
#   build/        release: unit tests, corpus replays, end to end
#   build-asan/   ASan + UBSan: the same again
#   build-tsan/   TSan: unit tests with threads, end to end with several workers
set -u
cd "$(dirname "$0")/.."

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

scripts/packages.sh build test && scripts/browser.sh || exit 1
scripts/build.sh build --buildtype=release -Dtests=true &&
    scripts/build.sh build-asan --buildtype=debugoptimized -Db_sanitize=address,undefined -Dtests=true &&
    scripts/build.sh build-tsan --buildtype=debugoptimized -Db_sanitize=thread -Dtests=true -- hlsgate threads_tests || {
    echo "The build failed."
    echo "0 passed, 1 failed"
    exit 1
}

units() { # FOLDER MESON_OPTION...
    build=$1
    shift
    rm -f "$build/meson-logs/testlog.json" # of an earlier run
    UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
        meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 3 "$@"
    cp "$build/meson-logs/testlog.json" "$results/$build.json"
}

end_to_end() { # FOLDER PYTEST_OPTION...
    build=$1
    shift
    HLSGATE_BIN=$PWD/$build/hlsgate /usr/bin/python3 -m pytest -c tests/pytest.ini -q --tb=short -p no:cacheprovider \
        --junitxml="$results/$build.xml" "$@" tests >"$results/$build.log" 2>&1
    echo "== end to end: $build"
    tail -n 200 "$results/$build.log"
}

units build
units build-asan
units build-tsan --suite threads

# The sanitized daemon is slow and mostly waits: it shares the machine with the release one.
end_to_end build &
release=$!
end_to_end build-asan
wait $release
end_to_end build-tsan -m multiworker

/usr/bin/python3 scripts/tally.py build.json build-asan.json build-tsan.json build.xml build-asan.xml build-tsan.xml --in "$results"
