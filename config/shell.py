"""What the frame around every page shows: the tenant, the person, and the counts of the navigation."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from approvals import queries as approvals
from runs import system
from tenants.permissions import MANAGE, OPERATE

GUIDED = ("review", "runs", "new", "decided")  # pages on the way to a first decision


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context of every template. The counts are read only where a template shows them."""
    actor = getattr(request, "actor", None)
    standing = SimpleLazyObject(lambda: system.standing(actor)) if actor else None
    return {
        "environment": settings.ENVIRONMENT,
        "version": settings.VERSION,
        "actor": actor,
        "seats": getattr(request, "seats", []),
        "mailbox_url": settings.HOLDPOINT_WORLD["mailbox"] if settings.ENVIRONMENT == "demo" else "",
        "standing": standing,
        "guided": GUIDED,
        "sees_system": actor is not None and (actor.may(MANAGE) or actor.may(OPERATE)),
        "error_shell": _error_shell(request, actor),
        "counts": SimpleLazyObject(lambda: _counts(actor, standing)) if actor else {},
    }


def _counts(actor: Any, standing: Any) -> dict[str, int]:
    return {"runs": standing.open_runs, "unknown": standing.unknown, "waiting": approvals.count_waiting(actor)}


def _error_shell(request: HttpRequest, actor: Any) -> str:
    """What an error stands in: a sentence for a part of a page, else a page with or without the navigation."""
    if getattr(request, "htmx", False):
        return "components/error_bare.html"
    return "components/error_shell.html" if actor else "error.html"
