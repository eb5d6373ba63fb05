"""A run goes on from its journal: finished steps are remembered, failed ones are tried again or stand still."""

import json
import os

import psycopg
import pytest

from runs import errors, operations, projection
from runs.engine import recovery
from runs.engine.worker import Incarnation
from runs.journal import lineage
from runs.models import Event, Step
from tests.runs.worlds import carry_out, fresh, inside, outside, started


def step(name: str) -> dict:
    return {"do": "step", "name": name}


def test_a_run_ends_with_the_results_of_its_steps(cast):
    run = carry_out(started(cast, step("one"), step("two")))
    assert run.status == "done"
    assert run.result == {"results": ["read one", "read two"]}


def test_a_finished_step_is_not_run_again_after_a_later_one_failed(cast):
    outside.fail("late-2", errors.Declined("no"))
    run = carry_out(started(cast, step("late-1"), step("late-2")))
    assert (run.status, run.failed_path) == ("paused", "late-2")
    operations.resume(actor=cast.dave, run_id=run.pk, reason="it is mended")
    assert carry_out(run).status == "done"
    assert (outside.called["late-1"], outside.called["late-2"]) == (1, 2)


def test_what_is_worth_it_is_tried_again_by_itself(cast):
    outside.fail("shaky", errors.Unavailable("503"))
    run = carry_out(started(cast, step("shaky")))
    assert run.status == "retrying"
    assert run.ready_at is not None
    _make_ready(run)
    assert carry_out(run).status == "done"


def test_after_three_tries_it_stands_still_for_a_person(cast):
    outside.fail("down", *[errors.Unavailable("503") for _ in range(3)])
    run = started(cast, step("down"))
    for _ in range(3):
        carry_out(run)
        _make_ready(run)
    run = fresh(run)
    assert (run.status, run.error["code"]) == ("paused", "unavailable")
    assert outside.called["down"] == 3


def test_a_refusal_is_not_tried_again(cast):
    outside.fail("refuses", errors.Declined("no such order"))
    run = carry_out(started(cast, step("refuses")))
    assert run.status == "paused"
    assert run.error["message"] == "no such order"


def test_whatever_a_step_raises_is_stored_as_data(cast):
    outside.fail("crashes", ZeroDivisionError("by hand"))
    run = carry_out(started(cast, step("crashes")))
    assert run.status == "paused"
    assert run.error == {"code": "crashed", "message": "ZeroDivisionError: by hand", "path": "crashes"}


def test_another_worker_with_an_older_epoch_can_write_nothing(cast):
    run = started(cast, step("fenced"))
    first, second = Incarnation(), Incarnation()
    first.beat()
    second.beat()
    [lease] = first.claim_ready(1, tenants=[run.tenant_id])
    first.stop()
    _take_over(run)
    [_] = second.claim_ready(1, tenants=[run.tenant_id])
    first.beat()
    before = fresh(run).head
    first.execute(lease)
    assert fresh(run).head == before


def test_a_timer_parks_the_run_and_fires_once(cast):
    run = carry_out(started(cast, {"do": "sleep", "seconds": 3600}, step("after")))
    assert (run.status, run.waiting_for, run.lease_worker_id) == ("waiting", "timer", None)
    _wind(run)
    _sweep(run)
    _sweep(run)
    assert carry_out(run).status == "done"
    assert inside(run, lambda: Event.objects.filter(run_id=run.pk, kind="wait.resolved").count()) == 1


def test_an_event_that_came_before_the_wait_counts(cast):
    run = started(cast, {"do": "wait_for", "event": "reply"}, subject=f"lead-{cast.jon.user.pk}")
    operations.deliver(actor=cast.jon, subject=run.subject, name="reply", key=str(run.pk), value={"yes": True})
    assert carry_out(run).result == {"results": [{"yes": True}]}


