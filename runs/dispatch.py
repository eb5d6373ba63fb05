"""How a worker learns that there is work. A message means "look", nothing more: losing all of them loses nothing."""

from functools import cache
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string


class Dispatch(Protocol):
    def wake(self) -> None:
        """Tell workers that a run may be ready. Must not raise when the broker is away."""


@cache
def _load(path: str) -> Dispatch:
    return import_string(path)()


def wake_on_commit() -> None:
    """Wake a worker once the present transaction is durable."""
    transaction.on_commit(lambda: _load(settings.HOLDPOINT_DISPATCH).wake(), robust=True)
