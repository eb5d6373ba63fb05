"""The protocol as a model, checked exhaustively by spin: the right one has no error, each broken one has."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import need

MODEL = Path(__file__).with_name("gate.pml")
pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

# name of the removed rule -> further definitions it is shown with
BROKEN = {
    "SINGLE_STATEMENT": ["NO_ADVISORY"],
    "NO_ADVISORY": ["READ_THEN_WRITE"],
    "READ_THEN_WRITE": [],
    "NO_RECHECK": [],
    "NO_SOD": [],
    "NO_VERBIND": [],
    "COUNT_RAW": [],
    "EDIT_KEEPS_APPROVAL": ["NO_RECHECK"],
    "CANCEL_ANYTIME": [],
    "BLIND_RETRY": [],
    "PROBE_IS_PERMISSION": [],
}


def check(directory: Path, *definitions: str) -> str:
    """What spin's verifier says of the model with these rules removed."""
    for tool in ("spin", "gcc"):
        need(tool)
    flags = [f"-D{name}" for name in definitions]
    subprocess.run(["spin", "-a", *flags, str(MODEL)], cwd=directory, check=True, capture_output=True)
    compiled = ["gcc", "-O2", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=6000", "-w", "-o", "pan", "pan.c"]
    subprocess.run(compiled, cwd=directory, check=True)
    said = subprocess.run(["./pan", "-m100000"], cwd=directory, capture_output=True, text=True, timeout=250)
    return said.stdout


def test_the_protocol_as_it_is_has_no_error_in_any_state(tmp_path):
    said = check(tmp_path)
    assert "errors: 0" in said, said[-800:]
    assert "max search depth too small" not in said
    assert int(float(re.search(r"([\d.e+]+) states, stored", said)[1])) > 100_000


@pytest.mark.parametrize("rule", BROKEN)
def test_the_protocol_without_one_of_its_rules_is_broken(rule, tmp_path):
    said = check(tmp_path, rule, *BROKEN[rule])
    assert re.search(r"errors: [1-9]", said), said[-800:]
    assert "assertion violated" in said
