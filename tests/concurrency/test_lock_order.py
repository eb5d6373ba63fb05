"""Advisory locks, action, approval, run: whoever takes them in another order ends in a deadlock sooner or later."""

from contextlib import ExitStack

import pytest

from approvals import policies
from runs import operations
from runs.engine import actions
from runs.engine.claim import claim
from runs.engine.worker import Incarnation
from runs.models import Action
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
