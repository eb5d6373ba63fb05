"""What people do to a run, by two of them at once: done once, and the second learns of the first."""

import pytest

from approvals import policies
from runs import errors, operations
from runs.engine import recovery
from runs.models import Action, Event, Run
from tenants import scoping
from tests.concurrency import held
from tests.concurrency.rivals import Rival, in_the_way, until
from tests.runs.worlds import ALLOW, carry_out, fresh, inside, outside, started

pytestmark = pytest.mark.usefixtures("database")


def lock_run(run):
    return lambda: Run.objects.select_for_update().get(pk=run.pk)


def both(run, operation, other=None):
    """Two rivals who queue at the run's lock."""
    with in_the_way(run.tenant_id, lock_run(run)) as pid:
        rivals = [Rival(operation)]
        rivals[0].waits_for(pid)
        rivals.append(Rival(other or operation))
        assert rivals[1].settles()
    return [rival.result() for rival in rivals], [rival.value for rival in rivals]


def paid(cast):
    policies.publish(actor=cast.alice, rules=ALLOW, note="allow")
    run = carry_out(started(cast, {"do": "act", "note": "a"}, {"do": "act", "note": "b"}))
    assert run.status == "done"
    return run


def broken(cast, name):
    policies.publish(actor=cast.alice, rules=ALLOW, note="allow")
    outside.fail(name, errors.Declined("no"))
    run = carry_out(started(cast, {"do": "step", "name": name}))
    assert run.status == "paused"
    return run


def test_two_retries_at_once_are_one_new_run(cast):
    run = broken(cast, "two retries")
    outcomes, runs = both(run, lambda: operations.retry(actor=cast.dave, run_id=run.pk, reason="mended"))
    assert outcomes == ["ok", "ok"]
    assert runs[0].pk == runs[1].pk
    assert inside(run, lambda: Run.objects.filter(parent=run).count()) == 1


def test_two_compensations_at_once_are_one_undo(cast):
    run = paid(cast)
    outcomes, runs = both(run, lambda: operations.compensate(actor=cast.dave, run_id=run.pk, reason="wrong"))
    assert (outcomes, runs[0].pk) == (["ok", "ok"], runs[1].pk)
    assert carry_out(runs[0]).status == "compensated"
    undone = inside(run, lambda: Action.objects.filter(compensates__run=run, status="done").count())
    assert undone == 2
    with pytest.raises(errors.Conflict):
        operations.compensate(actor=cast.dave, run_id=run.pk, reason="once more")


def test_of_a_retry_and_a_cancellation_at_once_the_first_wins(cast):
    run = broken(cast, "retry or cancel")
    outcomes, _ = both(
        run,
        lambda: operations.retry(actor=cast.dave, run_id=run.pk, reason="mended"),
        lambda: operations.cancel(actor=cast.alice, run_id=run.pk, reason="not needed"),
    )
    assert (outcomes, fresh(run).status) == (["ok", "conflict"], "failed")


def test_of_a_cancellation_and_a_retry_at_once_the_first_wins(cast):
    run = broken(cast, "cancel or retry")
    outcomes, _ = both(
        run,
        lambda: operations.cancel(actor=cast.alice, run_id=run.pk, reason="not needed"),
        lambda: operations.retry(actor=cast.dave, run_id=run.pk, reason="mended"),
    )
    assert (outcomes, fresh(run).status) == (["ok", "conflict"], "cancelled")
    assert inside(run, lambda: Run.objects.filter(parent=run).count()) == 0


def test_two_resumptions_at_once_are_one(cast):
    run = broken(cast, "two resumptions")
    outcomes, _ = both(run, lambda: operations.resume(actor=cast.dave, run_id=run.pk, reason="go on"))
    assert outcomes == ["ok", "ok"]
    assert inside(run, lambda: Event.objects.filter(run_id=run.pk, kind="run.resumed").count()) == 1


def test_two_settlements_at_once_have_one_winner(cast):
    it = held.approved(cast, plan=({"do": "act", "note": "two settle"},))
    outside.fail("two settle", errors.Unclear("no answer"))
    it.worker.execute(it.lease)

    def settle(outcome):
        facts = {"evidence": "looked at the ledger", "reason": "asked them"}
        return lambda: operations.settle(actor=cast.dave, action_id=it.action_id, outcome=outcome, **facts)

    with in_the_way(it.tenant, held.lock_action(it)) as pid:
        yes = Rival(settle("done"))
        yes.waits_for(pid)
        no = Rival(settle("not_done"))
        assert no.settles()
    assert (yes.result(), no.result(), it.action().status) == ("ok", "conflict", "done")


def test_two_sweepers_take_over_a_lease_once(cast):
    it = held.approved(cast)
    held.take(it)
    outcomes, did = both(it.run, lambda: held.take_over(it))
    assert (outcomes, did) == (["ok", "ok"], [True, False])
    kinds = inside(it.run, lambda: list(Event.objects.filter(run_id=it.run.pk).values_list("kind", flat=True)))
    assert kinds.count("action.unknown") == 1


def test_two_sweepers_expire_a_request_once(cast):
    it = held.held(cast, {"rules": [{**held.HOLD["rules"][0], "expires_after_s": 0.2}]})
    end = it.approval.expires_at
    until(lambda: held.database_time() > end)
    outcomes = [Rival(lambda: recovery.sweep(tenants=[it.tenant])) for _ in range(2)]
    assert [rival.result() for rival in outcomes] == ["ok", "ok"]
    assert sum(rival.value for rival in outcomes) == 1
    assert it.status()[:2] == ("denied", "expired")


def test_two_workers_never_lease_the_same_run(cast):
    it = held.held(cast)
    runs = [started(cast, {"do": "step", "name": "leased once"}) for _ in range(6)]
    others = [held.Incarnation(lease_s=60) for _ in range(3)]

    def lease(worker):
        worker.beat()
        return worker.claim_ready(6, tenants=[it.tenant])

    rivals = [Rival(lambda worker=worker: lease(worker)) for worker in others]
    assert [rival.result() for rival in rivals] == ["ok"] * 3
    leased = [lease.run for rival in rivals for lease in rival.value]
    assert sorted(leased) == sorted(run.pk for run in runs)


def test_the_tenant_of_a_transaction_does_not_survive_it(cast):
    run = started(cast, {"do": "step", "name": "own tenant"})
    assert fresh(run).pk == run.pk
    assert Rival(lambda: Run.objects.get(pk=run.pk)).result().startswith("DoesNotExist")
    with scoping.tenant(cast.charlie.tenant.pk):
        assert not Run.objects.filter(pk=run.pk).exists()
