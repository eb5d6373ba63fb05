"""Celery as dispatcher. A message says "look"; which run is claimed, and by whom, PostgreSQL decides."""

import logging
import threading
import time

from amqp.exceptions import AMQPError
from celery import shared_task
from django.conf import settings
from django.db import DatabaseError, connection
from kombu.exceptions import OperationalError

from runs import agents
from runs.engine import inboxes, recovery
from runs.engine.worker import Incarnation

log = logging.getLogger(__name__)
WORKFLOWS = agents.__all__
SWEEP_S = 0.5  # sweeps that gathered while no worker lived are one sweep
STALE_AFTER_S = 3600  # see config.celery
AWAY = (OperationalError, OSError, AMQPError)  # how a broker that is away or going is noticed
_next_sweep = {"at": 0.0}  # monotonic, of this process
_next_inboxes = {"at": 0.0}  # likewise
_mine: dict[str, Incarnation] = {}
_lock = threading.Lock()


class CeleryDispatch:
    """Dispatch by a Celery message. A broker that is away costs time only: the sweep finds the run."""

    def wake(self) -> None:
        try:
            look.apply_async(retry=False, expires=STALE_AFTER_S)
        except AWAY:
            log.warning("the broker is away; the sweep will find the run")


@shared_task(name="runs.look")
def look() -> None:
    """Claim one ready run and carry it out; look again while there is more."""
    worker = _incarnation()
    for lease in worker.claim_ready(1):
        CeleryDispatch().wake()  # pass the hint on before working, so that others help; the lease is ours already
        worker.execute(lease)


@shared_task(name="runs.sweep")
def sweep() -> None:
    """What is due, taken over or expired; then a hint, in case one was lost."""
    if time.monotonic() < _next_sweep["at"]:
        return
    _next_sweep["at"] = time.monotonic() + SWEEP_S
    recovery.sweep()
    _incarnation().swept()
    CeleryDispatch().wake()


@shared_task(name="runs.read_inboxes")
def read_inboxes() -> None:
    """Mails that came in become events. Two looks at once are harmless: each mail counts once.

    A mail server that hangs gets a fifth of this process's time at most; the rest is for runs.
    """
    began = time.monotonic()
    if began < _next_inboxes["at"]:
        return
    try:
        inboxes.read_all()
    finally:
        now = time.monotonic()
        _next_inboxes["at"] = now + max(settings.HOLDPOINT_INBOX_SECONDS / 2, 4 * (now - began))


def _incarnation() -> Incarnation:
    """This process as a holder of leases, made at its first task, so after the pool has forked."""
    with _lock:
        if "it" not in _mine:
            _mine["it"] = Incarnation()
            _mine["it"].beat()
            threading.Thread(target=_beat, args=(_mine["it"],), daemon=True).start()
        return _mine["it"]


def _beat(worker: Incarnation) -> None:
    while True:
        time.sleep(settings.HOLDPOINT_LEASE_SECONDS / 4)
        try:
            worker.beat()
        except DatabaseError:
            log.exception("the database does not answer; trying again")
            connection.close()
