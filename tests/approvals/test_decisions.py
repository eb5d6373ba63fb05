"""A held action, the people who decide it, and what then happens once."""

import pytest

from approvals import decisions, errors, policies
from approvals.models import Vote
from runs import operations
from runs.models import Action, Event
from tenants import flags, people
from tenants.models import Stop
from tests.runs.worlds import ALLOW, HOLD, carry_out, fresh, inside, outside, request_of, started

ACT = {"do": "act", "amount_minor": 4200}


def held(cast, **extra):
    policies.publish(actor=cast.alice, rules=extra.pop("rules", HOLD), note="test")
    run = carry_out(started(cast, {**ACT, **extra}))
    assert (run.status, run.waiting_for) == ("waiting", "approval")
    return run, request_of(run)


def approve(who, request, **extra):
    return decisions.approve(actor=who, approval_id=request.pk, digest=request.action.digest, **extra)


def reject(who, request, reason="refund 10.00 only"):
    return decisions.reject(actor=who, approval_id=request.pk, digest=request.action.digest, reason=reason)


def quorum_of(count: int) -> dict:
    return {"rules": [{**HOLD["rules"][0], "quorum": count}]}


def test_what_no_rule_names_is_held(cast):
    _, request = held(cast, rules={"rules": []})
    assert request.rule == "not named"


def test_an_approved_action_is_executed_once_and_keeps_its_receipt(cast):
    run, request = held(cast)
    approve(cast.bob, request)
    assert carry_out(run).status == "done"
    key = str(request.action_id)
    assert outside.done[key] == 1
    assert inside(run, lambda: Action.objects.get(pk=key).receipt["number"]) == f"r-{key[:8]}"


def test_what_ran_is_byte_for_byte_what_was_shown(cast):
    run, request = held(cast)
    approve(cast.bob, request)
    carry_out(run)
    action = inside(run, lambda: Action.objects.get(pk=request.action_id))
    vote = inside(run, lambda: Vote.objects.get(approval=request))
    assert action.executed_hash == action.payload_hash == vote.shown["payload_hash"]
    assert bytes(action.payload) == b'{"amount_minor":4200,"note":""}'


def test_the_same_click_twice_is_one_vote(cast):
    run, request = held(cast)
    approve(cast.bob, request)
    approve(cast.bob, request)
    assert inside(run, lambda: Vote.objects.filter(approval=request).count()) == 1
    assert inside(run, lambda: Event.objects.filter(run_id=run.pk, kind="action.approved").count()) == 1


def test_a_rejection_reaches_the_planner_with_its_reason(cast):
    run, request = held(cast, catch=True)
    reject(cast.bob, request)
    assert carry_out(run).result == {"results": ["refused: rejected: refund 10.00 only"]}
    assert outside.done[str(request.action_id)] == 0


def test_a_rejection_without_a_usable_reason_changes_nothing(cast):
    run, request = held(cast)
    with pytest.raises(errors.Invalid, match="Say what to change"):
        reject(cast.bob, request, reason="bad")
    assert request_of(run).status == "pending"


def test_whoever_started_the_run_may_not_decide_it(cast):
    policies.publish(actor=cast.alice, rules=HOLD, note="test")
    run = carry_out(started(cast, ACT, by=cast.bob))
    with pytest.raises(errors.NotYours, match="asked for this yourself"):
        approve(cast.bob, request_of(run))


def test_a_role_that_may_not_decide_is_refused(cast):
    _, request = held(cast)
    for who in (cast.dave, cast.jon):
        with pytest.raises(errors.NotYours):
            approve(who, request)


def test_a_stranger_finds_no_such_request(cast):
    _, request = held(cast)
    with pytest.raises(errors.NotFound):
        approve(cast.charlie, request)


def test_a_vote_on_other_bytes_is_refused(cast):
    run, request = held(cast)
    with pytest.raises(errors.PayloadChanged):
        decisions.approve(actor=cast.bob, approval_id=request.pk, digest="0" * 64)
    assert inside(run, lambda: Vote.objects.filter(approval=request).count()) == 0


def test_two_are_needed_when_the_policy_says_two(cast):
    run, request = held(cast, rules=quorum_of(2))
    approve(cast.bob, request)
    assert carry_out(run).status == "waiting"
    approve(cast.carol, request)
    assert carry_out(run).status == "done"


def test_the_second_of_two_answers_learns_who_was_first(cast):
    _, request = held(cast)
    reject(cast.bob, request)
    with pytest.raises(errors.AlreadyDecided, match="rejected by Bob"):
        approve(cast.carol, request)


