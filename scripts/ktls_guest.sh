#!/bin/busybox sh
# The first process of the virtual machine of scripts/ktls.sh. `ktls=with`: its kernel has TLS; else it has not.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
ip link set lo up

failed=
check() { # WHAT COMMAND...
    what=$1
    shift
    if "$@"; then
        echo "ktls: ok: $what"
    else
        echo "ktls: FAILED: $what"
        failed=1
    fi
}

# What the kernel has sealed for so far, connections of all kinds.
sealed() {
    awk '$1 == "TlsTxSw" { print $2 }' /proc/net/tls_stat 2>/dev/null
}

has_sealed_more_than() { # COUNT
    [ "$(sealed)" -gt "$1" ]
}

# Modules depend on each other: round after round until none is left.
load_modules() {
    for round in 1 2 3 4 5; do
        for module in /modules/*.ko; do
            insmod "$module" 2>/dev/null
        done
    done
}

run_test() { # NAME
    timeout 300 "$1" >/tmp/output 2>&1 || { cat /tmp/output; return 1; }
}

fetch() { # FILE CURL-OPTION...
    file=$1
    shift
    curl -sS --max-time 60 --cacert /etc/certificate.pem "$@" -o /tmp/fetched "https://127.0.0.1:8443/$file" &&
        cmp "/media/$file" /tmp/fetched
}

serves() {
    curl -s --max-time 5 --cacert /etc/certificate.pem -o /dev/null https://127.0.0.1:8443/small.ts
}

with=$(sed -n 's/.*ktls=\([a-z]*\).*/\1/p' /proc/cmdline)
[ "$with" = without ] || load_modules

for test in net_tls_kernel_test net_tls_test net_tls_bytes_test net_tls_server_test; do
    check "$test" run_test $test
done

hlsgate serve -c /etc/hlsgate.yaml >/tmp/hlsgate.log 2>&1 &
for second in 1 2 3 4 5 6 7 8 9 10; do
    serves && break
    sleep 1
done

for version in 1.2 1.3; do
    for protocol in http1.1 http2; do
        for file in small.ts big.ts; do
            for time in first second third; do # the file, then what has become of it
                before=$(sealed)
                check "TLS $version $protocol $file $time" fetch $file "--$protocol" --tlsv$version --tls-max $version
                [ "$with" = without ] ||
                    check "  sealed by the kernel" has_sealed_more_than "$before"
            done
            check "TLS $version $protocol $file slowly" fetch $file "--$protocol" --tlsv$version --tls-max $version \
                --limit-rate 2000000
        done
    done
done
check "HTTP/1.1 chacha20" fetch big.ts --http1.1 --tls13-ciphers TLS_CHACHA20_POLY1305_SHA256
check "HTTP/1.1 with an end of the connection" fetch big.ts --http1.1 -H "Connection: close"

if [ "$with" = without ]; then
    check "the log says that there is none" grep -q "kernel TLS: not offered" /tmp/hlsgate.log
    check "the kernel has none" [ ! -e /proc/net/tls_stat ]
else
    check "the log says that it is used" grep -q "kernel TLS: used" /tmp/hlsgate.log
    check "no record was wrong" awk '/TlsDecryptError/ && $2 != 0 { exit 1 }' /proc/net/tls_stat
    sed 's/^/ktls: /' /proc/net/tls_stat
fi
kill -INT %1
wait %1
check "the daemon ends well" [ $? = 0 ]

[ -n "$failed" ] && cat /tmp/hlsgate.log
[ -n "$failed" ] || echo "ktls: all passed"
reboot -f
