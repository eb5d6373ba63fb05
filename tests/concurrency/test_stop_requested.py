"""A run is cancelled while its action is being sent: what was sent is kept, nothing new begins, and the run ends."""

import pytest

from runs import errors, journal, operations
from runs.engine import sending
from runs.journal import Entry
from runs.models import Action, Event
from tests.concurrency import held
from tests.concurrency.rivals import Rival
from tests.concurrency.stops import armed
from tests.runs.worlds import carry_out, fresh, inside, outside, started

pytestmark = pytest.mark.usefixtures("database")
NEXT = ({"do": "step", "name": "after the stop"}, {"do": "act", "amount_minor": 1})


def cancelled_while_sending(cast, note, *failures):
    """The action, with its run cancelled right before the send."""
    it = held.approved(cast, plan=({"do": "act", "amount_minor": 4200, "note": note}, *NEXT))
    outside.fail(note, *failures)
    with armed("send.before", it.action_id) as stop:
        work = Rival(lambda: it.worker.execute(it.lease))
        work.reaches(stop)
        run = held.cancel(it)
        assert (run.status, run.stop_requested_at is None) == ("running", False)
    assert work.result() == "ok"
    return it


def test_what_was_being_sent_is_kept_and_nothing_follows(cast):
    it = cancelled_while_sending(cast, "sent under a stop")
    assert it.status()[::2] == ("done", "cancelled")
    assert outside.done[str(it.action_id)] == 1
    assert outside.called["after the stop"] == 0
    assert inside(it.run, lambda: Action.objects.filter(run_id=it.run.pk).count()) == 1


def test_a_refusal_outside_ends_the_stopped_run_too(cast):
    it = cancelled_while_sending(cast, "declined under a stop", errors.Declined("closed"))
    assert it.status()[::2] == ("failed", "cancelled")


def test_an_unknown_outcome_waits_for_a_person_and_then_the_run_ends(cast):
    it = cancelled_while_sending(cast, "silent under a stop", errors.Unclear("no answer"))
    assert it.status()[::2] == ("outcome_unknown", "needs_attention")
    operations.settle(
        actor=cast.dave, action_id=it.action_id, outcome="done", evidence="entry 7 in the ledger", reason="looked"
    )
    assert carry_out(it.run).status == "cancelled"
    assert outside.called["after the stop"] == 0


def test_cancelling_twice_is_one_request_to_stop_and_the_run_has_one_end(cast):
    it = cancelled_while_sending(cast, "stopped twice")
    held.cancel(it)
    kinds = inside(it.run, lambda: list(Event.objects.filter(run_id=it.run.pk).values_list("kind", flat=True)))
    assert (kinds.count("run.stop_requested"), kinds.count("run.cancelled")) == (1, 1)
    assert kinds[-1] == "run.cancelled"


def test_what_was_paid_before_the_stop_can_still_be_undone(cast):
    it = cancelled_while_sending(cast, "undone after a stop")
    undo = operations.compensate(actor=cast.dave, run_id=it.run.pk, reason="wrong customer")
    undo = carry_out(undo)
    assert (undo.status, undo.waiting_for) == ("compensating", "approval")
    assert fresh(it.run).status == "cancelled"


def test_a_cancelled_run_that_a_worker_still_holds_writes_no_more(cast):
    it = held.held(cast)
    run = started(cast, {"do": "step", "name": "held by a worker"})
    (lease,) = it.worker.claim_ready(1, tenants=[run.tenant_id])
    with armed("step.ran", "held by a worker") as stop:
        work = Rival(lambda: it.worker.execute(lease))
        work.reaches(stop)
        operations.cancel(actor=cast.dave, run_id=run.pk, reason="not needed")
    assert work.result() == "ok"
    kinds = inside(run, lambda: list(Event.objects.filter(run_id=run.pk).values_list("kind", flat=True)))
    assert kinds == ["run.created", "run.cancelled"]


def test_a_stop_requested_between_two_sends_of_one_claim_keeps_the_second_from_happening(cast, monkeypatch):
    it = held.approved(cast, plan=({"do": "act", "amount_minor": 4200, "note": "sent again"},))
    outside.fail("sent again", errors.Limited("429"), errors.Limited("429"))
    monkeypatch.setattr(sending, "pause", lambda seconds: held.cancel(it))
    it.worker.execute(it.lease)
    assert it.status()[::2] == ("failed", "cancelled")
    assert outside.called["sent again"] == 1


def test_nothing_is_claimed_in_a_run_that_was_asked_to_stop(cast):
    it = held.approved(cast)
    asked = Entry(kind="run.stop_requested", run={"stop_requested": True})
    inside(it.run, lambda: journal.append(it.run.pk, asked))
    assert Rival(lambda: held.take(it)).result().startswith("StopRequested")
    it.worker.execute(it.lease)
    assert it.status() == ("denied", "cancelled", "cancelled")
