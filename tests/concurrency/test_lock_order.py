"""Advisory locks, action, approval, run: whoever takes them in another order ends in a deadlock sooner or later."""

from contextlib import ExitStack

import pytest
from django.utils import timezone

from approvals import policies
from runs import operations
from runs.engine import actions, waiting
from runs.engine.claim import claim
from runs.engine.worker import Incarnation
from runs.models import Action, Run, Wait
from runs.states import WaitKind
from runs.tools import registry
from tenants import scoping
from tests.concurrency.rivals import Rival, my_pid
from tests.concurrency.stops import armed
from tests.runs.worlds import ALLOW, fresh, inside, started

pytestmark = pytest.mark.usefixtures("database")


def proposed(run, epoch):
    payload = b'{"amount_minor":4200,"note":""}'
    tool = registry.get("test_pay")
    return actions.propose(run, epoch=epoch, path="test_pay", tool=tool, payload=payload, context={})


def test_an_action_proposed_under_a_cancellation_is_locked_before_its_run(cast, settings):
    settings.HOLDPOINT_GATE = "tests.concurrency.pausing_gate.Gate"
    policies.publish(actor=cast.alice, rules=ALLOW, note="allow")
    run, worker = started(cast), Incarnation(lease_s=60)
    worker.beat()
    (lease,) = worker.claim_ready(1, tenants=[run.tenant_id])
    with ExitStack() as going_on:
        with scoping.tenant(run.tenant_id):
            action = proposed(fresh(run), lease.epoch)
            cancel = Rival(lambda: operations.cancel(actor=cast.dave, run_id=run.pk, reason="the customer withdrew"))
            cancel.waits_for(my_pid())
            stop = going_on.enter_context(armed("gate.lock", action.pk))
        cancel.reaches(stop)
        late = Rival(lambda: claim(fresh(run), action.pk, epoch=lease.epoch, digest=action.digest))
        late.waits_for(cancel.pid)
    assert (cancel.result(), late.result()) == ("ok", "rejected")
    assert inside(run, lambda: Action.objects.get(pk=action.pk).refused_code) == "cancelled"


def test_a_timer_that_comes_due_while_it_is_skipped_waits_for_the_run_and_finds_it_over(cast):
    run = started(cast)
    timer = Wait(tenant_id=run.tenant_id, run=run, path="nap", kind=WaitKind.TIMER, due_at=timezone.now())
    inside(run, lambda: timer.save(force_insert=True))

    def comes_due():
        with scoping.tenant(run.tenant_id, durable=True):
            return waiting.resolve(timer, how="due", value=None)

    with scoping.tenant(run.tenant_id):
        Run.objects.select_for_update().get(pk=run.pk)
        due = Rival(comes_due)
        due.waits_for(my_pid())
        assert waiting.resolve(timer, how="skipped", value=None)
    assert (due.result(), due.value) == ("ok", False)
