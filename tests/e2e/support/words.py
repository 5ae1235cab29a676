"""The words that the daemon says of checks, out of the tables that it has them from."""
import re

from .gate import ROOT

FACT, POLICY = ROOT / "src/gate/fact.h", ROOT / "src/access/policy.h"


def words(file, table):
    """Of an X-macro: the first string of each row."""
    text = file.read_text()
    rows = text[text.index(f"#define {table}(X)"):]
    return re.findall(r'^ +X\(\w+, +"(\w+)"', re.split(r"\n\n|\n/\* clang-format on", rows)[0], re.M)


CHECKS, VERDICTS, INPUTS, WORDS = (words(FACT, f"FACT_{name}") for name in ("CHECKS", "VERDICTS", "INPUTS", "WORDS"))
POLICY_CHECKS, CLASSES = words(POLICY, "CHECKS"), words(POLICY, "PATH_CLASSES")
