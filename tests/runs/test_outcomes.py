"""What came back, or did not: receipts, refusals, unknown outcomes, and what people make of them."""

import pytest

from approvals import decisions, policies
from runs import errors, operations
from runs.engine import sending
from runs.models import Action, Attempt, Event, Step
from tests.runs.worlds import ALLOW, HOLD, carry_out, fresh, inside, outside, request_of, started


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(sending, "pause", lambda seconds: None)


def acted(cast, name, *failures, after=()):
    policies.publish(actor=cast.alice, rules=ALLOW, note="allow")
    outside.fail(name, *failures)
    run = carry_out(started(cast, {"do": "act", "note": name}, *after))
    return run, inside(run, lambda: Action.objects.get(run_id=run.pk))


def test_too_many_requests_are_sent_again_under_the_same_key(cast):
    run, action = acted(cast, "limited", errors.Limited("429"), errors.Limited("429"))
    assert (run.status, outside.done[str(action.pk)], outside.called["limited"]) == ("done", 1, 3)
    assert inside(run, lambda: Attempt.objects.filter(action=action).count()) == 3


def test_a_fault_of_a_service_that_honours_keys_is_sent_again_under_the_same_key(cast):
    run, action = acted(cast, "fault", errors.Unavailable("503"))
    assert (run.status, outside.done[str(action.pk)]) == ("done", 1)


def test_a_refusal_outside_is_final_and_the_run_stands_at_the_step(cast):
    run, action = acted(cast, "declined", errors.Declined("card closed"))
    assert (run.status, run.failed_path, action.status) == ("paused", "test_pay", "failed")


def test_no_answer_is_an_unknown_outcome_and_is_never_sent_again_by_itself(cast):
    run, action = acted(cast, "no-answer", errors.Unclear("no answer"))
    assert (run.status, action.status) == ("needs_attention", "outcome_unknown")
    carry_out(run)
    assert outside.called["no-answer"] == 1


def test_a_tool_that_crashes_inside_its_claim_is_an_unknown_outcome(cast):
    run, action = acted(cast, "bug", RuntimeError("bug"))
    assert (run.status, action.status) == ("needs_attention", "outcome_unknown")


def test_settled_as_done_the_run_goes_on_without_sending(cast):
    run, action = acted(cast, "settle-done", errors.Unclear("no answer"), after=[{"do": "step", "name": "then"}])
    given = {"actor": cast.dave, "action_id": action.pk, "outcome": "done", "reason": "it is there"}
    operations.settle(**given, evidence="entry 42 in the ledger")
    operations.settle(**given, evidence="entry 42 in the ledger")
    assert (carry_out(run).status, outside.called["settle-done"]) == ("done", 1)
    assert inside(run, lambda: Event.objects.filter(run_id=run.pk, kind="action.settled").count()) == 1


def test_settled_as_not_done_the_run_pauses_and_a_retry_is_a_new_action(cast):
    run, action = acted(cast, "settle-not", errors.Unclear("no answer"))
    given = {"actor": cast.dave, "action_id": action.pk, "reason": "looked it up", "evidence": "no entry there"}
    operations.settle(**given, outcome="not_done")
    assert carry_out(run).status == "paused"
    following = operations.retry(actor=cast.dave, run_id=run.pk, reason="send it now")
    assert carry_out(following).status == "done"
    assert outside.done[str(action.pk)] == 0


def test_settling_needs_evidence_and_the_right(cast):
    _, action = acted(cast, "rights", errors.Unclear("no answer"))
    given = {"action_id": action.pk, "outcome": "done", "reason": "because"}
    with pytest.raises(errors.Invalid, match="where you saw it"):
        operations.settle(actor=cast.dave, **given, evidence="")
    with pytest.raises(errors.Forbidden):
        operations.settle(actor=cast.bob, **given, evidence="entry 42")


def test_a_probe_that_says_no_is_evidence_and_changes_nothing(cast):
    run, action = acted(cast, "probe-no", errors.Unclear("no answer"))
    action, answer = operations.probe(actor=cast.dave, action_id=action.pk)
    assert (answer.found, action.status, fresh(run).status) == (False, "outcome_unknown", "needs_attention")


