"""Somebody withdraws permission and has not committed yet: the claim waits for them and then sees what they did.

A claim that looked before it waited would miss it: its snapshot is older than the withdrawal.
"""

import pytest

from runs.models import Attempt
from tests.concurrency import held
from tests.concurrency.rivals import Rival, in_the_way
from tests.runs.worlds import inside

pytestmark = pytest.mark.usefixtures("database")


def behind(it, block, act):
    """`act` stalls halfway, the claim comes second; their outcomes once `act` may go on."""
    with in_the_way(it.tenant, block) as pid:
        first = Rival(lambda: act(it))
        first.waits_for(pid)
        claim = Rival(lambda: held.take(it))
        claim.waits_for(first.pid)
    return first.result(), claim.result()


def claims(it):
    return inside(it.run, lambda: Attempt.objects.filter(action_id=it.action_id).count())


@pytest.mark.parametrize(
    ("block", "act", "refused"),
    [
        (held.write_stop, held.kill, "killed"),
        (held.lock_member, held.revoke, "quorum"),
        (held.write_policy, held.publish, "policy_stricter"),
        (held.lock_approval, held.reject, "rejected"),
        (held.lock_approval, held.cancel, "rejected"),
    ],
    ids=["kill", "revoke", "policy", "reject", "cancel"],
)
def test_the_claim_waits_for_a_withdrawal_in_progress_and_is_refused(cast, block, act, refused):
    it = held.approved(cast)
    assert behind(it, block(it), act) == ("ok", refused)
    assert claims(it) == 0


def test_the_claim_waits_for_an_expiry_in_progress_and_is_refused(cast):
    it = held.approved(cast)
    held.let_time_pass(it)
    assert behind(it, held.lock_approval(it), held.expire) == ("ok", "expired")
    assert it.status()[:2] == ("denied", "expired")


def test_the_claim_of_a_worker_that_woke_early_waits_for_the_vote_and_is_executed_once(cast):
    it = held.held(cast).woken()
    assert behind(it, held.write_vote(it), held.approve) == ("ok", "ok")
    assert (it.action().status, claims(it)) == ("claimed", 1)


def test_of_two_claims_at_once_one_wins(cast):
    it = held.approved(cast)
    with in_the_way(it.tenant, held.lock_action(it)) as pid:
        both = [Rival(lambda: held.take(it))]
        both[0].waits_for(pid)
        both.append(Rival(lambda: held.take(it)))
        both[1].waits_for(pid, both[0].pid)
    assert sorted(rival.result() for rival in both) == ["already_claimed", "ok"]
    assert claims(it) == 1


def test_the_same_claim_on_many_connections_is_one_claim(cast):
    it = held.approved(cast)
    with in_the_way(it.tenant, held.lock_action(it)):
        crowd = [Rival(lambda: held.take(it)) for _ in range(8)]
        assert all(rival.settles() for rival in crowd)
    outcomes = sorted(rival.result() for rival in crowd)
    assert outcomes == ["already_claimed"] * 7 + ["ok"]
    assert claims(it) == 1


def test_a_worker_that_woke_before_the_decision_claims_nothing(cast):
    it = held.held(cast).woken()
    assert Rival(lambda: held.take(it)).result() == "quorum"
    assert (it.action().status, claims(it)) == ("held", 0)


def test_a_claim_with_another_digest_is_refused(cast):
    it = held.approved(cast)
    it.approval.action.digest = "0" * 64
    assert Rival(lambda: held.take(it)).result() == "mismatch"
    assert claims(it) == 0


def test_within_the_hold_window_the_claim_comes_too_early(cast):
    rules = {"rules": [{**held.HOLD["rules"][0], "hold_window_s": 600}]}
    it = held.held(cast, rules)
    held.approve(it)
    assert Rival(lambda: held.take(it.woken())).result() == "too_early"
    assert claims(it) == 0
