"""The claim stands still at each of its points while somebody else acts.

From the moment the action is locked everybody else waits and then learns of the claim; before it, whoever is faster
wins and the claim is refused by name. Stops, revocations and policies wait for the claim at every point.
"""

import pytest

from runs.models import Attempt, Event
from tenants import errors, flags
from tests.concurrency import held
from tests.concurrency.rivals import Rival, until
from tests.concurrency.stops import CLAIM_POINTS, armed
from tests.runs.worlds import fresh, inside

pytestmark = pytest.mark.usefixtures("database")
LOCKED = CLAIM_POINTS[1:]  # the action row is held


def race(it, point, act):
    """The outcomes of the claim, stopped at `point`, and of `act`, and whether `act` had to wait for the claim."""
    with armed(point, it.action_id) as stop:
        claim = Rival(lambda: held.take(it))
        claim.reaches(stop)
        other = Rival(lambda: act(it))
        waited = other.settles()
        if waited:
            other.waits_for(claim.pid)
    return claim.result(), other.result(), waited


def claims(it):
    return inside(it.run, lambda: Attempt.objects.filter(action_id=it.action_id).count())


@pytest.mark.parametrize("point", LOCKED)
@pytest.mark.parametrize(
    ("act", "learns"),
    [
        (held.approve, "already_claimed"),
        (held.reject, "already_claimed"),
        (held.take, "already_claimed"),
        (held.cancel, "ok"),
    ],
    ids=["approve", "reject", "claim", "cancel"],
)
def test_once_the_action_is_locked_others_wait_and_learn_of_the_claim(cast, point, act, learns):
    it = held.approved(cast)
    assert race(it, point, act) == ("ok", learns, True)
    assert it.status()[:2] == ("claimed", "approved")
    assert claims(it) == 1


@pytest.mark.parametrize("point", LOCKED)
def test_a_cancellation_after_the_claim_is_told_as_a_request_to_stop(cast, point):
    it = held.approved(cast)
    race(it, point, held.cancel)
    run = fresh(it.run)
    assert run.stop_requested_at is not None
    assert run.status != "cancelled"
    kinds = inside(run, lambda: list(Event.objects.filter(run_id=run.pk).values_list("kind", flat=True)))
    assert kinds[-2:] == ["action.claimed", "run.stop_requested"]


@pytest.mark.parametrize(
    ("act", "refused", "left"),
    [
        (held.reject, "rejected", ("denied", "rejected")),
        (held.cancel, "rejected", ("denied", "cancelled")),
        (held.take, "already_claimed", ("claimed", "approved")),
        (held.take_over, "lease_lost", ("ready", "approved")),
    ],
    ids=["reject", "cancel", "claim", "take over"],
)
def test_before_the_action_is_locked_the_faster_one_wins_and_the_claim_is_refused(cast, act, refused, left):
    it = held.approved(cast)
    assert race(it, "claim.advisory", act) == (refused, "ok", False)
    assert it.status()[:2] == left
    assert claims(it) == (1 if act is held.take else 0)


@pytest.mark.parametrize("point", CLAIM_POINTS)
@pytest.mark.parametrize("act", [held.kill, held.revoke, held.publish], ids=["kill", "revoke", "policy"])
def test_whoever_withdraws_permission_waits_for_the_claim_at_every_point(cast, point, act):
    it = held.approved(cast)
    assert race(it, point, act) == ("ok", "ok", True)
    assert it.status()[:2] == ("claimed", "approved")


@pytest.mark.parametrize("point", CLAIM_POINTS[:3])
def test_when_the_time_runs_out_before_the_check_the_claim_is_refused(cast, point):
    it = held.approved(cast)
    end = held.expires_soon(it)
    with armed(point, it.action_id) as stop:
        claim = Rival(lambda: held.take(it))
        claim.reaches(stop)
        until(lambda: held.database_time() > end)
    assert claim.result() == "expired"
    assert (it.action().status, claims(it)) == ("ready", 0)


@pytest.mark.parametrize("point", LOCKED)
def test_the_sweeper_cannot_expire_what_is_being_claimed(cast, point):
    it = held.approved(cast)
    assert race(it, point, held.overdue) == ("ok", "conflict", True)
    assert it.status()[:2] == ("claimed", "approved")


def test_the_sweeper_that_is_faster_than_the_claim_expires_it(cast):
    it = held.approved(cast)
    with armed("claim.advisory", it.action_id) as stop:
        claim = Rival(lambda: held.take(it))
        claim.reaches(stop)
        held.let_time_pass(it)
        assert Rival(lambda: held.expire(it)).result() == "ok"
    assert claim.result() == "expired"
    assert it.status()[:2] == ("denied", "expired")


@pytest.mark.parametrize("point", LOCKED)
def test_a_lease_that_ends_during_the_claim_leaves_an_unknown_outcome(cast, point):
    it = held.approved(cast)
    assert race(it, point, held.take_over) == ("ok", "ok", True)
    assert it.status() == ("outcome_unknown", "approved", "needs_attention")


@pytest.mark.parametrize("point", ["claim.advisory", "claim.before_commit"])
def test_a_stop_of_everything_waits_for_the_claim_and_no_later_one_misses_it(cast, point):
    it, later, operator = held.approved(cast), held.approved(cast), _operator(cast)
    try:
        stopped = race(it, point, lambda it: flags.stop_everywhere(by=operator, reason="it pays twice"))
        assert stopped == ("ok", "ok", True)
        assert Rival(lambda: held.take(later)).result() == "killed"
    finally:
        flags.lift_everywhere(by=operator, reason="it is mended")
    assert Rival(lambda: held.take(later)).result() == "ok"


def test_the_owner_of_a_tenant_does_not_stop_the_others(cast):
    with pytest.raises(errors.Forbidden):
        flags.stop_everywhere(by=cast.alice.user, reason="it pays twice")


def _operator(cast):
    cast.alice.user.operates_platform = True
    cast.alice.user.save(update_fields=["operates_platform"])
    return cast.alice.user
