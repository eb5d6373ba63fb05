"""Celery carries hints. A lost or repeated message changes nothing: the claim query decides what runs."""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# A hint is not worth waiting for: a broker that is away must not hold up the vote or the start that sends one.
AWAY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}

app = Celery("holdpoint", broker=settings.BROKER_URL or "memory://")
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 60, "socket_connect_timeout": 2.0, **AWAY},
    task_default_queue="holdpoint",
    beat_schedule={"sweep": {"task": "runs.sweep", "schedule": 1.0, "options": {"expires": 1.0}}},
)
app.autodiscover_tasks(["runs"])
