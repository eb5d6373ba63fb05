"""Runs for tests: a small workflow and tools that count what they do, carried out in this process."""

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from approvals.models import Approval
from runs import errors, operations
from runs.engine.context import Context
from runs.engine.worker import Incarnation
from runs.engine.workflows import workflow
from runs.models import Run
from runs.states import EffectClass
from runs.tools.registry import Probe, Tool, register
from tenants import scoping
from tenants.permissions import Actor


class Given(BaseModel):
    """What a test's run is told to do."""

    model_config = ConfigDict(extra="forbid")

    plan: list[dict[str, Any]] = []  # [{"do": "step"|"act"|"sleep"|"wait_for", ...}]
    subject: str = "nobody"


class Effect(BaseModel):
    model_config = ConfigDict(extra="forbid")

    amount_minor: int = 100
    note: str = ""


class Receipt(BaseModel):
    number: str
    amount_minor: int = 0
    currency: str = "GBP"


class Outside:
    """The outside world of one test process: what was done, by effect key, and what to answer next."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.undone: Counter[str] = Counter()
        self.called: Counter[str] = Counter()
        self.failing: dict[str, list[Exception]] = {}
        self.lock = threading.Lock()

    def fail(self, name: str, *failures: Exception) -> None:
        self.failing.setdefault(name, []).extend(failures)

    def meet(self, name: str) -> None:
        self.called[name] += 1
        if self.failing.get(name):
            raise self.failing[name].pop(0)


outside = Outside()


def _pay(value: Effect, key: str) -> Receipt:
    outside.meet(value.note or "pay")
    outside.done[key] += 1
    return Receipt(number=f"r-{key[:8]}", amount_minor=value.amount_minor)


def _take_back(value: Effect, key: str) -> Receipt:
    outside.meet("take_back")
    outside.undone[value.note] += 1
    return Receipt(number=f"u-{key[:8]}", amount_minor=value.amount_minor)


def _look(value: Effect, key: str) -> Probe:
    found = outside.done[key] > 0
    receipt = {"number": f"r-{key[:8]}", "amount_minor": value.amount_minor} if found else None
    return Probe(found=found, receipt=receipt, detail="found" if found else "not found")


register(
    Tool(
        name="test_pay",
        version=1,
        title="Pay",
        effect=EffectClass.REVERSIBLE,
        input=Effect,
        output=Receipt,
        send=_pay,
        idempotent=True,
        compensator="test_take_back",
        compensation=lambda value, receipt: Effect(amount_minor=value.amount_minor, note=receipt.number),
        probe=_look,
    )
)
register(
    Tool(
        name="test_take_back",
        version=1,
        title="Take back",
        effect=EffectClass.IRREVERSIBLE,
        input=Effect,
        output=Receipt,
        send=_take_back,
    )
)


def _read(name: str) -> str:
    outside.meet(name)
    return f"read {name}"


@workflow(
    name="test_plan",
    version=1,
    title="Test plan",
    input=Given,
    describe=lambda given: f"plan of {len(given.plan)}",
    subject=lambda given: given.subject,
)
def test_plan(ctx: Context, given: Given) -> dict[str, Any]:
    results: list[Any] = []
    for item in given.plan:
        if item["do"] == "step":
            results.append(ctx.step(item["name"], _read, item["name"]))
        elif item["do"] == "act":
            results.append(_act(ctx, item))
        elif item["do"] == "sleep":
            ctx.sleep(timedelta(seconds=item["seconds"]))
        elif item["do"] == "wait_for":
            timeout = timedelta(seconds=item["seconds"]) if "seconds" in item else None
            results.append(ctx.wait_for(item["event"], timeout=timeout))
    return {"results": results}


test_plan.__test__ = False  # type: ignore[attr-defined]  not a test


def _act(ctx: Context, item: dict[str, Any]) -> str:
    arguments = {"amount_minor": item.get("amount_minor", 100), "note": item.get("note", "")}
    try:
        return ctx.act("test_pay", arguments).number
    except errors.ActionRefused as refused:
        if not item.get("catch"):
            raise
        return f"refused: {refused.code}: {refused.reason}"


ALLOW = {"rules": [{"name": "allow-all", "match": {}, "then": "allow", "why": "A test allows it."}]}
HOLD = {"rules": [{"name": "hold-all", "match": {}, "then": "hold", "why": "A test holds it."}]}


def started(cast: Any, *plan: dict[str, Any], by: Actor | None = None, subject: str = "") -> Run:
    """A started run of the test workflow in the cast's tenant; nothing is carried out yet."""
    operations.set_up_workflow(actor=cast.alice, name="test_plan", note="tests")
    given = {"plan": list(plan), "subject": subject or uuid.uuid4().hex}
    return operations.start(actor=by or cast.jon, workflow="test_plan", given=given)


def carry_out(run: Run, *, worker: Incarnation | None = None) -> Run:
    """Let one worker take what is ready in the run's tenant until nothing is; returns the run as it is then."""
    worker = worker or Incarnation()
    worker.beat()
    while leases := worker.claim_ready(8, tenants=[run.tenant_id]):
        for lease in leases:
            worker.execute(lease)
    return fresh(run)


def fresh(run: Run) -> Run:
    with scoping.tenant(run.tenant_id):
        return Run.objects.select_related("workflow", "release").get(pk=run.pk)


def inside(run: Run, read: Callable[[], Any]) -> Any:
    """What `read` returns inside the run's tenant."""
    with scoping.tenant(run.tenant_id):
        return read()


def request_of(run: Run) -> Approval:
    """The newest request of a run, with its action."""
    with scoping.tenant(run.tenant_id):
        return Approval.objects.select_related("action").filter(run_id=run.pk).order_by("-id")[0]
