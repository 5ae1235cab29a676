"""Adds up what Meson and pytest have written and prints "N passed, N failed" as the last line.

A skipped test and a result file that is missing or empty count as failed: what did not run has not passed.
"""
import argparse
import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def meson(path):
    """Cases inside a cmocka program count one by one; any other program is one case."""
    passed = failed = 0
    for line in path.read_text().splitlines():
        run = json.loads(line)
        output = run.get("stdout", "") + run.get("stderr", "")
        good = len(re.findall(r"^\[ +OK \]", output, re.M))
        bad = len(re.findall(r"^\[ +FAILED +\] \w+$", output, re.M))
        if run["result"] != "OK":
            bad = max(bad, 1)
            print(f"failed: {run['name']}: {run['result']}")
        elif good == 0:
            good = 1
        passed += good
        failed += bad
    return passed, failed


def pytest(path):
    passed = failed = 0
    for case in ElementTree.parse(path).iter("testcase"):
        trouble = {child.tag for child in case} & {"failure", "error", "skipped"}
        if trouble:
            failed += 1
            print(f"{'/'.join(sorted(trouble))}: {case.get('classname')}::{case.get('name')}")
        else:
            passed += 1
    return passed, failed


def tally(path):
    try:
        passed, failed = (meson if path.suffix == ".json" else pytest)(path)
    except (OSError, ValueError, ElementTree.ParseError) as error:
        print(f"no result in {path.name}: {error}")
        return 0, 1
    if passed + failed == 0:
        print(f"nothing ran in {path.name}")
        return 0, 1
    print(f"{path.name}: {passed} passed, {failed} failed")
    return passed, failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+")
    parser.add_argument("--in", dest="folder", type=Path, required=True)
    args = parser.parse_args()
    sums = [tally(args.folder / name) for name in args.files]
    passed, failed = (sum(column) for column in zip(*sums))
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
