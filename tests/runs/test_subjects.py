"""One run at a time acts on one subject, what is known of it outlives runs, and a no is heard in the claim."""

import threading
import time
import uuid
from datetime import timedelta

import pytest
from pydantic import BaseModel

from approvals import decisions, policies
from runs import errors, operations
from runs.engine import subjects
from runs.engine.context import Context
from runs.engine.parallel import Branch
from runs.engine.workflows import workflow
from runs.models import Action, Artifact, Event, Run, Subject
from runs.resilience import RetryPolicy
from runs.states import EffectClass
from runs.tools.registry import Check, Tool, register
from tests.runs.worlds import ALLOW, HOLD, Effect, Receipt, carry_out, fresh, inside, outside, request_of


class About(BaseModel):
    subject: str
    script: str = "contact"


def _reach(value: Effect, key: str) -> Receipt:
    outside.meet(value.note)
    outside.done[key] += 1
    return Receipt(number=f"m-{key[:8]}")


def _seen(value: Effect, receipt: Receipt, key: str) -> Check:
    return Check(ok=not outside.failing.get(f"unseen {value.note}"), detail="looked")


register(
    Tool(
        name="test_reach",
        version=1,
        title="Reach",
        effect=EffectClass.EGRESS,
        input=Effect,
        output=Receipt,
        send=_reach,
        verify=_seen,
        reaches=lambda value: value.note,
        stale_on=("reply",),
    )
)


def _ask(name: str) -> str:
    outside.meet(name)
    return name.upper()


@workflow(
    name="test_about",
    version=1,
    title="About",
    input=About,
    describe=lambda given: given.subject,
    subject=lambda given: given.subject,
    exclusive=True,
)
def about(ctx: Context, given: About) -> dict:
    came = ctx.events("reply")
    known = ctx.recall()
    if known.no_contact or known.did("hello"):
        return {"outcome": "nothing to do", "came": came, "facts": known.facts}
    if given.script == "gather":
        once = RetryPolicy(attempts=2)
        names = [f"{given.subject} {name}" for name in ("a", "b")]
        branches = [Branch(name=n[-1], fn=_ask, args=(n,), within_s=0.2, optional=True, retry=once) for n in names]
        return {"got": [found or found.why for found in ctx.gather("look", *branches)]}
    try:
        ctx.act("test_reach", {"note": given.subject}, once="hello")
    except errors.ActionRefused as refused:
        return {"outcome": refused.code, "came": ctx.events("reply")}
    ctx.keep("hello", "Hello there", kind="mail", title="Hello")
    ctx.remember(greeted="yes")
    if given.script == "wait":
        return {"reply": ctx.wait_for("reply", timeout=timedelta(days=3))}
    return {"outcome": "said hello"}


def begun(cast, subject: str, script: str = "contact", rules: dict = ALLOW):
    policies.publish(actor=cast.alice, rules=rules, note="test")
    operations.set_up_workflow(actor=cast.alice, name="test_about", note="tests")
    given = {"subject": subject, "script": script}
    return operations.start(actor=cast.jon, workflow="test_about", given=given)


@pytest.fixture
def lead() -> str:
    return f"lead:{uuid.uuid4().hex}@example.net"


def replied(cast, lead: str, words: str = "yes") -> None:
    operations.deliver(actor=cast.jon, subject=lead, name="reply", key=uuid.uuid4().hex, value=words)


def test_of_two_runs_on_one_subject_the_second_waits_and_then_finds_nothing_to_do(cast, lead):
    first = carry_out(begun(cast, lead, "wait"))
    second = carry_out(begun(cast, lead))
    assert (fresh(first).status, fresh(first).waiting_for) == ("waiting", "event")
    assert (fresh(second).status, fresh(second).waiting_for) == ("waiting", "slot")
    replied(cast, lead)
    carry_out(first)
    assert fresh(first).result == {"reply": "yes"}
    assert carry_out(second).result["outcome"] == "nothing to do"
    assert outside.called[lead] == 1


def test_a_cancelled_run_lets_the_next_one_have_its_turn(cast, lead):
    first = carry_out(begun(cast, lead, "wait", HOLD))
    second = carry_out(begun(cast, lead, rules=HOLD))
    assert fresh(second).waiting_for == "slot"
    operations.cancel(actor=cast.dave, run_id=first.pk, reason="wrong lead")
    policies.publish(actor=cast.alice, rules=ALLOW, note="test")
    assert carry_out(second).result == {"outcome": "said hello"}


def test_a_retried_run_keeps_its_turn(cast, lead):
    outside.fail(lead, errors.Declined("no such box"))
    first = carry_out(begun(cast, lead))
    second = begun(cast, lead)
    assert first.status == "paused"
    following = operations.retry(actor=cast.dave, run_id=first.pk, reason="the box exists now")
    assert carry_out(following).result == {"outcome": "said hello"}
    assert carry_out(second).result["outcome"] == "nothing to do"


