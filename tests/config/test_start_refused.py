"""A start that cannot succeed ends with one sentence: which variable, what is wrong, what to do."""

import os
import socket
from urllib.parse import urlsplit

import pytest

from config.launch.postgres import APP, OWNER
from tests.config.own_product import command

OURS = {"DATABASE_URL": os.environ["DATABASE_URL"], "DATABASE_OWNER_URL": os.environ["DATABASE_OWNER_URL"]}


@pytest.fixture(scope="module")
def nobody_there() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def sentence(*argv: str, module: str = "", **given: str) -> str:
    """What the command says when it refuses, which is one line, without what is secret."""
    done = command(module, *argv, **given)
    assert done.returncode == 1, done.stdout
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "pass-word" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"DATABASE_URL": "mysql://x:pass-word@y/z"}, "DATABASE_URL begins with mysql."),
        ({"DATABASE_URL": "postgresql://x:pass-word@y:port/z"}, "DATABASE_URL is not an address"),
        ({"DATABASE_URL": "postgresql://x:pass-word@y/"}, "DATABASE_URL names no database"),
        ({"DATABASE_URL": "postgresql://x:pass-word@{nobody}/z"}, "DATABASE_URL cannot be used"),
        ({"DATABASE_URL_FILE": "/nowhere/at/all"}, "DATABASE_URL_FILE names /nowhere/at/all"),
        ({"DATABASE_OWNER_URL": "postgresql://x:pass-word@y/z"}, "DATABASE_URL is not"),
        ({"BROKER_URL": "sqs://x:pass-word@y"}, "BROKER_URL begins with sqs."),
        ({"BROKER_URL": "amqp://x:pass-word@{nobody}//"}, "BROKER_URL cannot be used: {nobody}"),
        ({"BROKER_URL": "redis://:pass-word@{nobody}/0"}, "BROKER_URL cannot be used: {nobody}"),
        ({"REDIS_URL": "http://x:pass-word@y"}, "REDIS_URL begins with http."),
        ({"REDIS_URL": "redis://:pass-word@{nobody}/0"}, "REDIS_URL cannot be used: {nobody}"),
    ],
)
def test_a_server_that_cannot_be_used_is_named(given, told, nobody_there, tmp_path):
    given = {name: value.format(nobody=nobody_there) for name, value in given.items()}
    assert told.format(nobody=nobody_there) in sentence("--data", str(tmp_path), **given)


def test_the_owner_may_not_serve(tmp_path):
    said = sentence("--data", str(tmp_path), DATABASE_URL=OURS["DATABASE_OWNER_URL"])
    assert f"signs in as {OWNER}; it has to be {APP}" in said


def test_the_superuser_may_not_serve_either(tmp_path):
    said = sentence("--data", str(tmp_path), DATABASE_URL=os.environ["HOLDPOINT_TEST_SUPERUSER_URL"])
    assert f"it has to be {APP}" in said


def test_a_database_without_the_schema_is_not_served(tmp_path):
    said = sentence("--data", str(tmp_path), DATABASE_URL=_database("postgres"))
    assert "Run bin/manage migrate" in said


def test_an_owner_that_does_not_own_the_database_cannot_migrate():
    said = sentence("migrate", module=".manage", **OURS | {"DATABASE_OWNER_URL": _database("postgres", OWNER)})
    assert "may not migrate postgres" in said


def test_migrating_asks_for_the_address_of_the_owner():
    said = sentence("migrate", module=".manage", DATABASE_URL=OURS["DATABASE_URL"])
    assert "Set DATABASE_OWNER_URL" in said


def test_a_database_of_somebody_else_is_not_taken():
    admin = os.environ["HOLDPOINT_TEST_SUPERUSER_URL"]
    said = sentence(module=".prepare", DATABASE_ADMIN_URL=admin, DATABASE_URL=_database("postgres"))
    assert "The database postgres belongs to" in said


def test_without_an_administrator_the_statements_are_printed():
    done = command(".prepare", DATABASE_URL=f"postgresql://{APP}@db.example/ledger")
    assert done.returncode == 0
    assert 'CREATE DATABASE "ledger" OWNER holdpoint_owner' in done.stdout


def _database(name: str, role: str = APP) -> str:
    parts = urlsplit(OURS["DATABASE_URL"])
    return parts._replace(path=f"/{name}", netloc=f"{role}@").geturl()
