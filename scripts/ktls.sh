#!/bin/sh
# Kernel TLS, proved where there is some: a virtual machine with Debian's kernel, nothing but its loopback, and this
# build in memory. It runs the tests of TLS and fetches 3 MB over HTTP/1.1 and HTTP/2, from a file and from memory; its
# kernel counts the connections that it seals for. Then the same with a kernel that has no TLS: nothing may differ.
set -eu
cd "$(dirname "$0")/.."

scripts/packages.sh build test ktls
tests="net_tls_kernel_test net_tls_test net_tls_bytes_test net_tls_server_test"
# shellcheck disable=SC2086  # one word per target
scripts/build.sh build --buildtype=release -Dtests=true -- hlsgate $tests

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

# The kernel is fetched and unpacked, not installed.
image=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: *\(linux-image-[^ ]*\).*/\1/p' | head -n1)
# A package unpacks as its own user where it can; here it may be root's folder.
(cd "$work" && apt-get download -qq -o APT::Sandbox::User=root "$image" && dpkg-deb -x linux-image-*.deb kernel)
kernel=$(echo "$work"/kernel/boot/vmlinuz-*)
modules=$(echo "$work"/kernel/lib/modules/*)

copy_program() { # PATH [NAME]
    cp "$1" "$root/bin/${2:-${1##*/}}"
    ldd "$1" | sed -n 's/.*[[:space:]]\(\/[^ ]*\) (.*/\1/p' | while read -r library; do
        mkdir -p "$root${library%/*}"
        cp -n -L "$library" "$root$library"
    done
}

copy_modules() { # NAME, and what it depends on
    sed -n "s/^\([^:]*\/$1\.ko\): *\(.*\)/\2 \1/p" "$modules/modules.dep" | tr ' ' '\n' | while read -r file; do
        [ -z "$file" ] || cp "$modules/$file" "$root/modules/"
    done
}

mkdir -p "$root/bin" "$root/modules" "$root/tmp" "$root/proc" "$root/dev" "$root/etc" "$root/media"
cp /bin/busybox "$root/bin/busybox"
copy_program "$(command -v curl)"
for program in hlsgate $tests; do
    copy_program "build/$program"
done
# depmod knows what tls.ko needs; AES-GCM and ChaCha20 are asked for by the kernel itself, while it runs.
[ -e "$modules/modules.dep" ] || depmod -b "$work/kernel" "${modules##*/}"
for module in tls gcm ctr ghash-generic chacha20poly1305 chacha_generic poly1305_generic seqiv aesni-intel \
    ghash-clmulni-intel; do
    copy_modules "$module"
done

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=gate.test \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$root/etc/key.pem" -out "$root/etc/certificate.pem" 2>"$work/openssl.log"
openssl rand -hex 32 >"$root/etc/token.secret"
openssl rand -out "$root/media/big.ts" 3000000
openssl rand -out "$root/media/small.ts" 100000
cp scripts/ktls_guest.sh "$root/init"
cat >"$root/etc/hlsgate.yaml" <<'YAML'
listen:
  - { address: "127.0.0.1:8443", tls: { certificate: /etc/certificate.pem, key: /etc/key.pem } }
origins:
  - { prefix: /, filesystem: { root: /media } }
store:
  embedded: { path: /tmp/state }
token:
  secrets: [ { id: test, file: /etc/token.secret } ]
access:
  policy: { segment: [] }
YAML

(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initramfs"

# Emulated even where the processor could do it: what is proved is the same everywhere, and a machine that is itself
# virtual may offer what does not work.
boot() { # with | without
    timeout "${KTLS_SECONDS:-900}" qemu-system-x86_64 -accel tcg -cpu max -m 1024 -smp 1 -display none -monitor none \
        -serial "file:$work/$1.log" -no-reboot -nic none -kernel "$kernel" -initrd "$work/initramfs" \
        -append "console=ttyS0 quiet panic=-1 ktls=$1" </dev/null || true
    tr -d '\r' <"$work/$1.log" | grep '^ktls: ' || true
    if ! grep -q '^ktls: all passed' "$work/$1.log"; then
        tail -n 60 "$work/$1.log" >&2
        echo "FAIL: $1 kernel TLS" >&2
        exit 1
    fi
}

echo "With the kernel's TLS:"
boot with
echo "Without it:"
boot without
echo "PASS"
