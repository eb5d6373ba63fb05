"""Who counts is judged when it counts: at the vote under its locks, and again at the claim."""

import pytest

from approvals import policies
from runs import errors, operations
from runs.engine import acting
from tenants import people
from tests.concurrency import held
from tests.concurrency.rivals import Rival, in_the_way
from tests.runs.worlds import HOLD, carry_out, outside, request_of, started

pytestmark = pytest.mark.usefixtures("database")


def deciders(*roles):
    return {"rules": [{**HOLD["rules"][0], "deciders": list(roles)}]}


def test_a_policy_that_lets_fewer_roles_decide_is_stricter(cast):
    it = held.approved(cast)
    policies.publish(actor=cast.alice, rules=deciders("owner"), note="owners only")
    assert Rival(lambda: held.take(it)).result() == "policy_stricter"
    it.worker.execute(it.lease)
    assert (it.status()[:2], request_of(it.run).deciders) == (("held", "pending"), ["owner"])
    held.approve(it, "alice")
    assert carry_out(it.run, worker=it.worker).status == "done"


def test_a_policy_that_lets_more_roles_decide_is_not(cast):
    it = held.approved(cast, rules=deciders("reviewer"))
    policies.publish(actor=cast.alice, rules=deciders("reviewer", "owner"), note="owners too")
    assert Rival(lambda: held.take(it)).result() == "ok"


@pytest.mark.parametrize("answer", [held.approve, held.reject], ids=["approve", "reject"])
def test_an_answer_under_way_when_the_right_is_withdrawn_does_not_count(cast, answer):
    it = held.held(cast)
    with in_the_way(it.tenant, held.lock_member(it, "carol")) as pid:
        revoke = Rival(lambda: held.revoke(it, "carol"))
        revoke.waits_for(pid)
        late = Rival(lambda: answer(it, "carol"))
        late.waits_for(revoke.pid)
    assert (revoke.result(), late.result()) == ("ok", "not_yours")
    assert it.status()[:2] == ("held", "pending")


def test_votes_of_the_starter_and_of_a_former_member_are_refused(cast):
    it = held.held(cast)
    people.add_member(actor=cast.alice, user=cast.jon.user, role="reviewer")
    held.revoke(it, "bob")
    for name in ("jon", "bob", "dave"):
        assert Rival(lambda name=name: held.approve(it, name)).result() == "not_yours"
    assert it.status()[:2] == ("held", "pending")


def test_whoever_started_a_run_may_not_approve_it_after_somebody_else_retried_it(cast):
    outside.fail("breaks first", errors.Declined("no"))
    plan = ({"do": "step", "name": "breaks first"}, {"do": "act"})
    policies.publish(actor=cast.alice, rules=HOLD, note="hold")
    run = carry_out(started(cast, *plan, by=cast.bob))
    run = carry_out(operations.retry(actor=cast.dave, run_id=run.pk, reason="mended"))
    it = held.Held(cast=cast, run=run, approval=request_of(run), worker=held.Incarnation())
    assert Rival(lambda: held.approve(it, "bob")).result() == "not_yours"
    assert Rival(lambda: held.approve(it, "carol")).result() == "ok"


def test_a_vote_with_another_digest_is_refused_and_counts_for_nothing(cast):
    it = held.held(cast)
    for answer in (held.approve, held.reject):
        assert Rival(lambda answer=answer: answer(it, digest="f" * 64)).result() == "payload_changed"
    assert it.status()[:2] == ("held", "pending")


def test_a_right_that_came_back_before_the_request_was_reopened_still_counts(cast, monkeypatch):
    it = held.approved(cast)
    held.revoke(it, "bob")
    ask = acting._ask_again

    def bob_is_back(*args):
        people.add_member(actor=cast.alice, user=cast.bob.user, role="reviewer")
        return ask(*args)

    monkeypatch.setattr(acting, "_ask_again", bob_is_back)
    it.worker.execute(it.lease)
    assert carry_out(it.run, worker=it.worker).status == "done"


def test_the_vote_of_a_person_who_came_back_counts_once_they_answer_again(cast):
    it = held.approved(cast)
    held.revoke(it, "bob")
    it.worker.execute(it.lease)
    assert it.status()[:2] == ("held", "pending")
    people.add_member(actor=cast.alice, user=cast.bob.user, role="reviewer")
    held.approve(it, "bob")
    assert it.status()[:2] == ("ready", "approved")
