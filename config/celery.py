"""Celery carries hints. A lost or repeated message changes nothing: the claim query decides what runs."""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# A hint is not worth waiting for: a broker that is away must not hold up the vote or the start that sends one.
AWAY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
ANSWERS_WITHIN_S = 2.0
# Hints gather while no worker lives. An hour is generous because sender and worker compare their own clocks.
STALE_AFTER_S = 3600


def transport(url: str) -> dict:
    """Options of the connection to the broker, in its own words."""
    if url.startswith("amqp"):
        return {"write_timeout": ANSWERS_WITHIN_S, **AWAY}
    # An unacknowledged hint comes again after this time, on Redis; on RabbitMQ when the connection ends.
    return {"visibility_timeout": 60, "socket_connect_timeout": ANSWERS_WITHIN_S, "socket_timeout": 5.0, **AWAY}


def schedule() -> dict:
    """What beat asks for. The tasks keep a distance of their own, so a pile of these costs nothing."""
    options = {"expires": STALE_AFTER_S}
    asked = {"sweep": {"task": "runs.sweep", "schedule": 1.0, "options": options}}
    if settings.HOLDPOINT_INBOXES:
        every = settings.HOLDPOINT_INBOX_SECONDS
        asked["inboxes"] = {"task": "runs.read_inboxes", "schedule": every, "options": options}
    return asked


app = Celery("holdpoint", broker=settings.BROKER_URL or "memory://")
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_default_queue="holdpoint",
    task_default_queue_type="classic",  # not replicated: a hint that goes down with a node is found by the sweep
    task_default_delivery_mode="transient",
    worker_prefetch_multiplier=1,
    worker_concurrency=settings.HOLDPOINT_WORKER_PROCESSES,
    worker_hijack_root_logger=False,
    worker_enable_remote_control=False,  # nobody may steer a worker through the broker
    # A run goes on without its broker; ending it here would leave an action with an unknown outcome.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_connection_timeout=ANSWERS_WITHIN_S,
    broker_transport_options=transport(settings.BROKER_URL),
    beat_schedule=schedule(),
)
app.autodiscover_tasks(["runs"])
