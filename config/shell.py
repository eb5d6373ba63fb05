"""What the frame around every page shows: the tenant, the person, and the counts of the navigation."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context of every template. The counts come with the page (see `approvals.queries.counts`), not from here."""
    return {
        "environment": settings.ENVIRONMENT,
        "version": settings.VERSION,
        "actor": getattr(request, "actor", None),
        "seats": getattr(request, "seats", []),
    }
