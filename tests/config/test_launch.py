"""bin/up as its users start it: real processes, killed without mercy, started again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest

from config.launch.children import Trouble
from config.launch.postgres import APP, OWNER, EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]
DROPPED = ("DATABASE_URL", "DATABASE_OWNER_URL", "HOLDPOINT_SECRET_KEY", "DJANGO_SETTINGS_MODULE")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory that PostgreSQL's own user can reach."""
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o755)
    return tmp_path / "data"


def up(data: Path, *more: str) -> subprocess.Popen:
    env = {name: value for name, value in os.environ.items() if name not in DROPPED} | {"PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "config.launch", "--port", "0", "--data", str(data), "--json", *more]
    return subprocess.Popen(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ready(process: subprocess.Popen) -> dict:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr.read() if process.stderr else ""
    return json.loads(line)


def family(parent: int) -> list[int]:
    """Processes that name the data directory or descend from `parent`, by the process table."""
    rows = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True).stdout.split("\n")[1:]
    children = [tuple(map(int, row.split())) for row in rows if row.strip()]
    found, todo = [], [parent]
    while todo:
        here = todo.pop()
        below = [pid for pid, ppid in children if ppid == here]
        found += below
        todo += below
    return found


def until(happens: Callable[[], bool], within_s: float) -> bool:
    """Whether `happens` became true within the time."""
    end = time.monotonic() + within_s
    while not happens():
        if time.monotonic() > end:
            return False
        os.sched_yield()
    return True


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_it_starts_from_nothing_tells_its_accounts_and_ends_with_all_it_started(place):
    process = up(place)
    told = ready(process)
    began = family(process.pid)
    assert {"url", "accounts"} == set(told)
    assert {"role", "email", "password", "tenant"} == set(told["accounts"][0])
    assert httpx.get(told["url"] + "health/live").json() == {"status": "ok"}
    assert httpx.get(told["url"] + "health/ready").status_code == 200
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert len(began) >= 6
    assert until(lambda: not any(map(alive, began)), 5)


def test_after_kill_9_of_the_supervisor_nothing_is_left_and_the_next_start_is_clean(place):
    process = up(place)
    first = ready(process)
    began = family(process.pid)
    process.kill()
    process.communicate(timeout=5)
    assert until(lambda: not any(map(alive, began)), 15)
    second = up(place)
    try:
        told = ready(second)
        assert told["accounts"] == first["accounts"]
        assert httpx.get(told["url"] + "health/ready").status_code == 200
    finally:
        second.send_signal(signal.SIGINT)
        second.communicate(timeout=30)


def test_a_second_start_on_the_same_data_is_refused_in_words(place):
    process = up(place)
    ready(process)
    second = up(place)
    said = second.communicate(timeout=30)[1]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert second.returncode == 1
    assert "runs on" in said
    assert "--data" in said


def test_a_port_that_is_taken_is_refused_in_words(place, tmp_path):
    process = up(place)
    port = ready(process)["url"].rstrip("/").rsplit(":", 1)[1]
    second = up(tmp_path / "other", "--port", port)
    said = second.communicate(timeout=30)[1]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert (second.returncode, f"Port {port} is taken" in said) == (1, True)


def test_rows_survive_kill_9_of_the_server(place):
    with EmbeddedPostgres(place) as server:
        server.create_database("kept")
        with psycopg.connect(server.url(OWNER, "kept")) as connection:
            connection.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS n")
        assert server.process is not None
        server.process.kill()
        server.process.wait(10)
    with EmbeddedPostgres(place) as server, psycopg.connect(server.url(OWNER, "kept")) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (1000,)


def test_files_of_another_major_version_are_refused_in_words(place):
    with EmbeddedPostgres(place) as server:
        version = server.cluster / "PG_VERSION"
    version.write_text("12\n")
    with pytest.raises(Trouble, match="made by PostgreSQL 12"):
        EmbeddedPostgres(place).start()


def test_the_application_role_owns_nothing_and_is_bound_by_row_level_security(place):
    with EmbeddedPostgres(place) as server, psycopg.connect(server.url(APP, "postgres")) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        )
        assert row.fetchone() == (False, False, False)
