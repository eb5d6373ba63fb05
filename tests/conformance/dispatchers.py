"""The two dispatchers as processes: what starts them, and a dispatch that loses every message."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from kombu import pools

from config.celery import app
from tests.crash.stage import Stage, end, wait_for

CELERY = [sys.executable, "-m", "celery", "-A", "config.celery"]
WORKER = [*CELERY, "worker", "--concurrency", "2", "--loglevel", "INFO"]


class Loses:
    """A dispatch whose messages never arrive."""

    def wake(self) -> None:
        return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def broker(stage: Stage, port: int) -> Iterator[None]:
    """A redis-server of our own that keeps nothing, and the beat that asks for sweeps."""
    memory = ["--save", "", "--appendonly", "no", "--dir", str(stage.data)]
    server = stage.spawn("redis", ["redis-server", "--bind", "127.0.0.1", "--port", str(port), *memory])
    beat = stage.spawn("beat", [*CELERY, "beat", "--schedule", str(stage.data / "schedule"), "--loglevel", "WARNING"])
    try:
        with redis.Redis(port=port) as client:
            wait_for(lambda: answers(client), "answer of redis-server")
        yield
    finally:
        end(beat)
        end(server)


def answers(client: redis.Redis) -> bool:
    try:
        return client.ping()
    except redis.ConnectionError:
        return False


@contextmanager
def speaking_to(url: str) -> Iterator[None]:
    """Send this process's Celery messages to `url` until the block ends."""
    before = app.conf.broker_url
    _turn(url)
    try:
        yield
    finally:
        _turn(before)


def _turn(url: str) -> None:
    pools.reset()
    app.amqp._producer_pool = app._pool = None
    app.conf.broker_url = url
