#!/usr/bin/python3
"""Measures hlsgate against its peers on this machine, over loopback. README.md says what, and how to read it."""
import argparse
import os
import shutil
import signal
import sys
import tempfile

import cases
import harness
import load
import media
import proc
import proxy_cases
import redis_cases
import report
import tls_cases
import watch_cases
from h2load import H2LOAD
from proxies import HAPROXY, VARNISHD
from redis_servers import LUA_MODULE, LUA_REDIS, REDIS
from servers import NGINX
from tls_servers import H2O

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = cases.ALL | proxy_cases.ALL | tls_cases.ALL | redis_cases.ALL | watch_cases.ALL


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--hlsgate", default="build/hlsgate", help="the binary (%(default)s)")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=int, default=3, help="of load per measurement (%(default)s)")
    p.add_argument("--only", choices=["hlsgate", "peers", *harness.PEERS], default="",
                   help="one server alone, or all but hlsgate; writes no file")
    p.add_argument("--case", choices=CASES, action="append", help="this case alone (repeatable); writes no file")
    p.add_argument("--quick", action="store_true", help="2 rounds of 1 s, small stores; writes no file")
    p.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed")
    p.add_argument("--max-seconds", type=int, default=2100, help="give up after this time (%(default)s)")
    return p.parse_args()


def settings_of(args, folder):
    rounds, seconds, counts = args.rounds, args.seconds, harness.STORE_COUNTS
    if args.quick:
        rounds, seconds, counts = 2, 1, (10, 10_000)
    return harness.Settings(args.hlsgate, folder, rounds, seconds, args.only, counts)


def missing(args, settings):
    binaries = {"nginx": NGINX, "haproxy": HAPROXY, "varnish": VARNISHD, "h2o": H2O, "hlsgate": args.hlsgate}
    needed = [load.WRK, H2LOAD, NGINX, REDIS]  # nginx is the origin, too
    needed += [path for name, path in binaries.items() if settings.wants(name)]
    absent = [path for path in dict.fromkeys(needed) if not os.access(path, os.X_OK)]
    lua = (LUA_MODULE, LUA_REDIS) if settings.wants("nginx") else ()
    return absent + [path for path in lua if not os.path.exists(path)]


def give_up(*_):
    raise TimeoutError("out of time")


def run(args, settings):
    media.write_all(settings.root)
    results = []
    for name in args.case or CASES:
        for result in (r for r in CASES[name](settings) if r.rounds):
            print(report.table(result), flush=True)
            results.append(result)
    return results


def main():
    args = arguments()
    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, give_up)
    signal.alarm(args.max_seconds)
    proc.raise_open_files()
    folder = tempfile.mkdtemp(prefix="hlsgate-bench-")
    settings = settings_of(args, folder)
    try:
        if absent := missing(args, settings):
            sys.exit(f"missing: {', '.join(absent)} (see bench/packages.txt; `make build` builds hlsgate)")
        results = run(args, settings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not (args.only or args.case or args.quick):
        with open(os.path.join(HERE, "RESULTS.md"), "w") as f:
            f.write(report.document(settings, results))
    if args.strict and not all(reached for r in results for _, reached in report.verdicts(r)):
        sys.exit(1)


if __name__ == "__main__":
    main()
