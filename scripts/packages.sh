#!/bin/sh
# Installs the Debian 12 packages that the named groups need and that are missing. Does nothing, and needs no
# network, when all are there.
#
#   scripts/packages.sh build demo      installs
#   scripts/packages.sh --list          shows every group, package and reason
set -eu
cd "$(dirname "$0")/.."

# group  package             why
table() {
    cat <<'TABLE'
build   gcc                 the compiler
build   libc6-dev           headers of the C library
build   meson               describes the build
build   ninja-build         runs the build
build   pkg-config          finds the libraries below
build   libuv1-dev          event loop
build   libssl-dev          HMAC, SHA-256, TLS
build   liblmdb-dev         embedded store
build   libhiredis-dev      store in Redis
build   libcurl4-openssl-dev HTTP client: origins, health checks
build   libyaml-dev         configuration files
build   libjansson-dev      JSON of the API
build   libpcre2-dev        stream key patterns
build   node-llhttp         C sources of the HTTP/1.1 parser, compiled in
build   libnghttp2-dev      HTTP/2
build   libdeflate-dev      gzip of playlists
build   libbrotli-dev       brotli of playlists
build   libjs-dygraphs      charts of the dashboard, put into the program
demo    ffmpeg              makes the demo streams; ffplay plays them
demo    openssl             makes the demo's secrets
demo    curl                talks to the API
test    libcmocka-dev       unit tests
test    python3             end-to-end tests
test    python3-pytest      end-to-end tests
test    ffmpeg              plays streams through the gate
test    openssl             signs URLs in the shell example, certificates of the tests
test    nginx               real origins: over TLS and HTTP/2, killed and started again
test    curl                a player of the tests, over HTTP/1.1, HTTP/2 and TLS
test    nghttp2-client      nghttp and h2load: independent clients of HTTP/2
test    python3-brotli      decodes what the gate has compressed
test    python3-h2          frame-exact HTTP/2 in the tests
test    util-linux          unshare: a small disk of their own for the tests
test    mount               the same
test    nodejs              runs the Node example of the documents
test    npm                 fetches what the browser tests load, see scripts/browser.sh
test    chromium            a browser that plays streams
test    fonts-inter         letters of the pictures that tests take
test    fonts-wqy-microhei  the same, Chinese
test    libnss3-tools       certutil: tells Chromium whose certificates to believe
test    php-cli             runs the PHP example of the documents
test    redis-server        the store of several instances, killed and started again
test    redis-sentinel      watches it
test    haproxy             in front of several instances
test    prometheus          promtool: checks metrics, alerts and their tests
cluster redis-server        make run-cluster: the state that the instances share
cluster redis-sentinel      watches it
cluster haproxy             in front of the instances
cluster nginx               the other choice in front of them
cluster ffmpeg              makes the demo streams
cluster openssl             makes the secrets
cluster curl                tries it
players mpv                 plays the demo in `make players`
players vlc-bin             the same
players vlc-plugin-base     its HTTP, HLS and decoders
players gstreamer1.0-tools  the same
players gstreamer1.0-plugins-base decodebin
players gstreamer1.0-plugins-good its HTTP, HLS
players gstreamer1.0-plugins-bad  MPEG-TS
players gstreamer1.0-libav  its decoders
hardening testssl.sh        grades the TLS of a listener
hardening slowhttptest      slow heads, slow content, slow readers
hardening bsdextrautils     hexdump, for testssl.sh
ktls    qemu-system-x86     a machine whose kernel seals TLS
ktls    busybox-static      all that runs in it besides this build and curl
ktls    cpio                packs its root
ktls    kmod                depmod: which modules its kernel needs
fuzz    clang               libFuzzer
fuzz    libclang-rt-14-dev  libFuzzer's and the sanitizers' runtime
format  clang-format        make check-format
TABLE
    # The benchmark names its own packages, in the same form without the group.
    if [ -r bench/packages.txt ]; then
        sed -e 's/#//' -e '/^[[:space:]]*$/d' -e 's/^/bench /' bench/packages.txt
    fi
}

is_installed() {
    # The command may have come with another Node than Debian's, whose package excludes this one.
    [ "$1" = npm ] && command -v npm >/dev/null && return
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing_of() {
    for group in "$@"; do
        table | while read -r of package _; do
            if [ "$of" = "$group" ] && ! is_installed "$package"; then
                echo "$package"
            fi
        done
    done | sort -u
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

if [ "${1:-}" = --list ]; then
    table
    exit
fi

missing=$(missing_of "$@")
[ -n "$missing" ] || exit 0
echo "Installing:" $missing
as_root apt-get update -qq
# shellcheck disable=SC2086  # one word per package
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
