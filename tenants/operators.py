"""Operators of the platform: people who may stop every tenant. The right is given on the command line only."""

import logging

from django.db import transaction

from tenants import audit, errors, people, scoping
from tenants.models import User
from tenants.permissions import Actor

log = logging.getLogger(__name__)
LEAST_REASON = 4  # characters
WORDS = {True: "operator of the platform", False: "no operator of the platform"}


def set_operator(*, user: User, operates: bool, actor: User | None, account: str, reason: str) -> bool:
    """Give or take the right to stop every tenant. Returns whether anything changed; repeating it is harmless.

    `actor` is who does it, when they are a person of the product; `account` is the system account that runs the
    command. The right belongs to no tenant and history does, so it is recorded twice, beside the change:

    - one entry in the history of every tenant of which the person is a member. It stands under `actor`, or, when
      none is named, under the person whom it is about, because an entry needs one; the reason says which account it was.
    - one log line with both, also for a person without a tenant.

    Raises `Invalid` without a reason.
    """
    if len(reason.strip()) < LEAST_REASON:
        raise errors.Invalid("Say why in a few words: it stands in the history.", field="reason")
    with transaction.atomic():
        row = User.objects.select_for_update().get(pk=user.pk)
        if row.operates_platform == operates:
            return False
        row.operates_platform = operates
        row.save(update_fields=["operates_platform"])
        for seat in people.seats_of(row):
            told = Actor(user=actor or row, tenant=people.actor_in(row, seat.slug).tenant, role=seat.role)
            with scoping.tenant(seat.tenant_id):
                _record(told, row, operates, f"{reason.strip()} (on the command line, as {account})")
    facts = {"user": str(row.pk), "actor": str(actor.pk) if actor else None, "account": account, "reason": reason}
    log.warning("%s is %s now", row.email, WORDS[operates], extra=facts)
    return True


def _record(actor: Actor, user: User, operates: bool, reason: str) -> None:
    before, after = {"right": WORDS[not operates]}, {"right": WORDS[operates]}
    audit.record(actor=actor, kind="member", target=user.email, reason=reason, before=before, after=after)
