"""bin/manage: manage.py beside the product that bin/up runs, or with a server of its own while the command lasts."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

from config.launch.children import Trouble
from config.launch.postgres import APP, OWNER, EmbeddedPostgres

OWNERS = {"migrate", "sqlmigrate", "showmigrations"}
NO_DATABASE = {"makemigrations", "help", "--help", "version", "--version", "check"}


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    data = root / ".data"
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    env = dict(os.environ)
    if command in OWNERS:
        env["HOLDPOINT_ROLE"] = "owner"
    known = data / "environment.json"
    if known.exists():
        env = json.loads(known.read_text()) | env
    env.setdefault("HOLDPOINT_SECRET_KEY", "for-one-command")
    argv = [sys.executable, "manage.py", *sys.argv[1:]]
    if "DATABASE_URL" in os.environ or command in NO_DATABASE or _running(data):
        env.setdefault("DATABASE_URL", "postgresql:///none")
        return subprocess.run(argv, env=env, cwd=root).returncode
    with EmbeddedPostgres(data) as postgres:
        postgres.create_database("holdpoint")
        env["DATABASE_URL"] = postgres.url(APP, "holdpoint")
        env["DATABASE_OWNER_URL"] = postgres.url(OWNER, "holdpoint")
        return subprocess.run(argv, env=env, cwd=root).returncode


def _running(data: Path) -> bool:
    """Whether bin/up holds the lock of the data directory."""
    if not (data / "lock").exists():
        return False
    with (data / "lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        sys.exit(1)
