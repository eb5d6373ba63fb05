"""What the frame around every page shows: the tenant, the person, and the counts of the navigation."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from approvals import queries as approvals
from runs import queries as runs


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context of every template. The counts are read only where a template shows them."""
    actor = getattr(request, "actor", None)
    return {
        "environment": settings.ENVIRONMENT,
        "version": settings.VERSION,
        "actor": actor,
        "seats": getattr(request, "seats", []),
        "mailbox_url": settings.HOLDPOINT_WORLD["mailbox"] if settings.ENVIRONMENT == "demo" else "",
        "counts": SimpleLazyObject(lambda: _counts(actor)) if actor else {},
    }


def _counts(actor: Any) -> dict[str, int]:
    return runs.counts(actor) | {"waiting": approvals.count_waiting(actor)}
