"""bin/manage: manage.py beside the product that bin/up runs, or with a server of its own while the command lasts."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

from config.launch import roles, servers
from config.launch.children import Trouble
from config.launch.postgres import APP, OWNER, EmbeddedPostgres

OWNERS = {"migrate", "sqlmigrate", "showmigrations"}
NO_DATABASE = {"makemigrations", "help", "--help", "version", "--version", "check"}
DATABASE = "holdpoint"
MIGRATE = ["migrate", "-v0", "--skip-checks"]


def main() -> int:
    """Run the command on: the servers the environment names; those of the product here; the embedded one. Raises `Trouble`."""
    root = Path(__file__).resolve().parents[2]
    called_from = Path(os.environ.get("HOLDPOINT_CALLED_FROM", "."))
    data = (called_from / os.environ.get("HOLDPOINT_DATA", root / ".data")).absolute()
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command in OWNERS:
        os.environ["HOLDPOINT_ROLE"] = "owner"
    named = any(name.startswith("DATABASE_") for name in servers.as_given())
    if not named:
        named = _take_over_environment(data)
    os.environ.setdefault("HOLDPOINT_SECRET_KEY", "for-one-command")
    if command in NO_DATABASE:
        os.environ.setdefault("DATABASE_URL", "postgresql:///none")
    elif named:
        _check(command)
    else:
        return _with_embedded(root, data, command)
    return _run(root, sys.argv[1:])


def _take_over_environment(data: Path) -> bool:
    """What bin/up told of itself; whether the database it names is there without us."""
    told = data / "environment.json"
    known: dict[str, str] = json.loads(told.read_text()) if told.exists() else {}
    for name, value in known.items():
        os.environ.setdefault(name, value)
    embedded = EmbeddedPostgres(data).url(APP, DATABASE) == known.get("DATABASE_URL")
    return _running(data) or (bool(known) and not embedded)


def _check(command: str) -> None:
    name, role = ("DATABASE_OWNER_URL", roles.OWNER) if command in OWNERS else ("DATABASE_URL", roles.APP)
    if not servers.address(name):
        raise Trouble(f"{command} works as {role}. Set {name} to an address of that role, and run it again.")
    servers.check_database(name, role)


def _with_embedded(root: Path, data: Path, command: str) -> int:
    """Start the embedded server for this command, with the schema of this code."""
    with EmbeddedPostgres(data) as postgres:
        postgres.create_database(DATABASE)
        os.environ["DATABASE_URL"] = os.environ["DATABASE_DIRECT_URL"] = postgres.url(APP, DATABASE)
        os.environ["DATABASE_OWNER_URL"] = postgres.url(OWNER, DATABASE)
        if command not in OWNERS and _run(root, MIGRATE, HOLDPOINT_ROLE="owner"):
            raise Trouble("The embedded database could not be brought to this version. What stopped it is above.")
        return _run(root, sys.argv[1:])


def _run(root: Path, argv: list[str], **more: str) -> int:
    return subprocess.run([sys.executable, "manage.py", *argv], env={**os.environ, **more}, cwd=root).returncode


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
