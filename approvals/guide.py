"""The way to a person's first decision, in three steps. What really happened moves it on, never a click."""

import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from approvals import queries
from approvals.models import Approval, Vote
from runs.states import ACTION_FINAL, ActionStatus
from tenants import scoping
from tenants.permissions import DECIDE, Actor

DISMISSED = "guide_dismissed"  # in the session
STAYS = timedelta(hours=1)  # after the first decision
GONE_ON = ACTION_FINAL | {ActionStatus.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """Where a person stands: 1 choose a request, 2 read it and decide, 3 see the run go on, 4 all of it happened."""

    step: int
    waiting: int = 0
    request: Approval | None = None  # the one to decide, or the one that was decided
    approved: bool = False


def guide(actor: Actor, *, at: str = "") -> Guide | None:
    """For somebody who may decide and has decided at most once, in the demo. `at` is the request on the screen.

    Two queries. None when there is nothing to guide to.
    """
    if settings.ENVIRONMENT != "demo" or not actor.may(DECIDE):
        return None
    with scoping.tenant(actor.tenant.pk):
        votes = Vote.objects.filter(tenant=actor.tenant, voter=actor.user).select_related(
            "approval__action", "approval__run"
        )
        cast = list(votes.order_by("id")[:2])
        if not cast:
            return _before(actor, at)
    if len(cast) > 1 or cast[0].created_at < timezone.now() - STAYS:
        return None
    request = cast[0].approval
    gone_on = request.action.status in GONE_ON and request.run.ready_at is None  # somebody took the run up since
    return Guide(step=4 if gone_on else 3, request=request, approved=cast[0].answer == "approve")


def _before(actor: Actor, at: str) -> Guide:
    waiting = list(queries.waiting_for(actor).order_by("expires_at", "id")[: queries.PAGE])
    with suppress(ValueError):
        shown = next((request for request in waiting if request.pk == uuid.UUID(at)), None)
        if shown is not None:
            return Guide(step=2, waiting=len(waiting), request=shown)
    return Guide(step=1, waiting=len(waiting), request=waiting[0] if waiting else None)
