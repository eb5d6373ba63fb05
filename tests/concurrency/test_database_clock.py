"""Leases, expiry and hold windows follow the database's clock, whatever a worker's or a web process's clock says."""

from datetime import timedelta

import pytest
from django.utils import timezone

from approvals import policies
from runs import operations
from runs.engine import recovery, saga
from runs.models import Wait
from tenants import flags
from tests.concurrency import held
from tests.concurrency.rivals import Rival, until
from tests.runs.worlds import ALLOW, HOLD, carry_out, inside, request_of, started

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(params=[-600, 600], ids=["slow", "fast"])
def wrong_clock(monkeypatch, request):
    """This process is ten minutes off."""
    right = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: right() + timedelta(seconds=request.param))


def rule(**extra):
    return {"rules": [{**HOLD["rules"][0], **extra}]}


def test_a_hold_window_lasts_as_long_as_it_says(cast, wrong_clock):
    it = held.held(cast, rule(hold_window_s=300))
    held.approve(it)
    left = it.action().not_before - held.database_time()
    assert timedelta(seconds=280) < left <= timedelta(seconds=300)


def test_a_request_expires_when_it_says(cast, wrong_clock):
    it = held.held(cast, rule(expires_after_s=300))
    left = it.approval.expires_at - held.database_time()
    assert timedelta(seconds=280) < left <= timedelta(seconds=300)


def test_undoing_goes_backwards_when_workers_disagree_about_the_time(cast, monkeypatch):
    policies.publish(actor=cast.alice, rules=ALLOW, note="allow")
    right, hours = timezone.now, iter(range(100_000, 0, -1))
    monkeypatch.setattr(timezone, "now", lambda: right() + timedelta(hours=next(hours) / 1000))
    run = carry_out(started(cast, {"do": "act", "note": "first"}, {"do": "act", "note": "second"}))
    paths = inside(run, lambda: [action.path for action in saga.undoable(run)])
    assert paths == ["test_pay#2", "test_pay"]


def test_what_had_been_allowed_and_is_held_by_a_new_policy_expires_too(cast):
    policies.publish(actor=cast.alice, rules=ALLOW, note="allow")
    stop = flags.stop(actor=cast.alice, scope="tenant", reason="looking into it")
    run = carry_out(started(cast, {"do": "act"}))
    assert run.status == "blocked"
    flags.lift(actor=cast.alice, stop=stop, reason="it is mended")
    policies.publish(actor=cast.alice, rules=rule(expires_after_s=0.3), note="hold")
    operations.resume(actor=cast.dave, run_id=run.pk, reason="go on")
    run = carry_out(run)
    assert (run.status, run.waiting_for) == ("waiting", "approval")
    wait = inside(run, lambda: Wait.objects.get(run_id=run.pk))
    assert wait.due_at == request_of(run).expires_at
    until(lambda: held.database_time() > wait.due_at)
    assert recovery.sweep(tenants=[run.tenant_id]) == 1
    assert request_of(run).status == "expired"


def test_a_sweeper_with_a_wrong_clock_expires_nothing_before_its_time(cast, wrong_clock):
    it = held.held(cast, rule(expires_after_s=300))
    assert held.expire(it) is False
    assert recovery.sweep(tenants=[it.tenant]) == 0
    assert it.status()[:2] == ("held", "pending")


def test_an_answer_after_the_time_is_refused_although_nobody_swept_yet(cast, wrong_clock):
    it = held.held(cast)
    held.let_time_pass(it)
    for answer in (held.approve, held.reject):
        assert Rival(lambda answer=answer: answer(it)).result() == "already_decided"
    assert it.status()[:2] == ("held", "pending")
