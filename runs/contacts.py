"""What people say about a subject: that it must not be contacted, or may be again."""

import uuid

from django.utils import timezone

from runs import errors, operations
from runs.engine import subjects
from runs.models import Run, Subject
from tenants import scoping
from tenants.permissions import MANAGE, OPERATE, Actor

LEAST_REASON = 4  # characters


def forbid(*, actor: Actor, run_id: uuid.UUID, reason: str) -> Run:
    """The subject of the run is not contacted any more; what was asked for and not sent is closed.

    Repeating it keeps the first reason.
    """
    key = _subject(actor, run_id, reason, OPERATE)
    with scoping.tenant(actor.tenant.pk, durable=True):
        subjects.forbid_contact(actor.tenant.pk, key, why=reason.strip(), by=str(actor.user))
    return operations.reload(actor, run_id)


def allow(*, actor: Actor, run_id: uuid.UUID, reason: str) -> Run:
    """They may be contacted again: an admin has their word. Repeating it changes nothing."""
    key = _subject(actor, run_id, reason, MANAGE)
    with scoping.tenant(actor.tenant.pk, durable=True):
        row = Subject.objects.select_for_update().filter(tenant=actor.tenant, key=key).first()
        if row is None:
            raise errors.NotFound("Nothing is known of this subject yet.")
        if row.no_contact_at is not None:
            lifted = {"was": row.no_contact_why, "by": str(actor.user), "why": reason.strip()}
            row.facts = row.facts | {"contact allowed again": lifted}
            row.no_contact_at, row.updated_at = None, timezone.now()
            row.save(update_fields=["facts", "no_contact_at", "updated_at"])
    return operations.reload(actor, run_id)


def _subject(actor: Actor, run_id: uuid.UUID, reason: str, right: str) -> str:
    if len(reason.strip()) < LEAST_REASON:
        raise errors.Invalid("Say why in a few words: others will read it.", field="reason")
    with scoping.tenant(actor.tenant.pk):
        run = Run.objects.select_related("workflow").filter(tenant=actor.tenant, pk=run_id).first()
        if run is None:
            raise errors.NotFound("There is no run with this id here.")
        actor.require(right, run.workflow)
        if not run.subject:
            raise errors.Conflict("This run is about nobody.")
        return run.subject
