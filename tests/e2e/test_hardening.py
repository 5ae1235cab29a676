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


@pytest.mark.parametrize("name", ["h2+tls"])
def test_grade(gate, authority, tmp_path):
    """testssl.sh rates as SSL Labs does. Its last word is capped by nothing but what is ours to decide: our own authority is
    one that it is told to believe."""
    report = tmp_path / "report.json"
    subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--add-ca", str(authority.file), "--jsonfile", str(report),
                    "--ip", "127.0.0.1", "--connect-timeout", "5", "--openssl-timeout", "5", f"https://gate.test:{gate.port}"],
                   stdin=subprocess.DEVNULL, capture_output=True, timeout=900, check=False)
    findings = {finding["id"]: finding for finding in json.loads(report.read_text())}
    assert findings["overall_grade"]["finding"] in ("A+", "A", "A-"), grounds(findings)
    bad = [f for f in findings.values() if f["severity"] in ("MEDIUM", "HIGH", "CRITICAL") and f["id"] not in OF_THE_CERTIFICATE]
    assert not bad, bad


# Two days long and of an authority that nobody revokes by: so are the tests', and no server's fault.
OF_THE_CERTIFICATE = {"cert_expirationStatus", "cert_notAfter", "cert_crlDistributionPoints", "cert_ocspURL", "cert_revocation",
                      "cert_chain_of_trust", "cert_trust", "OCSP_stapling", "DNS_CAArecord", "HSTS", "HSTS_time", "BREACH",
                      "security_headers", "cert_validityPeriod", "cert_extlifeSpan", "HPKP", "grade_cap_warnings"}


def grounds(findings):
    return {key: f["finding"] for key, f in findings.items() if key.startswith(("grade", "overall", "final", "engine", "scan"))}


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
