#!/bin/sh
# Fails when a C file is not as clang-format would write it; with --fix, rewrites it.
set -eu
cd "$(dirname "$0")/.."
scripts/packages.sh format
mode='--dry-run --Werror'
[ "${1:-}" != --fix ] || mode=-i
# shellcheck disable=SC2086  # one word per option
git ls-files -z 'src/*.[ch]' 'bench/*.[ch]' | xargs -0 -r clang-format $mode
