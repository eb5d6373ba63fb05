"""Secrets by name. A tool asks for one at the moment it needs it; it is in no journal, trace, planner or log."""

import os
from pathlib import Path

from django.conf import settings

from runs import errors


def resolve(name: str) -> str:
    """The secret called `name`, read now. Raises `Declined` in words when it is not configured.

    `HOLDPOINT_CREDENTIALS` gives each name a reference: `env:NAME` or `file:/path`.
    """
    reference = settings.HOLDPOINT_CREDENTIALS.get(name, "")
    kind, _, where = reference.partition(":")
    try:
        found = os.environ[where] if kind == "env" else Path(where).read_text().strip() if kind == "file" else ""
    except (KeyError, OSError):
        found = ""
    if not found:
        raise errors.Declined(f"The credential {name} is not configured. An operator sets it in HOLDPOINT_CREDENTIALS.")
    return found
