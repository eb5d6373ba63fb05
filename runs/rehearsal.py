"""A clock that is moved by hand, so that three days can be tried in a minute. Not in production."""

from datetime import timedelta

from django.conf import settings

from runs import errors, journal
from runs.journal import Entry
from runs.models import Run, Wait
from runs.states import RUN_OPEN, WaitKind
from tenants import scoping
from tenants.permissions import MANAGE, Actor

MOST = 10_000  # waits in one call


def bring_forward(*, actor: Actor, by: timedelta, reason: str) -> int:
    """Bring every open timer, and the end of every wait for an event, `by` nearer; how many there were.

    Requests keep their time: what people have to decide does not expire because of a rehearsal.
    """
    actor.require(MANAGE)
    if settings.ENVIRONMENT == "production":
        raise errors.Forbidden("The clock of production is not moved by hand.")
    if by <= timedelta(0):
        raise errors.Invalid("The clock only goes forward. Give a time longer than nothing.", field="by")
    with scoping.tenant(actor.tenant.pk, durable=True):
        waits = Wait.objects.filter(tenant=actor.tenant, resolved_at=None, due_at__isnull=False)
        waits = waits.filter(kind__in=(WaitKind.TIMER, WaitKind.EVENT), run__status__in=RUN_OPEN)
        found = list(waits.order_by("run_id", "id").values_list("pk", "run_id", "due_at")[:MOST])
        list(Run.objects.select_for_update().filter(pk__in={run for _, run, _ in found}).order_by("id"))
        for wait, run, due in found:
            if due is None:
                continue
            Wait.objects.filter(tenant=actor.tenant, pk=wait, resolved_at=None).update(due_at=due - by)
            body = {"by_s": by.total_seconds(), "name": str(actor.user), "reason": reason}
            journal.append(run, Entry(kind="clock.moved", body=body))
    return len(found)
