"""A stage for fault tests: PostgreSQL, the programs of the outside world and workers, all of them real processes.

Everything lives under one directory and ends with the stage, by the ids of the processes it started.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from config.launch.children import Child
from config.launch.postgres import APP, OWNER, EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[2]
DATABASE = "holdpoint_crash"
PATIENCE_S = 20.0
T = TypeVar("T")


def wait_for(look: Callable[[], T], what: str, within_s: float = PATIENCE_S) -> T:
    """The first truthy value of `look`. Raises `AssertionError` that says what did not come."""
    until = time.monotonic() + within_s
    while True:
        if found := look():
            return found
        if time.monotonic() > until:
            raise AssertionError(f"Within {within_s:g} s there was no {what}.")
        time.sleep(0.02)


@dataclass(kw_only=True)
class Stage:
    """What runs, and where. `env` is the environment of every process of the product."""

    data: Path
    env: dict[str, str]
    worker_argv: list[str]
    world: dict[str, Child] = field(default_factory=dict)
    workers: list[Child] = field(default_factory=list)

    def spawn(self, name: str, argv: list[str], *, capture: bool = False) -> Child:
        log = self.data / "logs" / f"{name}.log"
        child = Child(name=name, argv=argv, env=self.env, log=log, cwd=ROOT, capture=capture)
        child.start()
        return child

    def add_worker(self) -> Child:
        worker = self.spawn(f"worker-{len(self.workers)}", self.worker_argv)
        self.workers.append(worker)
        return worker

    def keep_workers(self, count: int) -> int:
        """Replace what was killed, so that `count` live; returns how many were started."""
        missing = count - sum(worker.alive() for worker in self.workers)
        for _ in range(missing):
            self.add_worker()
        return max(missing, 0)

    def arm(self, point: str, sign: int = signal.SIGKILL, *, passes: int = 1) -> None:
        """Let the worker that is the `passes`-th to reach `point` from now on send itself `sign`."""
        partial = self.data / point
        partial.write_text(f"{int(sign)} {passes}")
        partial.rename(self.data / "armed" / point)

    def disarm(self) -> None:
        for armed in (self.data / "armed").iterdir():
            armed.unlink(missing_ok=True)

    def met(self, point: str = "") -> list[int]:
        """The ids of the processes that met an armed point (or this one)."""
        found = (path.name.rsplit(".", 1) for path in (self.data / "met").iterdir())
        return [int(pid) for name, pid in found if point in ("", name)]

    def get(self, program: str, path: str) -> Any:
        return httpx.get(self.env[f"HOLDPOINT_{program.upper()}_URL"] + path, trust_env=False).raise_for_status().json()

    def posts(self, key: str) -> tuple[int, int]:
        """How often the ledger received this key, and how often money moved for it."""
        found = [entry for entry in self.get("ledger", "/entries")["entries"] if entry["key"] == key]
        return sum(entry["received"] for entry in found), sum(entry["executions"] for entry in found)

    def logged(self, *words: str) -> bool:
        """Whether one line of a worker's log holds all of `words`."""
        logs = [worker.log.read_text() for worker in self.workers]
        return any(all(word in line for word in words) for log in logs for line in log.splitlines())

    def readings(self, order: str) -> int:
        """How often the order was asked for."""
        entries = self.get("orders", "/entries")["entries"]
        return sum(entry["received"] for entry in entries if entry["order"] == order)

    def letters(self, key: str) -> int:
        return len(self.get("mailbox", f"/messages/by-key/{key}")["messages"])


@contextmanager
def staged(data: Path, *, lease_s: float, worker_argv: list[str] | None = None, **env: str) -> Iterator[Stage]:
    """Start everything but the workers. Call it from the main thread: children end with the thread that made them."""
    for name in ("armed", "taken", "met", "world", "logs"):
        (data / name).mkdir(parents=True)
    whole = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HOLDPOINT_", "DATABASE_"))},
        "HOLDPOINT_SECRET_KEY": "crash",
        "HOLDPOINT_LEASE_SECONDS": str(lease_s),
        "HOLDPOINT_BOUNDARIES": "tests.crash.hook.reached",
        "HOLDPOINT_ARMED": str(data),
        "PYTHONPATH": str(ROOT),
        **env,
    }
    argv = worker_argv or [sys.executable, "manage.py", "worker", "--threads", "4"]
    stage = Stage(data=data, env=whole, worker_argv=argv)
    postgres = EmbeddedPostgres(data / "server")
    try:
        postgres.start()
        postgres.create_database(DATABASE)
        _world(stage)
        _migrate(stage, postgres)
        yield stage
    finally:
        for child in [*stage.workers, *stage.world.values()]:
            end(child)
        postgres.stop()
        home = postgres.cluster.parent
        for left in (home, postgres.socket, *home.parent.glob(f"{home.name}-postgresql-*")):
            shutil.rmtree(left, ignore_errors=True)


def _world(stage: Stage) -> None:
    for name in ("orders", "ledger", "register", "press", "mailbox"):
        argv = [sys.executable, "-m", f"config.world.{name}", "--port", "0", "--data", str(stage.data / "world")]
        argv += ["--pop-port", "0", "--http-port", "0"] if name == "mailbox" else []
        stage.world[name] = stage.spawn(name, argv, capture=True)
    for name, child in stage.world.items():
        said = child.ready_line()
        stage.env[f"HOLDPOINT_{name.upper()}_URL"] = said[0]
        if name == "mailbox":
            stage.env["HOLDPOINT_SMTP_URL"], stage.env["HOLDPOINT_POP3_URL"] = said[1:]
            stage.env["HOLDPOINT_SALES_PASSWORD"] = "holdpoint-demo"


def _migrate(stage: Stage, postgres: EmbeddedPostgres) -> None:
    stage.env["DATABASE_URL"] = postgres.url(APP, DATABASE)
    stage.env["DATABASE_OWNER_URL"] = postgres.url(OWNER, DATABASE)
    argv = [sys.executable, "manage.py", "migrate", "-v0", "--skip-checks"]
    subprocess.run(argv, cwd=ROOT, env=stage.env | {"HOLDPOINT_ROLE": "owner"}, check=True, timeout=120)


def end(child: Child) -> None:
    """Kill the process and whatever it started: it leads a session of its own."""
    if child.process is None:
        return
    with suppress(ProcessLookupError):
        os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait(10)
    if child.process.stdout is not None:
        child.process.stdout.close()
