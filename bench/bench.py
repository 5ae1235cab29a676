#!/usr/bin/python3
"""Measures hlsgate against nginx on this machine, over loopback. See cases.py for what, README.md for how to read it."""
import argparse
import os
import shutil
import signal
import sys
import tempfile

import cases
import load
import media
import proc
import report
from servers import NGINX

HERE = os.path.dirname(os.path.abspath(__file__))


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--hlsgate", default="build/hlsgate", help="the binary (%(default)s)")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=int, default=3, help="of load per measurement (%(default)s)")
    p.add_argument("--only", choices=["nginx", "hlsgate"], default="", help="one server alone; writes no file")
    p.add_argument("--case", choices=cases.ALL, action="append", help="this case alone (repeatable); writes no file")
    p.add_argument("--quick", action="store_true", help="2 rounds of 1 s, small stores; writes no file")
    p.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed")
    p.add_argument("--max-seconds", type=int, default=1200, help="give up after this time (%(default)s)")
    return p.parse_args()


def settings_of(args, folder):
    rounds, seconds, counts = args.rounds, args.seconds, cases.STORE_COUNTS
    if args.quick:
        rounds, seconds, counts = 2, 1, (10, 10_000)
    return cases.Settings(args.hlsgate, folder, rounds, seconds, args.only, counts)


def missing(args):
    needed = [load.WRK]
    needed += [NGINX] if args.only != "hlsgate" else []
    needed += [args.hlsgate] if args.only != "nginx" else []
    return [path for path in needed if not os.access(path, os.X_OK)]


def give_up(*_):
    raise TimeoutError("out of time")


def run(args, folder):
    settings = settings_of(args, folder)
    media.write_all(settings.root)
    results = []
    for name in args.case or cases.ALL:
        for result in cases.ALL[name](settings):
            print(report.table(result), flush=True)
            results.append(result)
    return settings, results


def main():
    args = arguments()
    if absent := missing(args):
        sys.exit(f"missing: {', '.join(absent)} (see bench/packages.txt; `make build` builds hlsgate)")
    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, give_up)
    signal.alarm(args.max_seconds)
    proc.raise_open_files()
    folder = tempfile.mkdtemp(prefix="hlsgate-bench-")
    try:
        settings, results = run(args, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not (args.only or args.case or args.quick):
        with open(os.path.join(HERE, "RESULTS.md"), "w") as f:
            f.write(report.document(settings, results))
    if args.strict and any(report.verdict(r)[1] is False for r in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
