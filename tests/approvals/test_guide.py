"""The guide to a person's first decision: what happened moves it on; it is for the demo, and can be hidden."""

from datetime import timedelta

import pytest
from django.utils import timezone

from approvals import decisions, guide, policies
from approvals.models import Vote
from tests.pages import at, browser, words
from tests.runs.worlds import HOLD, carry_out, inside, request_of, started

# Static files are found without being collected; the folder for collected ones need not exist.
pytestmark = pytest.mark.filterwarnings("ignore:No directory at")
WHY = "refund 10.00 only"


def held(cast):
    policies.publish(actor=cast.alice, rules=HOLD, note="test")
    run = carry_out(started(cast, {"do": "act"}))
    return run, request_of(run)


def step(actor, at: object = "") -> int | None:
    found = guide.guide(actor, at=str(at))
    return found.step if found else None


def test_it_goes_from_choosing_over_deciding_to_what_the_run_did(cast):
    run, request = held(cast)
    assert (step(cast.bob), step(cast.bob, request.pk)) == (1, 2)
    decisions.approve(actor=cast.bob, approval_id=request.pk, digest=request.action.digest)
    assert step(cast.bob) == 3
    carry_out(run)
    assert step(cast.bob) == 4


def test_a_rejection_is_a_first_decision_too(cast):
    run, request = held(cast)
    decisions.reject(actor=cast.bob, approval_id=request.pk, digest=request.action.digest, reason=WHY)
    assert step(cast.bob) == 3
    carry_out(run)
    found = guide.guide(cast.bob)
    assert found is not None
    assert (found.step, found.approved) == (4, False)


def test_nothing_waits_is_the_first_step_with_what_to_do(cast):
    found = guide.guide(cast.bob)
    assert found is not None
    assert (found.step, found.waiting, found.request) == (1, 0, None)
    assert "Start a ticket" in words(browser(cast.bob).get(at(cast.bob, "review/")))


def test_it_is_over_after_a_second_decision(cast):
    for _ in range(2):
        _, request = held(cast)
        decisions.approve(actor=cast.bob, approval_id=request.pk, digest=request.action.digest)
    assert step(cast.bob) is None


def test_it_is_over_an_hour_after_the_first_decision(cast):
    run, request = held(cast)
    decisions.approve(actor=cast.bob, approval_id=request.pk, digest=request.action.digest)
    then = timezone.now() - timedelta(hours=2)
    inside(run, lambda: Vote.objects.filter(voter=cast.bob.user).update(created_at=then))
    assert step(cast.bob) is None


@pytest.mark.parametrize("who", ["dave", "jon"])
def test_who_may_not_decide_is_not_guided_to_it(cast, who):
    assert step(getattr(cast, who)) is None


def test_it_is_for_the_demo_alone(cast, settings):
    settings.ENVIRONMENT = "production"
    assert step(cast.bob) is None


def test_hidden_it_stays_hidden_for_that_person_alone(cast):
    bob, carol = browser(cast.bob), browser(cast.carol)
    assert 'id="guide-box"' in bob.get(at(cast.bob, "review/")).content.decode()
    assert bob.get(at(cast.bob, "guide/dismissals/")).status_code == 405
    bob.post(at(cast.bob, "guide/dismissals/"))
    assert 'id="guide-box"' not in bob.get(at(cast.bob, "review/")).content.decode()
    assert 'id="guide-box"' in carol.get(at(cast.carol, "review/")).content.decode()


def test_another_tenant_is_neither_guided_nor_told(cast):
    _, request = held(cast)
    found = guide.guide(cast.charlie, at=str(request.pk))
    assert found is not None
    assert (found.step, found.request) == (1, None)
    assert browser(cast.charlie).get(at(cast.alice, "guide/")).status_code == 404
