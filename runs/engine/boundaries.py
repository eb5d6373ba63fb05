"""Named points at which fault tests stop or kill a process. Without a hook in the settings they cost one comparison."""

from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string


@cache
def _load(path: str) -> Callable[[str, str], None]:
    return import_string(path)


def reached(point: str, subject: object = "") -> None:
    """Tell the hook that `point` was reached for `subject` (an action's or run's id)."""
    if settings.HOLDPOINT_BOUNDARIES:
        _load(settings.HOLDPOINT_BOUNDARIES)(point, str(subject))
