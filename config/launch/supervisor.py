"""bin/up: starts everything in order, keeps it alive, and ends it all."""

import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from config.launch import servers
from config.launch.children import Child, Trouble
from config.launch.postgres import APP, OWNER, EmbeddedPostgres

READY_WITHIN_S = 60
WORLD = ("orders", "ledger", "register", "press", "mailbox")
DATABASE = "holdpoint"
OWNERS_ONLY = ("DATABASE_OWNER_URL", "DATABASE_OWNER_URL_FILE")


class Supervisor:
    """One running product over one data directory."""

    def __init__(self, *, root: Path, data: Path, port: int, as_json: bool, demo: bool | None = None) -> None:
        """`demo` None: the demo comes with the embedded database, and never into somebody's own unasked."""
        self.root, self.data, self.port, self.as_json = root, data, port, as_json
        self.given = servers.as_given()
        self.demo = not self._own_database() if demo is None else demo
        self.children: list[Child] = []
        self.postgres: EmbeddedPostgres | None = None
        self._ending = False

    def run(self) -> int:
        """Start, tell, tend until SIGINT or SIGTERM, end. Raises `Trouble` when it cannot start."""
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, self._end)
        servers.check()
        self.data.mkdir(parents=True, exist_ok=True)
        lock = self._lock()
        try:
            self._start()
            while not self._ending:
                for child in self.children:
                    told = child.tend()
                    if told:
                        self._say(told)
                if self.postgres and self.postgres.process and self.postgres.process.poll() is not None:
                    self._say("PostgreSQL ended; starting it again.")
                    self.postgres.start()
                time.sleep(0.2)
        except _Ended:
            pass
        finally:
            self._stop()
            lock.close()
        return 0

    def _end(self, *_: object) -> None:
        if self._ending:
            return
        self._ending = True
        raise _Ended

    def _say(self, words: str) -> None:
        print(words, file=sys.stderr, flush=True)

    def _lock(self):  # type: ignore[no-untyped-def]
        lock = (self.data / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Trouble(f"Holdpoint runs on {self.data} already. Stop it, or choose another --data.") from None
        return lock

    def _start(self) -> None:
        self.port = _free_port(self.port)
        env = self._environment()
        self._check_model({**os.environ, **env})
        world = [self._world(name, env) for name in WORLD] if self.demo else []
        self._database(env)
        for child in world:
            self._learn(child, env)
        self._private(self.data / "environment.json", json.dumps(env))
        serving = {name: value for name, value in {**os.environ, **env}.items() if name not in OWNERS_ONLY}
        self._add("web", self._web(), serving)
        for name, argv in self._workers().items():
            self._add(name, argv, serving)
        accounts = self._load_demo(serving) if self.demo else []
        url = f"http://127.0.0.1:{self.port}/"
        self._wait_until_ready(url)
        self._tell(url, accounts, env)

    def _own_database(self) -> bool:
        return bool({"DATABASE_URL", "DATABASE_URL_FILE"} & set(self.given))

    def _environment(self) -> dict[str, str]:
        """What this start adds to its environment; bin/manage reads it beside a running product."""
        key = self.data / "secret-key"
        if not key.exists():
            self._private(key, secrets.token_urlsafe(48))
        env = dict(self.given)
        if not {"HOLDPOINT_SECRET_KEY", "HOLDPOINT_SECRET_KEY_FILE"} & set(os.environ):
            env["HOLDPOINT_SECRET_KEY"] = key.read_text()
        env["HOLDPOINT_ENVIRONMENT"] = os.environ.get("HOLDPOINT_ENVIRONMENT", "demo" if self.demo else "production")
        if self.demo:
            env["HOLDPOINT_SALES_PASSWORD"] = os.environ.get("HOLDPOINT_SALES_PASSWORD", "holdpoint-demo")
            env["HOLDPOINT_INBOXES"] = os.environ.get("HOLDPOINT_INBOXES", "northwind=sales@northwind.example")
        return env

    def _database(self, env: dict[str, str]) -> None:
        """The embedded server unless DATABASE_URL names another; then its schema, as the owner role."""
        if not self._own_database():
            self.postgres = EmbeddedPostgres(self.data)
            self.postgres.start()
            self.postgres.create_database(DATABASE)
            env["DATABASE_URL"] = env["DATABASE_DIRECT_URL"] = self.postgres.url(APP, DATABASE)
            env["DATABASE_OWNER_URL"] = self.postgres.url(OWNER, DATABASE)
        whole = {**os.environ, **env}
        if set(OWNERS_ONLY) & set(env):
            self._manage(["migrate", "-v0", "--skip-checks"], {**whole, "HOLDPOINT_ROLE": "owner"})
        elif self._manage_ends_with(["migrate", "--check", "-v0", "--skip-checks"], whole):
            raise Trouble(
                "The database is not at this version's schema. Run bin/manage migrate with DATABASE_OWNER_URL, or set"
                " that for this start."
            )

    def _check_model(self, env: dict[str, str]) -> None:
        """A model or a key that cannot be used is said now, not by the first run that needs it."""
        if env.get("HOLDPOINT_MODEL", "scripted") != "scripted":
            said = self._run(["check_model"], env)
            if said.returncode:
                raise Trouble(said.stderr.strip().splitlines()[-1].removeprefix("CommandError: "))

    def _load_demo(self, env: dict[str, str]) -> list[dict]:
        return json.loads(self._manage(["load_demo", "--json"], env).splitlines()[-1])["accounts"]

    def _world(self, name: str, env: dict[str, str]) -> Child:
        argv = [sys.executable, "-m", f"config.world.{name}", "--port", "0", "--data", str(self.data / "world")]
        argv += ["--pop-port", "0", "--http-port", "0"] if name == "mailbox" else []
        (self.data / "world").mkdir(exist_ok=True)
        return self._add(name, argv, {**os.environ, **env}, capture=True)

    def _learn(self, child: Child, env: dict[str, str]) -> None:
        """Where a program of the outside world listens; a later start of it keeps the port."""
        said = child.ready_line()
        port = said[0].rsplit(":", 1)[1]
        if child.name == "mailbox":
            env["HOLDPOINT_MAILBOX_URL"], env["HOLDPOINT_SMTP_URL"], env["HOLDPOINT_POP3_URL"] = said
            child.argv[child.argv.index("--http-port") + 1] = port
            child.argv[child.argv.index("--pop-port") + 1] = said[2].rsplit(":", 1)[1]
            port = said[1].rsplit(":", 1)[1]
        else:
            env[f"HOLDPOINT_{child.name.upper()}_URL"] = said[0]
        child.argv[child.argv.index("--port") + 1] = port
        child.capture = False

    def _web(self) -> list[str]:
        return [
            *(sys.executable, "-m", "uvicorn", "config.asgi:application", "--host", "127.0.0.1"),
            *(
                "--port",
                str(self.port),
                "--log-level",
                "warning",
                "--timeout-graceful-shutdown",
                "2",
                "--no-access-log",
            ),
        ]

    def _workers(self) -> dict[str, list[str]]:
        if servers.address("BROKER_URL"):
            celery = [sys.executable, "-m", "celery", "-A", "config.celery"]
            schedule = str(self.data / "celerybeat-schedule")
            return {
                "worker": [*celery, "worker", "--without-gossip", "--without-mingle", "--loglevel", "WARNING"],
                "beat": [*celery, "beat", "--schedule", schedule, "--loglevel", "WARNING"],
            }
        return {"worker": [sys.executable, "manage.py", "worker"]}

    def _add(self, name: str, argv: list[str], env: dict[str, str], *, capture: bool = False) -> Child:
        log = self.data / "logs" / f"{name}.log"
        child = Child(name=name, argv=argv, env=env, log=log, cwd=self.root, capture=capture)
        child.start()
        self.children.append(child)
        return child

    def _manage(self, argv: list[str], env: dict[str, str]) -> str:
        """What the command prints. Raises `Trouble` with the last line of what it complains of."""
        done = self._run(argv, env)
        if done.returncode:
            log = self.data / "logs" / f"{argv[0]}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            self._private(log, done.stderr)
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise Trouble(f"manage.py {argv[0]} failed: {said[:400]} The whole of it is in {log}.")
        return done.stdout

    def _manage_ends_with(self, argv: list[str], env: dict[str, str]) -> int:
        return self._run(argv, env).returncode

    def _run(self, argv: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *argv]
        return subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True)

    def _wait_until_ready(self, url: str) -> None:
        until = time.monotonic() + READY_WITHIN_S
        last = ""
        while time.monotonic() < until:
            for child in self.children:
                if child.name == "web" and not child.alive():
                    raise Trouble(f"The web process ended. Its log is {child.log}.")
            try:
                with urllib.request.urlopen(url + "health/ready", timeout=5):  # noqa: S310  our own address
                    return
            except urllib.error.HTTPError as error:
                last = error.read().decode(errors="replace")[:400]
            except OSError as error:
                last = str(error)
            time.sleep(0.05)
        raise Trouble(f"It was not ready within {READY_WITHIN_S} s: {last}")

    def _tell(self, url: str, accounts: list[dict], env: dict[str, str]) -> None:
        if self.as_json:
            print(json.dumps({"url": url, "accounts": accounts}), flush=True)
            return
        lines = [f"\nHoldpoint is ready: {url}", ""]
        if self.demo:
            lines += ["Sign in with one of these (the demo):"]
            lines += [f"  {a['role']:9} {a['email']:29} {a['password']}   {a['tenant']}" for a in accounts]
            lines += ["", f"The customers' mailbox: {env['HOLDPOINT_MAILBOX_URL']}"]
        else:
            lines += ["A first tenant and its owner: bin/manage create_tenant SLUG NAME --owner EMAIL"]
        print("\n".join([*lines, "Ctrl-C ends everything.", ""]), flush=True)

    def _stop(self) -> None:
        for name in ("web", "worker", "beat", *WORLD):
            for child in self.children:
                if child.name == name and child.alive() and child.process:
                    child.process.terminate()
        for child in self.children:
            child.stop()
        if self.postgres is not None:
            self.postgres.stop()

    @staticmethod
    def _private(path: Path, text: str) -> None:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)


class _Ended(Exception):
    """A signal asked to end."""


def _free_port(port: int) -> int:
    """`port` if it is free, a free one for 0. Raises `Trouble` when it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise Trouble(
                f"Port {port} is taken. Choose another one with --port, or --port 0 for a free one."
            ) from None
        return probe.getsockname()[1]