def test_a_deed_is_done_once_even_when_the_turn_was_lost(cast, lead):
    first = carry_out(begun(cast, lead, rules=HOLD))
    second = begun(cast, lead, rules=HOLD)
    inside(first, lambda: Subject.objects.filter(key=lead).update(holder=None))
    _now(second)
    carry_out(second)
    for run in (first, second):
        request = request_of(run)
        decisions.approve(actor=cast.bob, approval_id=request.pk, digest=request.action.digest)
    carry_out(first)
    assert {fresh(first).result["outcome"], fresh(second).result["outcome"]} == {"said hello", "repeated"}
    assert outside.called[lead] == 1


def test_what_was_asked_for_is_closed_when_they_answer_meanwhile(cast, lead):
    run = carry_out(begun(cast, lead, rules=HOLD))
    assert run.waiting_for == "approval"
    replied(cast, lead, "I have a question")
    assert request_of(run).status == "stale"
    assert carry_out(run).result == {"outcome": "stale", "came": ["I have a question"]}
    assert outside.called[lead] == 0


def test_an_answer_that_comes_late_reaches_the_next_run(cast, lead):
    carry_out(begun(cast, lead))
    replied(cast, lead, "sorry, I was away")
    result = carry_out(begun(cast, lead)).result
    assert result == {"outcome": "nothing to do", "came": ["sorry, I was away"], "facts": {"greeted": "yes"}}


def test_whoever_asked_not_to_be_contacted_is_refused_in_the_claim(cast, lead, monkeypatch):
    run = begun(cast, lead)
    real = subjects.barred
    monkeypatch.setattr(subjects, "barred", lambda tenant, key: _forbid_now(run, lead) or real(tenant, key))
    assert carry_out(run).result["outcome"] == "do_not_contact"
    assert outside.called[lead] == 0


def test_a_no_closes_what_waits_for_people(cast, lead):
    run = carry_out(begun(cast, lead, rules=HOLD))
    inside(run, lambda: subjects.forbid_contact(run.tenant_id, lead, why="please stop", by="Ada"))
    assert carry_out(run).result["outcome"] == "do_not_contact"
    assert "Ada asked not to be contacted" in inside(run, lambda: Action.objects.get(run_id=run.pk)).error["message"]
    assert carry_out(begun(cast, lead)).result["outcome"] == "nothing to do"


def test_what_a_run_made_is_kept_by_its_content(cast, lead):
    run = carry_out(begun(cast, lead))
    artifact = inside(run, lambda: Artifact.objects.select_related("blob").get(run_id=run.pk))
    assert (artifact.title, bytes(artifact.blob.content), artifact.size) == ("Hello", b"Hello there", 11)


def test_an_effect_that_nobody_sees_is_not_called_done(cast, lead):
    outside.fail(f"unseen {lead}", ValueError())
    run = carry_out(begun(cast, lead))
    assert (run.status, inside(run, lambda: Action.objects.get(run_id=run.pk)).verified) == ("retrying", None)
    outside.failing.clear()
    _now(run)
    run = carry_out(run)
    assert run.result == {"outcome": "said hello"}
    assert inside(run, lambda: Action.objects.get(run_id=run.pk)).verified["ok"] is True
    assert outside.called[lead] == 1


def test_branches_run_side_by_side_and_one_that_hangs_is_given_up(cast, lead):
    hang = threading.Event()
    outside.failing[f"{lead} b"] = _Hangs(hang)
    run = begun(cast, lead, "gather")
    began = time.monotonic()
    assert carry_out(run).status == "retrying"
    _now(run)
    run = carry_out(run)
    assert run.result == {"got": [f"{lead} a".upper(), "There was no answer within 0.2 s."]}
    assert time.monotonic() - began < 5
    hang.set()
    assert outside.called[f"{lead} a"] == 1


def test_both_branches_that_failed_are_tried_again_and_told(cast, lead):
    for name in "ab":
        outside.fail(f"{lead} {name}", errors.Unavailable("503"))
    run = carry_out(begun(cast, lead, "gather"))
    assert inside(run, lambda: Event.objects.filter(run_id=run.pk, kind="step.retry").count()) == 2
    _now(run)
    assert carry_out(run).result == {"got": [f"{lead} a".upper(), f"{lead} b".upper()]}


class _Hangs(list):
    def __init__(self, until: threading.Event) -> None:
        super().__init__()
        self.until = until

    def __bool__(self) -> bool:
        return not self.until.is_set()

    def pop(self, index: int = 0):
        self.until.wait(20)
        return errors.Unavailable("late")


def _forbid_now(run, lead: str) -> None:
    """As if the no had been committed right before this look of the claim."""
    Subject.objects.filter(key=lead).update(
        no_contact_at="2026-01-01T00:00Z", no_contact_why="stop", no_contact_by="Ada"
    )


def _now(run) -> None:
    inside(run, lambda: Run.objects.filter(pk=run.pk).update(ready_at="2020-01-01T00:00Z"))