def test_an_event_wakes_the_run_that_waits_and_the_same_key_counts_once(cast):
    run = carry_out(
        started(cast, {"do": "wait_for", "event": "reply"}, {"do": "wait_for", "event": "reply", "seconds": 9})
    )
    assert run.waiting_for == "event"
    for _ in range(3):
        operations.deliver(actor=cast.jon, subject=run.subject, name="reply", key=f"k-{run.pk}", value=7)
    run = carry_out(run)
    assert (run.status, run.waiting_for) == ("waiting", "event")
    _wind(run)
    _sweep(run)
    assert carry_out(run).result == {"results": [7, None]}


def test_code_that_asks_for_something_else_than_the_journal_is_blocked_in_words(cast):
    outside.fail("second", errors.Declined("no"))
    run = carry_out(started(cast, step("first"), step("second")))
    _change_plan(run, [step("other"), step("second")])
    operations.resume(actor=cast.dave, run_id=run.pk, reason="after the deploy")
    run = carry_out(run)
    assert (run.status, run.error["code"]) == ("blocked", "nondeterministic")
    assert "first" in run.error["message"]


def test_a_run_whose_version_no_worker_has_says_so(cast):
    run = started(cast, step("x"))
    _sql(run, "UPDATE runs_run SET workflow_version = 99 WHERE id = %s")
    run = carry_out(run)
    assert (run.status, run.error["code"]) == ("blocked", "no_version")


def test_folding_every_prefix_of_the_journal_gives_the_projected_state(cast):
    outside.fail("fold-2", errors.Declined("no"))
    run = started(cast, step("fold-1"), step("fold-2"))
    for turn in (
        lambda: None,
        lambda: carry_out(run),
        lambda: operations.resume(actor=cast.dave, run_id=run.pk, reason="again"),
    ):
        turn()
        now = fresh(run)
        folded = projection.fold(inside(run, lambda now=now: lineage(now)))
        steps = inside(run, lambda: dict(Step.objects.filter(run_id=run.pk).values_list("path", "status")))
        assert (folded.status, folded.steps) == (now.status, steps)


def test_the_same_start_key_is_the_same_run_and_other_input_is_refused(cast):
    operations.set_up_workflow(actor=cast.alice, name="test_plan", note="x")
    begin = {"actor": cast.jon, "workflow": "test_plan", "start_key": "k1"}
    first = operations.start(**begin, given={"plan": []})
    assert operations.start(**begin, given={"plan": []}).pk == first.pk
    with pytest.raises(errors.Invalid, match="other input"):
        operations.start(**begin, given={"plan": [step("x")]})


def test_the_database_itself_refuses_to_change_the_journal(cast, owner_url):
    run = carry_out(started(cast, step("stone")))
    for statement in ("UPDATE runs_event SET kind = 'x'", "DELETE FROM runs_event", "TRUNCATE runs_event CASCADE"):
        with psycopg.connect(owner_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
    assert inside(run, lambda: Event.objects.filter(run_id=run.pk).count()) == run.head


def test_a_final_state_stays(cast, owner_url):
    run = carry_out(started(cast, step("over")))
    with psycopg.connect(owner_url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("UPDATE runs_run SET status = 'running' WHERE id = %s", [run.pk])


def _sql(run, statement: str) -> None:
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as connection:
        connection.execute(statement, [run.pk])


def _make_ready(run) -> None:
    _sql(run, "UPDATE runs_run SET ready_at = clock_timestamp() WHERE id = %s AND ready_at IS NOT NULL")


def _wind(run) -> None:
    _sql(run, "UPDATE runs_wait SET due_at = clock_timestamp() WHERE run_id = %s")


def _change_plan(run, plan: list) -> None:
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as connection:
        given = json.dumps({"plan": plan, "subject": run.subject})
        connection.execute("UPDATE runs_run SET input = %s::jsonb WHERE id = %s", [given, run.pk])


def _take_over(run) -> None:
    _sweep(run)


def _sweep(run) -> None:
    recovery.sweep([run.tenant_id])
