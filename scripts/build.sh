#!/bin/sh
# Configures a build folder when it is new or its options changed, then builds.
#
#   scripts/build.sh FOLDER [MESON OPTION...] [-- NINJA TARGET...]
#
# --sanitizer=NAMES stands for all that a build under these sanitizers has; it is optimized less than others, and knows
# lines but no variables, which halves the time it takes.
set -eu
cd "$(dirname "$0")/.."

dir=$1
shift
options=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    case $1 in
    --sanitizer=*)
        options="$options --buildtype=debugoptimized -Doptimization=1 -Dc_args=-g1 -Db_sanitize=${1#*=}" ;;
    *)
        options="$options $1" ;;
    esac
    shift
done
[ $# -eq 0 ] || shift

# shellcheck disable=SC2086  # one word per option
if [ ! -e "$dir/build.ninja" ]; then
    meson setup "$dir" $options >"$dir.log" 2>&1 || { cat "$dir.log" >&2; exit 1; }
    mv "$dir.log" "$dir/setup.log"
elif [ "$(cat "$dir/options.txt" 2>/dev/null)" != "$options" ]; then
    meson configure "$dir" $options
fi
echo "$options" >"$dir/options.txt"
ninja -C "$dir" "$@"
