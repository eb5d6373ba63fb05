"""I2: at the moment of the claim only votes of distinct, eligible, uninvolved persons for these bytes count.

The request says "approved" and the action is ready: whatever got it there, the claim counts again.
"""

import pytest
from django.utils import timezone

from approvals.models import Approval, Revision, Vote
from runs.engine import actions
from runs.models import Action, Event
from tenants import people
from tests.concurrency import held
from tests.concurrency.rivals import Rival
from tests.runs.worlds import inside

pytestmark = pytest.mark.usefixtures("database")


def vote(it, who, **facts):
    values = {"answer": "approve", "digest": it.digest, **facts}
    Vote(tenant_id=it.tenant, approval=it.approval, voter=who.user, **values).save(force_insert=True)


def forced(it):
    """The request as if its quorum had stood, and the run leased."""

    def release():
        action = actions.lock(it.action_id)
        Approval.objects.filter(pk=it.approval.pk).update(status="approved")
        actions.release(action, by=[], hold_window_s=0)

    inside(it.run, release)
    return it.leased()


def by_the_starter(it):
    people.add_member(actor=it.cast.alice, user=it.cast.jon.user, role="reviewer")
    inside(it.run, lambda: vote(it, it.cast.jon))


def by_the_requester(it):
    inside(it.run, lambda: vote(it, it.cast.carol))
    inside(it.run, lambda: Action.objects.filter(pk=it.action_id).update(requested_by=it.cast.carol.user))


def by_the_last_editor(it):
    def edited():
        vote(it, it.cast.carol)
        first = Revision.objects.get(approval=it.approval)
        first.pk, first.number, first.editor = Revision().pk, 2, it.cast.carol.user
        first.save(force_insert=True)

    inside(it.run, edited)


def by_a_former_member(it):
    inside(it.run, lambda: vote(it, it.cast.carol))
    held.revoke(it, "carol")


def by_a_role_that_may_not(it):
    inside(it.run, lambda: vote(it, it.cast.carol))
    people.add_member(actor=it.cast.alice, user=it.cast.carol.user, role="viewer")


def by_a_stranger(it):
    inside(it.run, lambda: vote(it, it.cast.charlie))


def for_other_bytes(it):
    inside(it.run, lambda: vote(it, it.cast.carol, digest="e" * 64))


def withdrawn(it):
    inside(it.run, lambda: vote(it, it.cast.carol, withdrawn_at=timezone.now()))


def twice_by_one_person(it):
    inside(it.run, lambda: vote(it, it.cast.bob, digest="d" * 64))


def a_no(it):
    inside(it.run, lambda: vote(it, it.cast.carol, answer="reject"))


CASES = [
    by_the_starter,
    by_the_requester,
    by_the_last_editor,
    by_a_former_member,
    by_a_role_that_may_not,
    by_a_stranger,
    for_other_bytes,
    withdrawn,
    twice_by_one_person,
    a_no,
]


@pytest.mark.parametrize("second", CASES, ids=lambda case: case.__name__)
def test_a_second_vote_that_does_not_count_leaves_the_claim_without_quorum(cast, second):
    it = held.held(cast, held.TWO)
    held.approve(it, "bob")
    second(it)
    assert Rival(lambda: held.take(forced(it))).result() == "quorum"


def test_two_votes_that_count_are_the_quorum_and_the_journal_names_them(cast):
    it = held.approved(cast, held.TWO, voters=("bob", "carol"))
    claim = Rival(lambda: held.take(it))
    assert claim.result() == "ok"
    events = inside(it.run, lambda: list(Event.objects.filter(run_id=it.run.pk, kind="action.claimed")))
    assert sorted(events[0].body["by"]) == sorted([str(cast.bob.user.pk), str(cast.carol.user.pk)])


def test_the_database_takes_no_second_vote_of_one_person_for_the_same_bytes(cast):
    it = held.held(cast, held.TWO)
    held.approve(it, "bob")
    outcome = Rival(lambda: inside(it.run, lambda: vote(it, it.cast.bob))).result()
    assert "vote_once_per_person" in outcome
