"""Celery's dispatch for every process that Django runs. Importing it makes our Celery app the one that messages go through.

Without that a task sent by a command would go to Celery's own default, a broker on this machine.
"""

from config.celery import app
from runs.tasks import CeleryDispatch

__all__ = ["CeleryDispatch", "app"]
