"""The two dispatchers as processes: what starts them, and a dispatch that loses every message."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kombu import pools

from config.celery import app, transport
from tests import servers
from tests.crash.stage import Stage, end

CELERY = [sys.executable, "-m", "celery", "-A", "config.celery"]
WORKER = [*CELERY, "worker", "--concurrency", "2", "--loglevel", "INFO"]


class Loses:
    """A dispatch whose messages never arrive."""

    def wake(self) -> None:
        return


@contextmanager
def _redis(place: Path) -> Iterator[str]:
    with servers.redis(place, servers.free_port()) as url:
        yield url


@contextmanager
def _rabbitmq(place: Path) -> Iterator[str]:
    with servers.rabbitmq(place) as node:
        yield node.url


BROKERS = {"redis": _redis, "rabbitmq": _rabbitmq}


@contextmanager
def beat(stage: Stage) -> Iterator[None]:
    """The process that asks for sweeps."""
    child = stage.spawn("beat", [*CELERY, "beat", "--schedule", str(stage.data / "schedule"), "--loglevel", "WARNING"])
    try:
        yield
    finally:
        end(child)


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
    app.conf.broker_transport_options = transport(url or "")
