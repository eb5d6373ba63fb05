"""bin/manage with nothing running: it starts the embedded server for one command, with the schema of this code."""

import pytest

from tests.config.own_product import command


@pytest.mark.crash
def test_a_command_on_an_empty_directory_finds_the_schema_and_what_the_last_one_did(tmp_path):
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o755)
    data = {"HOLDPOINT_DATA": str(tmp_path / "data")}
    create = ("create_tenant", "acme", "Acme Ltd", "--owner", "ann@acme.example", "--password-stdin")
    first = command(".manage", *create, said="three long words\n", **data)
    assert "acme is there" in first.stdout, first.stderr
    second = command(".manage", "issue_key", "--tenant", "acme", "--email", "ann@acme.example", **data)
    assert second.stdout.startswith("hp_"), second.stderr
