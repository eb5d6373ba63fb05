"""Who changed what, when and why: one append-only table for members, keys, flags and stops."""

import uuid
from typing import Any

from tenants import errors, scoping
from tenants.models import AuditEntry
from tenants.permissions import LOOK, Actor

PAGE = 50
KINDS = ("member", "key", "flag", "stop", "policy")


def record(*, actor: Actor, kind: str, target: str, reason: str, before: Any, after: Any) -> AuditEntry:
    """Write one entry inside the caller's transaction, beside the change it tells of."""
    entry = AuditEntry(
        tenant=actor.tenant,
        actor=actor.user,
        kind=kind,
        target=target[:200],
        reason=reason.strip()[:500],
        before=before,
        after=after,
    )
    entry.save(force_insert=True)
    return entry


def page(actor: Actor, *, kind: str = "", target: str = "", before: str = "") -> tuple[list[AuditEntry], str]:
    """The newest entries first, keyset by id, and the id to go on from. One query."""
    actor.require(LOOK)
    with scoping.tenant(actor.tenant.pk):
        found = AuditEntry.objects.select_related("actor").filter(tenant=actor.tenant)
        if kind in KINDS:
            found = found.filter(kind=kind)
        if target:
            found = found.filter(target=target)
        if before:
            found = found.filter(id__lt=_key(before))
        rows = list(found.order_by("-id")[: PAGE + 1])
    return rows[:PAGE], str(rows[PAGE - 1].pk) if len(rows) > PAGE else ""


def _key(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise errors.Invalid("This address is not complete. Begin at the top of the list.") from None