def test_a_probe_that_says_yes_settles_it(cast):
    run, action = acted(cast, "probe-yes", errors.Unclear("no answer"))
    outside.done[str(action.pk)] += 1
    action, answer = operations.probe(actor=cast.dave, action_id=action.pk)
    assert (answer.found, action.status, carry_out(run).status) == (True, "done", "done")


def test_a_late_receipt_of_the_same_attempt_settles_an_unknown_outcome(cast):
    run, action = acted(cast, "late", errors.Unclear("no answer"))
    attempt = inside(run, lambda: Attempt.objects.get(action=action))
    sending.done(run.tenant_id, action.pk, attempt, {"number": "late", "amount_minor": 1, "currency": "GBP"})
    assert carry_out(run).status == "done"


def test_a_retry_keeps_what_was_done_and_leaves_the_original_as_it_was(cast):
    step = {"do": "step", "name": "kept"}
    policies.publish(actor=cast.alice, rules=ALLOW, note="allow")
    outside.fail("breaks", errors.Declined("no"))
    run = carry_out(started(cast, step, {"do": "act", "note": "paid"}, {"do": "step", "name": "breaks"}))
    journal = inside(run, lambda: list(Event.objects.filter(run_id=run.pk).values_list("seq", "kind")))
    following = operations.retry(actor=cast.dave, run_id=run.pk, reason="mended")
    assert operations.retry(actor=cast.dave, run_id=run.pk, reason="clicked twice").pk == following.pk
    following = carry_out(following)
    assert (following.status, outside.called["kept"], outside.called["paid"]) == ("done", 1, 1)
    assert inside(run, lambda: list(Event.objects.filter(run_id=run.pk).values_list("seq", "kind")))[:-1] == journal
    assert inside(run, lambda: Step.objects.filter(run_id=following.pk, inherited=True).count()) == 2


def test_undoing_goes_backwards_each_with_a_key_and_a_gate_of_its_own(cast):
    policies.publish(actor=cast.alice, rules=ALLOW, note="allow")
    run = carry_out(started(cast, {"do": "act", "note": "a"}, {"do": "act", "note": "b"}))
    policies.publish(actor=cast.alice, rules=HOLD, note="hold")
    undo = operations.compensate(actor=cast.dave, run_id=run.pk, reason="wrong customer")
    assert operations.compensate(actor=cast.dave, run_id=run.pk, reason="twice").pk == undo.pk
    order = []
    for _ in range(2):
        undo = carry_out(undo)
        assert (undo.status, undo.waiting_for) == ("compensating", "approval")
        request = request_of(undo)
        order.append(request.action.compensates_id)
        decisions.approve(actor=cast.bob, approval_id=request.pk, digest=request.action.digest)
    assert carry_out(undo).status == "compensated"
    done = inside(
        run, lambda: list(Action.objects.filter(run_id=run.pk).order_by("-finished_at").values_list("pk", flat=True))
    )
    assert order == done
    assert fresh(run).status == "done"


def test_a_refused_undo_asks_for_a_person_and_can_be_asked_again(cast):
    policies.publish(actor=cast.alice, rules=ALLOW, note="allow")
    run = carry_out(started(cast, {"do": "act", "note": "again"}))
    policies.publish(actor=cast.alice, rules=HOLD, note="hold")
    undo = carry_out(operations.compensate(actor=cast.dave, run_id=run.pk, reason="wrong"))
    request = request_of(undo)
    decisions.reject(
        actor=cast.bob, approval_id=request.pk, digest=request.action.digest, reason="the customer is right"
    )
    assert carry_out(undo).status == "needs_attention"
    undo = carry_out(operations.compensate(actor=cast.dave, run_id=undo.pk, reason="now agreed with them"))
    request = request_of(undo)
    decisions.approve(actor=cast.bob, approval_id=request.pk, digest=request.action.digest)
    assert carry_out(undo).status == "compensated"


def test_every_operation_needs_a_reason_and_the_right(cast):
    run, _ = acted(cast, "op", errors.Declined("no"))
    for operation in (operations.retry, operations.resume, operations.cancel, operations.compensate):
        with pytest.raises(errors.Invalid, match="why"):
            operation(actor=cast.dave, run_id=run.pk, reason=" ")
        with pytest.raises(errors.Forbidden):
            operation(actor=cast.jon, run_id=run.pk, reason="I want to")
        with pytest.raises(errors.NotFound):
            operation(actor=cast.charlie, run_id=run.pk, reason="not my tenant")
