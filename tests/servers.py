"""Debian's PostgreSQL, Redis and RabbitMQ as a person's own servers: on loopback, in one directory, gone afterwards."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import kombu
import psycopg
import redis as redis_client

from config.launch.children import Child
from tests.conftest import need, wanted
from tests.crash.stage import ROOT, end, wait_for

ADMIN, PASSWORD = "admin", "a password with : and / and @ in it"
RABBIT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _child(name: str, argv: list[str], place: Path, **env: str) -> Child:
    whole = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(place), "LC_ALL": "C.UTF-8", **env}
    child = Child(name=name, argv=argv, env=whole, log=place / f"{name}.log", cwd=ROOT)
    child.start()
    return child


def programs() -> Path:
    """The directory of the newest PostgreSQL that Debian has here; skips when there is none."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    wanted("PostgreSQL", bool(homes))
    return homes[-1].parent


@contextmanager
def postgres(place: Path) -> Iterator[int]:
    """A server of the newest PostgreSQL that Debian has here, with passwords; yields its port. `ADMIN` may make roles."""
    home, port = programs(), free_port()
    place.mkdir(parents=True)
    secret = place / "admin-password"
    secret.write_text(PASSWORD)
    someone = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    if someone:
        known = pwd.getpwnam("postgres")
        for path in (place, secret):
            os.chown(path, known.pw_uid, known.pw_gid)
    how = ["-A", "scram-sha-256", "--pwfile", str(secret), "-U", ADMIN, "-E", "UTF8", "--no-locale"]
    initdb = [*someone, str(home / "initdb"), "-D", str(place / "cluster"), *how]
    subprocess.run(initdb, check=True, capture_output=True, cwd="/", timeout=60)
    quick = ["-c", "fsync=off", "-c", f"unix_socket_directories={place}", "-c", "max_connections=60"]
    argv = [str(home / "postgres"), "-D", str(place / "cluster"), "-p", str(port), "-h", "127.0.0.1", *quick]
    server = _child("postgres", [*someone, *argv], place)
    try:
        wait_for(lambda: _postgres_answers(port), "answer of PostgreSQL")
        yield port
    finally:
        end(server)
        shutil.rmtree(place, ignore_errors=True)


def _postgres_answers(port: int) -> bool:
    with suppress(psycopg.OperationalError):
        psycopg.connect(host="127.0.0.1", port=port, user=ADMIN, password=PASSWORD, dbname="postgres").close()
        return True
    return False


@contextmanager
def redis(place: Path, port: int) -> Iterator[str]:
    """A redis-server that keeps nothing; yields its address."""
    need("redis-server")
    place.mkdir(parents=True)
    memory = ["--save", "", "--appendonly", "no", "--dir", str(place)]
    server = _child("redis", ["redis-server", "--bind", "127.0.0.1", "--port", str(port), *memory], place)
    try:
        with redis_client.Redis(port=port) as client:
            wait_for(lambda: _redis_answers(client), "answer of redis-server")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        end(server)


def _redis_answers(client: redis_client.Redis) -> bool:
    with suppress(redis_client.ConnectionError):
        return bool(client.ping())
    return False


@contextmanager
def pgbouncer(place: Path, behind: int, users: dict[str, str]) -> Iterator[int]:
    """A pooler in transaction mode before the server on port `behind`; yields its port."""
    need("pgbouncer")
    place.mkdir(parents=True)
    port = free_port()
    (place / "users").write_text("".join(f'"{user}" "{password}"\n' for user, password in users.items()))
    (place / "ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={behind}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
        f"unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {place}/users\npool_mode = transaction\n"
        "default_pool_size = 20\n"
    )
    someone = []
    if os.getuid() == 0:
        someone = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        os.chown(place / "users", pwd.getpwnam("postgres").pw_uid, -1)
    server = _child("pgbouncer", [*someone, shutil.which("pgbouncer") or "", str(place / "ini")], place)
    try:
        wait_for(lambda: _listens(port), "answer of PgBouncer")
        yield port
    finally:
        end(server)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
        return True
    return False


class RabbitMQ:
    """One node that can be stopped and started again over the same files. epmd is ours too, so nothing stays behind."""

    def __init__(self, place: Path) -> None:
        wanted("rabbitmq-server", RABBIT.exists())
        place.mkdir(parents=True)
        self.place, self.port = place, free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self._epmd_port = free_port()
        self._epmd: Child | None = None
        self._node: Child | None = None

    def start(self) -> None:
        """Start the node and wait until it lets a client in."""
        known = {"ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": str(self._epmd_port)}
        if self._epmd is None:
            self._epmd = _child("epmd", ["epmd", "-port", str(self._epmd_port)], self.place, **known)
        env = known | {
            "RABBITMQ_NODENAME": f"holdpoint{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(self.place / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.place / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.place / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(self.place / "none"),
            "RABBITMQ_CONFIG_FILE": str(self.place / "none.conf"),
            "RABBITMQ_SERVER_START_ARGS": "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
        }
        self._node = _child("rabbitmq", [str(RABBIT)], self.place, **env)
        wait_for(self._answers, "answer of RabbitMQ", within_s=60)

    def stop(self) -> None:
        if self._node is not None:
            end(self._node)
            self._node = None

    def close(self) -> None:
        self.stop()
        if self._epmd is not None:
            end(self._epmd)

    def waiting(self, queue: str) -> int:
        """How many messages lie in `queue`. Raises when there is no such queue."""
        with kombu.Connection(self.url) as connection:
            return connection.default_channel.queue_declare(queue, passive=True).message_count

    def _answers(self) -> bool:
        """Whether it answers the protocol's greeting with a frame."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=2) as line:
            line.sendall(b"AMQP\x00\x00\x09\x01")
            return line.recv(1) == b"\x01"
        return False


@contextmanager
def rabbitmq(place: Path) -> Iterator[RabbitMQ]:
    node = RabbitMQ(place)
    try:
        node.start()
        yield node
    finally:
        node.close()