def test_a_veto_ends_what_another_one_approved_as_long_as_nothing_was_claimed(cast):
    run, request = held(cast, catch=True)
    approve(cast.bob, request)
    reject(cast.carol, request)
    assert carry_out(run).result["results"][0].startswith("refused: rejected")
    assert outside.done[str(request.action_id)] == 0


def test_after_the_execution_nobody_is_told_that_it_was_stopped(cast):
    run, request = held(cast)
    approve(cast.bob, request)
    carry_out(run)
    with pytest.raises(errors.AlreadyExecuted):
        reject(cast.carol, request)


def test_a_vote_of_somebody_who_lost_the_right_does_not_count_at_the_claim(cast):
    run, request = held(cast)
    approve(cast.bob, request)
    people.revoke(actor=cast.alice, user=cast.bob.user, reason="left the company")
    run = carry_out(run)
    assert (run.status, run.waiting_for, request_of(run).status) == ("waiting", "approval", "pending")
    approve(cast.carol, request)
    assert carry_out(run).status == "done"


def test_a_stop_holds_back_what_is_approved_until_it_is_lifted(cast):
    run, request = held(cast)
    approve(cast.bob, request)
    stop = flags.stop(actor=cast.alice, scope=Stop.Scope.TOOL, target="test_pay", reason="incident")
    run = carry_out(run)
    assert (run.status, outside.done[str(request.action_id)]) == ("blocked", 0)
    flags.lift(actor=cast.alice, stop=stop, reason="it is mended")
    operations.resume(actor=cast.dave, run_id=run.pk, reason="incident is over")
    assert carry_out(run).status == "done"


def test_a_policy_that_became_stricter_asks_again(cast):
    policies.publish(actor=cast.alice, rules=HOLD, note="one")
    run, request = held(cast)
    approve(cast.bob, request)
    policies.publish(actor=cast.alice, rules=quorum_of(2), note="two")
    assert carry_out(run).status == "waiting"
    approve(cast.carol, request_of(run))
    assert carry_out(run).status == "done"


def test_allowed_actions_go_through_the_claim_too(cast):
    policies.publish(actor=cast.alice, rules=ALLOW, note="allow")
    run = carry_out(started(cast, ACT))
    kinds = inside(run, lambda: list(Event.objects.filter(run_id=run.pk).values_list("kind", flat=True)))
    assert kinds == ["run.created", "action.proposed", "action.allowed", "action.claimed", "action.done", "run.done"]


def test_a_policy_that_cannot_be_read_holds_and_says_so(cast, monkeypatch):
    monkeypatch.setattr(policies, "judge", lambda action: 1 / 0)
    _, request = held(cast)
    assert request.rule == "policy crashed"
    assert "ZeroDivisionError" in request.why


def test_a_request_that_cannot_be_opened_blocks_the_run_in_words(cast, monkeypatch, settings):
    settings.HOLDPOINT_GATE = ""
    run = carry_out(started(cast, ACT))
    action = inside(run, lambda: Action.objects.get(run_id=run.pk))
    assert (run.status, action.status) == ("blocked", "held")
    settings.HOLDPOINT_GATE = "approvals.gate.PolicyGate"
    operations.resume(actor=cast.dave, run_id=run.pk, reason="the gate is back")
    assert (carry_out(run).waiting_for, request_of(run).status) == ("approval", "pending")


def test_cancelling_a_run_closes_its_open_request(cast):
    run, request = held(cast)
    operations.cancel(actor=cast.dave, run_id=run.pk, reason="customer withdrew")
    assert (fresh(run).status, request_of(run).status) == ("cancelled", "cancelled")
    with pytest.raises(errors.AlreadyDecided):
        approve(cast.bob, request)


def test_a_policy_that_crashes_at_the_claim_holds_and_says_so_until_it_can_be_read(cast, monkeypatch):
    run, request = held(cast)
    approve(cast.bob, request)
    with monkeypatch.context() as broken:
        broken.setattr(policies, "judge", lambda action: 1 / 0)
        run = carry_out(run)
    assert (run.status, outside.done[str(request.action_id)]) == ("blocked", 0)
    assert "could not be read" in run.error["message"]
    operations.resume(actor=cast.dave, run_id=run.pk, reason="the policy is mended")
    assert carry_out(run).status == "done"


def test_a_vote_of_somebody_whose_account_was_closed_does_not_count_at_the_claim(cast):
    run, request = held(cast)
    approve(cast.bob, request)
    type(cast.bob.user).objects.filter(pk=cast.bob.user.pk).update(is_active=False)
    assert (carry_out(run).status, outside.done[str(request.action_id)]) == ("waiting", 0)
