"""docs/operating.md against the code: every variable, every default, every command."""

import importlib.util
import re

import pytest
from django.core.management import get_commands

from tests.config import settings_read
from tests.crash.stage import ROOT

TEXT = (ROOT / "docs" / "operating.md").read_text()
ROWS = dict(re.findall(r"^\| `([A-Z0-9_]+)` \| ([^|]+) \|", TEXT, re.MULTILINE))


def test_the_table_names_exactly_the_variables_that_are_read():
    assert set(ROWS) == settings_read.names()


@pytest.mark.parametrize(("name", "value"), list(settings_read.defaults().items()))
def test_the_table_tells_the_default(name, value):
    assert f"`{value}`" in ROWS[name]


def test_every_command_exists():
    ours = set(re.findall(r"(?<![\w/])bin/([a-z-]+)", TEXT))
    assert ours <= {path.name for path in (ROOT / "bin").iterdir()}
    managed = set(re.findall(r"(?:bin/manage|manage\.py) ([a-z_]+)", TEXT))
    assert {"migrate", "create_tenant", "worker"} <= managed
    assert managed <= set(get_commands())


def test_every_module_that_is_run_exists():
    modules = set(re.findall(r"python -m ([a-z._]+)", TEXT))
    assert {"uvicorn", "celery", "config.launch.healthy"} <= modules
    assert all(importlib.util.find_spec(module) for module in modules)


@pytest.mark.parametrize("link", re.findall(r"`((?:deploy|docs|config)/[\w./-]+|compose\.yaml)`", TEXT))
def test_every_file_it_names_exists(link):
    assert (ROOT / link).exists()
