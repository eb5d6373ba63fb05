"""Steps side by side: each is remembered for itself, whichever ended first, and each has its own time."""

import threading
import uuid

import pytest
from pydantic import BaseModel

from runs import errors, journal, operations
from runs.engine import results
from runs.engine.context import Context
from runs.engine.parallel import Branch
from runs.engine.workflows import workflow
from runs.journal import Entry
from runs.models import Event
from tests.runs.worlds import carry_out, fresh, inside, outside


class Question(BaseModel):
    names: list[str]  # "left" and "right" of one test
    optional: bool = False
    within_s: float = 5.0


GATES: dict[str, threading.Event] = {}


def _ask(name: str) -> str:
    if name in GATES:
        GATES[name].wait(5)
    outside.meet(name)
    return name.upper()


@workflow(
    name="test_gather",
    version=1,
    title="Gather",
    input=Question,
    describe=lambda _: "Gather",
    subject=lambda _: "nobody",
)
def gather(ctx: Context, given: Question) -> dict:
    branches = [
        Branch(name=side, fn=_ask, args=(name,), within_s=given.within_s, optional=given.optional)
        for side, name in zip(("left", "right"), given.names, strict=True)
    ]
    found = ctx.gather("look", *branches)
    return {"got": [one or f"missing: {one.code}" for one in found]}


def asked(cast, *names: str, **how):
    operations.set_up_workflow(actor=cast.alice, name="test_gather", note="tests")
    return operations.start(actor=cast.jon, workflow="test_gather", given={"names": list(names), **how})


@pytest.fixture
def names() -> list[str]:
    mark = uuid.uuid4().hex[:8]
    return [f"left {mark}", f"right {mark}"]


def finished(run) -> list[str]:
    return inside(run, lambda: list(Event.objects.filter(run=run, kind="step.done").values_list("path", flat=True)))


def test_results_come_in_the_order_of_the_branches_whichever_ends_first(cast, names):
    GATES[names[0]] = threading.Event()
    run = asked(cast, *names)
    threading.Timer(0.1, GATES[names[0]].set).start()
    assert carry_out(run).result == {"got": [name.upper() for name in names]}
    assert sorted(finished(run)) == ["look/left", "look/right"]


@pytest.mark.parametrize("side", ["left", "right"])
def test_whichever_branch_was_recorded_before_a_crash_is_not_asked_again(cast, names, side):
    run, name = asked(cast, *names), names[side == "right"]
    body = {"of": "tool", "input": [name], "input_hash": results.fingerprint([name]), "result": "FROM BEFORE"}
    inside(run, lambda: journal.append(run.pk, Entry(kind="step.done", path=f"look/{side}", body=body)))
    assert "FROM BEFORE" in carry_out(run).result["got"]
    assert [outside.called[one] for one in names] == [int(one != name) for one in names]


def test_a_needed_branch_that_failed_for_good_stops_the_run_once_the_others_are_recorded(cast, names):
    outside.fail(names[0], errors.Declined("no such page"))
    run = carry_out(asked(cast, *names))
    assert (run.status, run.failed_path, finished(run)) == ("paused", "look/left", ["look/right"])
    operations.resume(actor=cast.dave, run_id=run.pk, reason="the page is back")
    assert carry_out(run).result == {"got": [name.upper() for name in names]}
    assert outside.called[names[1]] == 1


def test_an_optional_branch_that_failed_for_good_is_missing_and_says_why(cast, names):
    outside.fail(names[1], errors.Declined("no such page"))
    run = carry_out(asked(cast, *names, optional=True))
    assert run.result == {"got": [names[0].upper(), "missing: declined"]}


def test_a_branch_that_is_worth_it_is_tried_again_alone(cast, names):
    outside.fail(names[0], errors.Unavailable("503"))
    run = carry_out(asked(cast, *names))
    assert (run.status, finished(run)) == ("retrying", ["look/right"])
    inside(run, lambda: type(run).objects.filter(pk=run.pk).update(ready_at=journal.clock()))
    assert carry_out(run).status == "done"
    assert (outside.called[names[0]], outside.called[names[1]]) == (2, 1)


def test_a_branch_that_hangs_is_given_up_after_its_own_time(cast, names):
    GATES[names[0]] = threading.Event()
    run = carry_out(asked(cast, *names, within_s=0.1))
    GATES[names[0]].set()
    assert fresh(run).status == "retrying"
    [event] = inside(run, lambda: list(Event.objects.filter(run=run, kind="step.retry")))
    assert (event.path, event.body["error"]["code"]) == ("look/left", "too_long")
