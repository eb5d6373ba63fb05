"""Wake-ups, leases and receipts that come at a bad moment are kept."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from kombu.exceptions import OperationalError as BrokerAway
from pydantic import BaseModel, ConfigDict

from runs import embedded, errors, journal, operations, tasks
from runs.engine import recovery, sending
from runs.journal import Entry
from runs.models import Attempt, Event, Run, Signal
from runs.states import RunStatus
from runs.tools import registry
from tenants import scoping
from tests.concurrency import held
from tests.concurrency.rivals import Rival, my_pid, until
from tests.concurrency.stops import armed
from tests.runs.worlds import HOLD, carry_out, fresh, inside, outside, started

pytestmark = pytest.mark.usefixtures("database")
ASKS = {"do": "wait_for", "event": "parcel"}


class Other(BaseModel):
    """The contract of a newer deployment."""

    model_config = ConfigDict(extra="forbid")

    cents: int


class TidyLoop(embedded.Loop):
    """Only works and beats, and closes the connections of its threads, as the end of a process does."""

    def _listen(self):
        return

    def _sweep(self):
        return

    def _beat(self):
        super()._beat()
        connection.close()

    def _work(self, lease):
        super()._work(lease)
        connection.close()


def deliver(cast, run, key):
    return operations.deliver(actor=cast.jon, subject=run.subject, name="parcel", key=key, value="here")


def test_a_veto_while_the_run_goes_to_sleep_until_the_hold_window_ends_wakes_it_at_once(cast, monkeypatch):
    it = held.held(cast, {"rules": [{**HOLD["rules"][0], "hold_window_s": 3600}]})
    held.approve(it, "bob")
    park = journal.park
    vetoes = []

    def veto_first(*args, **facts):
        vetoes.append(Rival(lambda: held.reject(it)).result())
        park(*args, **facts)

    it.woken()
    monkeypatch.setattr(journal, "park", veto_first)
    it.worker.execute(it.lease)
    monkeypatch.undo()
    assert vetoes == ["ok"]
    assert fresh(it.run).ready_at < held.database_time()


def test_a_cancelled_run_does_not_take_the_event_another_one_waits_for(cast):
    first = carry_out(started(cast, ASKS, subject=f"order-{cast.alice.tenant.pk}"))
    second = carry_out(started(cast, ASKS, subject=first.subject))
    operations.cancel(actor=cast.dave, run_id=first.pk, reason="not needed")
    deliver(cast, second, "k1")
    assert carry_out(second).status == "done"


def test_an_event_for_a_run_that_ends_at_the_same_moment_is_kept(cast):
    run = carry_out(started(cast, ASKS))
    with scoping.tenant(run.tenant_id):
        Run.objects.select_for_update().get(pk=run.pk)
        event = Rival(lambda: deliver(cast, run, "k2"))
        event.waits_for(my_pid())
        journal.append(run.pk, Entry(kind="run.cancelled", status=RunStatus.CANCELLED, ready=journal.NEVER))
    assert (event.result(), fresh(run).status) == ("ok", "cancelled")
    assert inside(run, lambda: Signal.objects.get(key="k2").taken_by_id) is None


def test_an_event_and_the_wait_for_it_at_once_meet(cast):
    it = held.held(cast)
    run = started(cast, ASKS)
    (lease,) = it.worker.claim_ready(1, tenants=[run.tenant_id])
    with scoping.tenant(run.tenant_id):
        Run.objects.select_for_update().get(pk=run.pk)
        work = Rival(lambda: it.worker.execute(lease))
        work.waits_for(my_pid())
        event = Rival(lambda: deliver(cast, run, "k3"))
        event.waits_for(work.pid)
    assert (work.result(), event.result()) == ("ok", "ok")
    assert carry_out(run).status == "done"


def test_leases_that_could_not_be_given_up_are_given_up_at_the_next_beat(cast, monkeypatch):
    it = held.approved(cast)
    run = started(cast, {"do": "step", "name": "second lease"})
    (other,) = it.worker.claim_ready(1, tenants=[run.tenant_id])
    it.worker._abandoned += [it.lease, other]

    def down(*args):
        raise OperationalError("the server is shutting down")

    with monkeypatch.context() as broken:
        broken.setattr(recovery, "take_over", down)
        it.worker.beat()
    assert (fresh(it.run).status, fresh(run).status) == ("running", "running")
    it.worker.beat()
    assert (fresh(it.run).status, fresh(run).status) == ("queued", "queued")


def test_whatever_the_engine_runs_into_the_lease_is_given_up(cast, monkeypatch):
    it = held.approved(cast)

    def broken(*args):
        raise RuntimeError("no such thing")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "lineage", broken)
        it.worker.execute(it.lease)
    it.worker.beat()
    assert carry_out(it.run, worker=it.worker).status == "done"


def test_arguments_that_the_tool_no_longer_takes_are_a_failure_and_not_a_claim_for_ever(cast, monkeypatch):
    it = held.approved(cast)
    changed = replace(registry.get("test_pay"), input=Other)
    with monkeypatch.context() as deployed:
        deployed.setitem(registry._KNOWN, "test_pay", changed)
        it.worker.execute(it.lease)
    assert it.status()[::2] == ("failed", "paused")
    assert outside.done[str(it.action_id)] == 0


def unknown_outcome(cast, note):
    it = held.approved(cast, plan=({"do": "act", "amount_minor": 4200, "note": note},))
    outside.fail(note, errors.Unclear("no answer"))
    it.worker.execute(it.lease)
    assert it.action().status == "outcome_unknown"
    return it, inside(it.run, lambda: Attempt.objects.get(action_id=it.action_id))


def settle(it, outcome):
    return operations.settle(
        actor=it.cast.dave, action_id=it.action_id, outcome=outcome, evidence="looked at the ledger", reason="asked"
    )


RECEIPT = {"number": "r-late", "amount_minor": 4200, "currency": "GBP"}


def test_a_late_receipt_and_a_settlement_at_once_have_one_winner(cast):
    it, attempt = unknown_outcome(cast, "late and settled")
    with scoping.tenant(it.tenant):
        held.lock_action(it)()
        late = Rival(lambda: sending.done(it.tenant, it.action_id, attempt, RECEIPT))
        late.waits_for(my_pid())
        person = Rival(lambda: settle(it, "not_done"))
        assert person.settles()
    assert (late.result(), person.result()) == ("ok", "conflict")
    assert (it.action().status, it.action().receipt["number"]) == ("done", "r-late")


def test_a_receipt_that_contradicts_a_settlement_is_written_down_and_told(cast):
    it, attempt = unknown_outcome(cast, "contradicted")
    settle(it, "not_done")
    assert carry_out(it.run, worker=it.worker).status == "paused"
    sending.done(it.tenant, it.action_id, attempt, RECEIPT)
    told = inside(it.run, lambda: Event.objects.get(run_id=it.run.pk, kind="action.contradicted"))
    assert told.body["receipt"] == RECEIPT
    assert (it.action().status, fresh(it.run).error["code"]) == ("not_done", "contradicted")


def test_the_receipt_of_another_claim_settles_nothing(cast):
    it, attempt = unknown_outcome(cast, "foreign receipt")
    attempt.epoch += 1
    assert Rival(lambda: sending.done(it.tenant, it.action_id, attempt, RECEIPT)).result() == "lease_lost"
    assert it.action().status == "outcome_unknown"


def test_a_broker_that_goes_away_after_the_lease_does_not_keep_the_run(cast, monkeypatch):
    it = held.approved(cast)

    class OneLease:
        def claim_ready(self, limit):
            return [it.lease]

        def execute(self, lease):
            it.worker.execute(lease)

    def away(*args, **facts):
        raise BrokerAway("connection refused")

    monkeypatch.setattr(tasks, "_incarnation", OneLease)
    monkeypatch.setattr(tasks.look, "apply_async", away)
    tasks.look()
    assert fresh(it.run).status == "done"


def test_one_item_that_breaks_keeps_the_sweep_from_nothing_else(cast, monkeypatch):
    rules = {"rules": [{**HOLD["rules"][0], "expires_after_s": 0.2}]}
    its = [held.held(cast, rules) for _ in range(2)]
    until(lambda: held.database_time() > its[1].approval.expires_at)
    end_wait = recovery._end_wait

    def breaks_once(tenant, wait, met=[]):  # noqa: B006  remembered between the calls
        if not met:
            met.append(wait)
            raise KeyError("a renderer that is gone")
        return end_wait(tenant, wait)

    monkeypatch.setattr(recovery, "_end_wait", breaks_once)
    assert recovery.sweep(tenants=[cast.alice.tenant.pk]) == 1
    assert recovery.sweep(tenants=[cast.alice.tenant.pk]) == 1
    assert {it.status()[1] for it in its} == {"expired"}


def test_a_worker_that_is_told_to_end_keeps_its_lease_until_what_is_in_hand_is_finished(cast, settings):
    settings.HOLDPOINT_LEASE_SECONDS = 1
    it = held.held(cast)
    held.approve(it)
    loop = TidyLoop(threads=1, tenants=[it.tenant])
    with armed("send.before", it.action_id) as stop:
        work = Rival(loop.run)
        work.reaches(stop)
        loop.end()
        told = held.database_time()
        until(lambda: held.database_time() > told + timedelta(seconds=1.5))
        assert recovery.sweep(tenants=[it.tenant]) == 0
    assert (work.result(), it.action().status) == ("ok", "done")
