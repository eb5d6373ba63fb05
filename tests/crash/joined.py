"""This test process as one more client of a stage."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connections
from django.test import override_settings

from config import env
from tests.crash.stage import Stage


@contextmanager
def joined(stage: Stage, **overrides: Any) -> Iterator[None]:
    """Speak to the stage's database and outside world instead of the session's, until the block ends."""
    database = connections.settings["default"]
    before = dict(database)
    world = {name: stage.env[f"HOLDPOINT_{name.upper()}_URL"] for name in settings.HOLDPOINT_WORLD}
    connections.close_all()
    database.update(env.database(stage.env["DATABASE_URL"]))
    try:
        with override_settings(HOLDPOINT_WORLD=world, **overrides):
            yield
    finally:
        connections.close_all()
        database.clear()
        database.update(before)
