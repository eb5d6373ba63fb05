"""bin/environment: one .venv for all commands, made once, and made again where it no longer fits."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.crash.stage import ROOT

PREPARE = ["sh", "-c", '. bin/environment; prepare requirements.txt; "$python" -c "import sys; print(sys.prefix)"']


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that asks for no package, so that only .venv itself has to be made."""
    made = tmp_path / "project"
    (made / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "bin" / "environment", made / "bin" / "environment")
    (made / "requirements.txt").write_text("")
    return made


def prepare(project: Path) -> subprocess.Popen:
    # As a command in bin/ sources it, so that it finds the project by its own place.
    argv = [*PREPARE, str(project / "bin" / "up")]
    return subprocess.Popen(argv, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.timeout(120)
def test_two_starts_at_once_make_one_environment_and_a_moved_one_is_made_again(project):
    both = [started.communicate(timeout=60) for started in (prepare(project), prepare(project))]
    assert [said.strip() for said, _ in both] == [str(project / ".venv")] * 2
    assert sum(told.count("Making .venv") + told.count("Installing") for _, told in both) == 2
    assert "Making" not in prepare(project).communicate(timeout=60)[1]
    moved = project.rename(project.parent / "moved")
    said, told = prepare(moved).communicate(timeout=60)
    assert said.strip() == str(moved / ".venv")
    assert "Making .venv" in told
