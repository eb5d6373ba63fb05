"""A pytest plugin that gives the session a real PostgreSQL, before Django's settings are read.

Loaded with `-p`. It starts the embedded server under .data/test unless DATABASE_URL names one, makes a
database from a template that carries the migrations' hash, and connects as the application role.
"""

import atexit
import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import psycopg
import pytest

from config.launch.postgres import APP, OWNER, SUPERUSER, EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[1]
_held: list[IO[str]] = []


def _start() -> None:
    os.environ.setdefault("HOLDPOINT_SECRET_KEY", "tests")
    os.environ.setdefault("HOLDPOINT_CONNECTION_AGE", "0")
    if "DATABASE_URL" in os.environ:
        return
    server = EmbeddedPostgres(_free_place())
    server.start()
    atexit.register(server.stop)
    template = f"holdpoint_{_schema()}"
    if server.create_database(template):
        try:
            migrate(server.url(OWNER, template))
        except BaseException:
            server.drop_database(template)
            raise
    server.drop_database("holdpoint_tests")
    server.create_database("holdpoint_tests", template)
    os.environ["DATABASE_URL"] = server.url(APP, "holdpoint_tests")
    os.environ["DATABASE_OWNER_URL"] = server.url(OWNER, "holdpoint_tests")
    os.environ["HOLDPOINT_TEST_SUPERUSER_URL"] = server.url(SUPERUSER, "holdpoint_tests")


def _free_place() -> Path:
    """.data/test, or the next one when another session uses it; held until this process ends."""
    for number in range(1, 20):
        place = ROOT / ".data" / ("test" if number == 1 else f"test-{number}")
        place.mkdir(parents=True, exist_ok=True)
        lock = (place / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _held.append(lock)
        return place
    raise RuntimeError("Twenty test sessions run here at once. Wait for one of them.")


def _schema() -> str:
    """A hash over every migration and the operations they use."""
    files = [*ROOT.glob("*/migrations/*.py"), ROOT / "tenants" / "keys.py", ROOT / "requirements.txt"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()[:16]


def migrate(owner_url: str) -> None:
    env = {**os.environ, "HOLDPOINT_ROLE": "owner", "DATABASE_OWNER_URL": owner_url}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0", "--skip-checks"], cwd=ROOT, env=env, check=True, timeout=120
    )


_start()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse to test as a role that row-level security does not bind."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        row = connection.execute(
            "SELECT rolsuper OR rolbypassrls OR EXISTS (SELECT 1 FROM pg_tables WHERE tableowner = current_user)"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    if row is None or row[0]:
        pytest.exit("The tests connect as a superuser, a role that bypasses row-level security, or an owner.", 3)


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """pytest-django must not make a database of its own."""


@pytest.fixture(scope="session")
def owner_url() -> str:
    return os.environ["DATABASE_OWNER_URL"]


@pytest.fixture
def database(django_db_blocker):  # type: ignore[no-untyped-def]
    """Access to the database for one test. What it commits stays, in tenants of its own."""
    from django.db import connections

    with django_db_blocker.unblock():
        yield
        connections.close_all()
