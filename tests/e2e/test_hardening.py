"""testssl.sh and slowhttptest against the daemon: `make hardening`."""
import csv
import json
import os
import subprocess
import threading

import pytest

from support import proto
from support.gate import HOME
from support.streams import bytes_of

pytestmark = [pytest.mark.hardening, pytest.mark.once]

SECONDS = int(os.environ.get("HARDENING_SECONDS", "20"))
BIG, BIG_SIZE = "/v/2026-01-02/movie1/big.ts", 4 << 20
# What a viewer may take for himself, in time; slowhttptest's patience is longer.
LIMITS = {"head_timeout": "5s", "content_timeout": "5s", "send_timeout": "5s", "idle_timeout": "5s", "handshake_timeout": "5s"}
ATTACKS = {
    "slow heads": ["-H", "-i", "1"],
    "slow content": ["-B", "-i", "1", "-s", "8192"],
    "many ranges": ["-R", "-t", "HEAD", "-a", "10", "-b", "3000"],
    "slow readers": ["-X", "-n", "1", "-w", "10", "-y", "20", "-z", "32", "-k", "3"],
}


@pytest.fixture
def gate(make_gate, authority, name):
    gate = make_gate(protocol=proto.Protocol(name, authority), access={"policy": {"segment": []}}, http=LIMITS)
    gate.streams.movie()
    gate.streams.write(BIG, bytes_of("big", BIG_SIZE))
    return gate


# Debian's testssl.sh 3.0 gives no letter yet; these are what SSL Labs gives an A for, beside no finding of weight.
GRADE_A = {"SSLv2": "not offered", "SSLv3": "not offered", "TLS1": "not offered", "TLS1_1": "not offered", "TLS1_2": "offered",
           "TLS1_3": "offered", "cipherlist_NULL": "not offered", "cipherlist_aNULL": "not offered", "cipherlist_EXPORT": "not offered",
           "cipherlist_LOW": "not offered", "secure_renego": "supported", "heartbleed": "not vulnerable", "ROBOT": "not vulnerable",
           "SWEET32": "not vulnerable", "BEAST": "not vulnerable", "CRIME_TLS": "not vulnerable"}
OURS = {"cert_revocation"}  # of the tests' own authority, which has no list of what it revoked
WEIGHT = {"MEDIUM", "HIGH", "CRITICAL", "FATAL"}


@pytest.mark.parametrize("name", ["h2+tls"])
def test_grade(make_gate, authority, name, tmp_path):
    gate = make_gate(start=False, protocol=proto.Protocol(name, authority))
    certificate, key = authority.certificate(*proto.NAMES_OF_THE_GATE, days=365, stem="for-a-year")
    gate.config["listen"][0]["tls"] = {"certificate": str(certificate), "key": str(key), "hsts": "365d"}
    gate.write_config()
    gate.start()
    report = tmp_path / "report.json"
    subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--add-ca", str(authority.file), "--jsonfile",
                    str(report), f"127.0.0.1:{gate.port}"], stdin=subprocess.DEVNULL, capture_output=True, timeout=900, check=False)
    findings = {finding["id"]: finding for finding in json.loads(report.read_text())}
    assert not [f for f in findings.values() if f["severity"] in WEIGHT and f["id"] not in OURS]
    for key, finding in GRADE_A.items():
        assert findings[key]["finding"].startswith(finding), findings[key]
    assert findings["cert_chain_of_trust"]["finding"].startswith("passed")


@pytest.mark.parametrize("name", ["h1", "h1+tls"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_stays_available(gate, name, attack, tmp_path):
    """1 000 slow connections; slowhttptest's own probes and a viewer of ours are served all the while."""
    failures, over = [], threading.Event()

    def view():
        while not over.is_set():
            try:
                if gate.fetch("GET", BIG, source=HOME).body != bytes_of("big", BIG_SIZE):
                    failures.append("other bytes")
            except Exception as error:  # whatever it is, the viewer was not served
                failures.append(repr(error))
            over.wait(0.2)

    viewer = threading.Thread(target=view)
    viewer.start()
    try:
        subprocess.run(["slowhttptest", *ATTACKS[attack], "-c", "1000", "-r", "200", "-l", str(SECONDS), "-p", "3", "-g", "-o",
                        str(tmp_path / "slow"), "-v", "1", "-u", f"{gate.url}{BIG}"],
                       stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS * 3 + 60, check=False)
    finally:
        over.set()
        viewer.join()
    assert not failures, failures[:3]
    with open(tmp_path / "slow.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows and all(int(row["Service Available"]) > 0 for row in rows), rows[-5:]
