"""Every pair of those who may decide about one held action, both begun before either could end.

They queue at the action's lock (decisions, expiry, cancellation) or at the tenant's lock of permissions. Whatever the
order, exactly one of approve, reject, expire and cancel wins, the others learn the state, and a claim afterwards is
possible only if nothing was withdrawn.
"""

from itertools import product

import pytest

from approvals.models import Vote
from runs.models import Attempt, Event
from tests.concurrency import held
from tests.concurrency.rivals import Rival, in_the_way
from tests.runs.worlds import fresh, inside

pytestmark = pytest.mark.usefixtures("database")

ENDS = {"approve": held.approve, "reject": held.reject, "expire": held.expire, "cancel": held.cancel}
WITHDRAWS = {"kill": held.kill, "revoke": lambda it: held.revoke(it, "carol"), "policy": held.publish}
CLAIM = {"claim": held.take}
AFTER = {"approve": "approved", "reject": "rejected", "expire": "expired", "cancel": "cancelled"}
LATER = {"kill": "killed", "revoke": "quorum", "policy": "policy_stricter"}


def both(it, first, second):
    """The outcomes of two rivals that are begun in this order while the action is locked by us."""
    with in_the_way(it.tenant, held.lock_action(it)):
        rivals = [Rival(lambda: first(it))]
        rivals[0].settles()
        rivals.append(Rival(lambda: second(it)))
        rivals[1].settles()
    return [rival.result() for rival in rivals]


def claimed_afterwards(it):
    """What a claim of the next worker gets."""
    return Rival(lambda: held.take(it.leased())).result()


LATE = "already_decided"
# (first, second) -> their outcomes, what the request ends as, and how often the end was written to the journal.
# An approval is no end before the claim: a veto or a cancellation still takes it back.
EXPECTED = {
    ("approve", "approve"): ("ok", "ok", "approved", 1),  # the same person: one click, done twice
    ("approve", "reject"): ("ok", "ok", "rejected", 2),
    ("approve", "expire"): (LATE, "ok", "expired", 1),
    ("approve", "cancel"): ("ok", "ok", "cancelled", 2),
    ("reject", "approve"): ("ok", LATE, "rejected", 1),
    ("reject", "reject"): ("ok", "ok", "rejected", 1),
    ("reject", "expire"): (LATE, "ok", "expired", 1),
    ("reject", "cancel"): ("ok", "ok", "rejected", 1),
    ("expire", "approve"): ("ok", LATE, "expired", 1),
    ("expire", "reject"): ("ok", LATE, "expired", 1),
    ("expire", "expire"): ("ok", "ok", "expired", 1),
    ("expire", "cancel"): ("ok", "ok", "expired", 1),
    ("cancel", "approve"): ("ok", LATE, "cancelled", 1),
    ("cancel", "reject"): ("ok", LATE, "cancelled", 1),
    ("cancel", "expire"): ("ok", "ok", "cancelled", 1),
    ("cancel", "cancel"): ("ok", "ok", "cancelled", 1),
}
DECIDED = ("action.approved", "action.denied")


@pytest.mark.parametrize(("first", "second"), list(product(ENDS, ENDS)))
def test_of_two_endings_the_first_wins_and_the_other_learns_the_state(cast, first, second):
    it = held.held(cast)
    if "expire" in (first, second):
        held.let_time_pass(it)
    outcomes = both(it, ENDS[first], ENDS[second])
    ends = inside(it.run, lambda: Event.objects.filter(run_id=it.run.pk, kind__in=DECIDED).count())
    assert (*outcomes, it.status()[1], ends) == EXPECTED[first, second]


@pytest.mark.parametrize(("end", "withdraw"), list(product(ENDS, WITHDRAWS)))
@pytest.mark.parametrize("order", [1, -1], ids=["first", "second"])
def test_an_ending_and_a_withdrawal_do_not_disturb_each_other(cast, end, withdraw, order):
    it = held.held(cast)
    if end == "expire":
        held.let_time_pass(it)
    pair = [ENDS[end], WITHDRAWS[withdraw]][::order]
    outcomes = both(it, *pair)[::order]
    assert outcomes[1] == "ok"
    if withdraw == "revoke" and order == -1 and end in ("approve", "reject"):
        assert (outcomes[0], it.status()[:2]) == ("not_yours", ("held", "pending"))
    else:
        assert (outcomes[0], it.status()[1]) == ("ok", AFTER[end])
    if it.action().status == "ready":
        assert claimed_afterwards(it) == LATER[withdraw]


@pytest.mark.parametrize(("first", "second"), list(product(WITHDRAWS, WITHDRAWS)))
def test_two_withdrawals_follow_each_other_and_both_hold(cast, first, second):
    it = held.approved(cast, voters=("carol",))
    outcomes = both(it, WITHDRAWS[first], WITHDRAWS[second])
    assert outcomes == ["ok", "conflict" if first == second == "revoke" else "ok"]
    assert Rival(lambda: held.take(it)).result() in {LATER[first], LATER[second]}


@pytest.mark.parametrize(("first", "second"), list(product(CLAIM, [*WITHDRAWS, "reject", "cancel", "approve"])))
@pytest.mark.parametrize("order", [1, -1], ids=["first", "second"])
def test_a_claim_stands_exactly_if_it_was_first(cast, first, second, order):
    it = held.approved(cast, voters=("bob",))
    everybody = ENDS | WITHDRAWS | {"revoke": held.revoke} | CLAIM
    claim, other = both(it, *[everybody[first], everybody[second]][::order])[::order]
    sent = inside(it.run, lambda: Attempt.objects.filter(action_id=it.action_id).count())
    assert sent == (claim == "ok")
    if order == 1:
        assert claim == "ok"
        assert other == ("already_claimed" if second in ("approve", "reject") else "ok")
    elif second == "approve":
        assert (claim, other) == ("ok", "already_decided")
    else:
        assert (claim, other) == ({**LATER, "reject": "rejected", "cancel": "rejected"}[second], "ok")


def test_the_same_click_twice_at_once_is_one_vote(cast):
    it = held.held(cast)
    assert both(it, held.approve, held.approve) == ["ok", "ok"]
    assert inside(it.run, lambda: Vote.objects.filter(approval=it.approval).count()) == 1


def test_two_persons_at_once_are_two_votes_and_one_release(cast):
    it = held.held(cast, held.TWO)
    assert both(it, lambda it: held.approve(it, "bob"), held.approve) == ["ok", "ok"]
    assert it.status()[:2] == ("ready", "approved")
    kinds = inside(it.run, lambda: list(Event.objects.filter(run_id=it.run.pk).values_list("kind", flat=True)))
    assert (kinds.count("approval.voted"), kinds.count("action.approved")) == (1, 1)
    assert fresh(it.run).ready_at is not None
