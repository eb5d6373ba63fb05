"""What pages read of runs. Each function opens its tenant's transaction, and the number of queries is constant."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q
from django.db.models.fields.json import KT

from runs import canonical, errors, journal, states, story, waterfall, wording
from runs.engine import saga
from runs.models import Action, Attempt, Event, Run, Step
from runs.redaction import shown
from runs.states import ActionStatus, RunStatus
from runs.tools import registry
from tenants import scoping
from tenants.permissions import Actor

PAGE = 50
MOST_RAW = 20_000  # characters of one event's body on a page
FAMILIES: dict[str, tuple[str, ...]] = {
    "waiting": (RunStatus.WAITING,),
    "running": (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.RETRYING),
    "failed": (RunStatus.FAILED, RunStatus.OVER_BUDGET),
    "unknown": (RunStatus.NEEDS_ATTENTION,),
    "paused": (RunStatus.PAUSED, RunStatus.BLOCKED),
    "compensated": (RunStatus.COMPENSATING, RunStatus.COMPENSATED),
    "cancelled": (RunStatus.CANCELLED,),
    "done": (RunStatus.DONE, RunStatus.PARTLY_DONE),
}

# What a list tells of a result, without reading the whole of it.
RESULT = {f"result_{name}": KT(f"result__{name}") for name in ("outcome", "why", "amount_minor", "currency")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    run: Run
    pill_state: str
    pill: str
    now: str
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    rows: list[Row]
    counts: dict[str, int]  # family -> runs, and "all"
    older: str  # id to continue from, empty at the end
    shown: str  # ids of the rows, for a page that follows them
    newer: int  # runs that would stand above the first row


def runs_page(actor: Actor, *, state: str = "", text: str = "", before: str = "", shown: str = "") -> RunPage:
    """A page of runs, newest first, keyset by id. Four queries at any size.

    With `shown` (ids joined by dots) the page holds exactly those rows, as they are now: what somebody reads
    stays where it is, and `newer` says how many came since.
    """
    ids = [key for key in map(_uuid, shown.split(".")[:PAGE]) if key is not None]
    with scoping.tenant(actor.tenant.pk):
        found = Run.objects.filter(tenant=actor.tenant)
        counts = dict(found.values_list("status").annotate(n=Count("id")))
        listed = found.for_list().annotate(**RESULT).newest_first()
        if state in FAMILIES:
            listed = listed.filter(status__in=FAMILIES[state])
        if text:
            listed = listed.filter(Q(title__icontains=text) | Q(subject__icontains=text))
        key = _uuid(before)
        if key is not None:
            listed = listed.filter(id__lt=key)
        newer = listed.filter(id__gt=max(ids)).count() if ids else 0
        if ids:
            listed = found.for_list().annotate(**RESULT).newest_first().filter(id__in=ids)
        runs = list(listed[: PAGE + 1])
        more, runs = len(runs) > PAGE, runs[:PAGE]
        steps = _steps_of(runs)
    by_family = {name: sum(counts.get(s, 0) for s in members) for name, members in FAMILIES.items()}
    rows = [
        Row(run=run, pill_state=p[0], pill=p[1], now=story.now(run, _result(run)), steps=steps.get(run.pk, 0))
        for run in runs
        for p in [story.pill(run)]
    ]
    return RunPage(
        rows=rows,
        counts=by_family | {"all": sum(counts.values())},
        older=str(runs[-1].pk) if more or len(ids) == PAGE else "",
        shown=".".join(str(run.pk) for run in runs),
        newer=newer,
    )


def _result(run: Any) -> dict[str, Any]:
    return {name: getattr(run, f"result_{name}") for name in ("outcome", "why", "amount_minor", "currency")}


def _steps_of(runs: Sequence[Run]) -> dict[uuid.UUID, int]:
    ids = [run.pk for run in runs]
    return dict(Step.objects.filter(run_id__in=ids).values_list("run_id").annotate(n=Count("id")))


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionView:
    """One action as the step detail shows it."""

    action: Action
    state: str
    arguments: dict[str, Any]
    receipt: Any
    fingerprint: str
    executed: str
    attempts: list[Attempt]
    can_settle: bool
    can_probe: bool
    asked: bool  # somebody has asked the service already
    was: str  # "paid"
    provider: str  # "the ledger"
    sentence: str  # "the refund of £248.00 to Priya Raman"
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """Everything on the run page."""

    run: Run
    story: story.Story
    trace: waterfall.Trace
    actions: list[Action]
    step: Step | None
    step_events: list[Event]
    view: ActionView | None
    given: Any  # input of the selected step
    result: Any
    error: dict[str, Any] | None
    parent: Run | None
    following: list[Run]
    may: dict[str, bool]
    undoes: list[str]  # what a compensation takes back, last first
    held: Action | None
    unknown: Action | None
    tokens: int
    effects: int
    place: int  # of the selected step, counted from 1
    step_state: str
    step_words: str
    tabs: tuple[tuple[str, str, int], ...]  # word, label, count
    raw: list[tuple[Event, str]]  # events of the step with their bodies as text, when they are asked for


def head_of(actor: Actor, run_id: uuid.UUID) -> int | None:
    """The newest sequence of a run: whether a page has anything to catch up with. One query."""
    with scoping.tenant(actor.tenant.pk):
        return Run.objects.filter(tenant=actor.tenant, pk=run_id).values_list("head", flat=True).first()


def run_detail(actor: Actor, run_id: uuid.UUID, *, path: str = "", show: str = "", raw: bool = False) -> Detail:
    """The run page. Raises `NotFound`. The number of queries grows with the ancestors of a retried run alone."""
    with scoping.tenant(actor.tenant.pk):
        run = _find(actor, run_id)
        events = journal.lineage(run)
        steps = list(Step.objects.filter(tenant=actor.tenant, run=run).order_by("started_at", "id"))
        told = _told(run, steps, {event.run_id for event in events})
        actions = [action for action in told if action.run_id == run.pk]
        undoable = saga.undoable(run)
        parent = Run.objects.filter(pk=run.parent_id).first() if run.parent_id else None
        following = list(Run.objects.filter(tenant=actor.tenant, parent=run).order_by("id")[:20])
        step = _selected(steps, path, run)
        asked = any(event.kind == "action.probed" and step and event.path == step.path for event in events)
        view = _action_view(actor, run, step, asked)
        failed = any(action.path == run.failed_path for action in actions)
        may = _may(actor, run, len(undoable), failed)
    return Detail(
        run=run,
        story=story.tell(run, steps, told, events, following),
        trace=waterfall.draw(run, steps, events, selected=step.path if step else "", show=show),
        actions=actions,
        parent=parent,
        following=following,
        may=may,
        undoes=[story.thing(action) for action in undoable],
        held=next((a for a in actions if a.status == ActionStatus.HELD), None),
        unknown=next((a for a in actions if a.status == ActionStatus.UNKNOWN), None),
        tokens=sum(_tokens(event) for event in events),
        effects=sum(action.status == ActionStatus.DONE for action in actions),
        **_of_step(step, view, steps, [event for event in events if step and event.path == step.path], raw=raw),
    )


def _find(actor: Actor, run_id: uuid.UUID) -> Run:
    found = Run.objects.select_related("workflow", "release", "started_by").filter(tenant=actor.tenant, pk=run_id)
    run = found.first()
    if run is None:
        raise errors.NotFound(f"No run with the id {run_id} is here. It may belong to another tenant of yours.")
    return run


def _of_step(
    step: Step | None, view: ActionView | None, steps: Sequence[Step], events: list[Event], *, raw: bool
) -> dict[str, Any]:
    """The part of `Detail` that is about the selected step; `events` are those of its path."""
    last = next((event for event in reversed(events) if "input" in event.body), None)
    return {
        "step": step,
        "step_events": events,
        "view": view,
        "given": shown(_given(last)),
        "result": shown(last.body.get("result")) if last is not None else None,
        "error": next((event.body["error"] for event in reversed(events) if event.body.get("error")), None),
        "place": list(steps).index(step) + 1 if step else 0,
        "step_state": view.state if view else story.STEP_STATE[step.status] if step else "",
        "step_words": view.action.get_status_display() if view else step.get_status_display() if step else "",
        "tabs": _tabs(view, last),
        "raw": [(event, _text(event)) for event in events] if raw else [],
    }


def _told(run: Run, steps: Sequence[Step], ids: set[uuid.UUID]) -> list[Action]:
    """The run's own actions, and those of the runs it continues whose finished steps it keeps. One query."""
    kept = {step.path for step in steps if step.inherited}
    found = Action.objects.filter(tenant_id=run.tenant_id, run_id__in={*ids, run.pk}).order_by("id")
    return [
        action
        for action in found
        if action.run_id == run.pk or (action.path in kept and action.status == ActionStatus.DONE)
    ]


def _tabs(view: ActionView | None, last: Event | None) -> tuple[tuple[str, str, int], ...]:
    found = [("", "What happened", 0)]
    if view is not None:
        found.append(("input", "Arguments", 0))
        found += [("output", "Receipt", 0)] if view.receipt is not None else []
        found += [("attempts", "Attempts", len(view.attempts))] if view.attempts else []
    elif last is not None:
        found.append(("input", "Input", 0))
        found += [("output", "Result", 0)] if "result" in last.body else []
    return (*found, ("raw", "Raw", 0))


def _text(event: Event) -> str:
    text = json.dumps(shown(event.body), indent=2, ensure_ascii=False)
    return (
        text
        if len(text) <= MOST_RAW
        else f"{text[:MOST_RAW]}\n… {len(text) - MOST_RAW:,} characters more are in the journal"
    )


def _selected(steps: Sequence[Step], path: str, run: Run) -> Step | None:
    """The step of the address; else the one that speaks: unknown, failed, waiting; else the last.

    Of a run that is over, the last one with an effect.
    """
    by_path = {step.path: step for step in steps}
    if path in by_path:
        return by_path[path]
    for wanted in ("unknown", "failed", "refused", "waiting", "retrying"):
        for step in reversed(steps):
            if step.status == wanted:
                return step
    if run.finished_at is not None:  # what it did outside says more than how it tidied up
        steps = [step for step in steps if step.kind in ("action", "undo")] or steps
    return steps[-1] if steps else None


def _action_view(actor: Actor, run: Run, step: Step | None, asked: bool) -> ActionView | None:
    if step is None or step.kind not in ("action", "undo"):
        return None
    owner = run
    action = Action.objects.filter(tenant=actor.tenant, run=run, path=step.path).first()
    while action is None and owner.parent_id is not None:
        owner = Run.objects.get(pk=owner.parent_id)
        action = Action.objects.filter(tenant=actor.tenant, run=owner, path=step.path).first()
    if action is None:
        return None
    return view_of(
        action, list(Attempt.objects.filter(tenant=actor.tenant, action=action).order_by("number")), asked=asked
    )


def _may(actor: Actor, run: Run, undoable: int, failed: bool) -> dict[str, bool]:
    """`failed` says that the run stands at an action: that is asked for anew in a retry, never resumed."""
    allowed = actor.may("operate", run.workflow)
    return {
        "operate": allowed,
        "retry": allowed and states.can_retry(run),
        "resume": allowed and states.can_resume(run) and not failed,
        "cancel": allowed and states.can_cancel(run),
        "compensate": allowed and states.can_compensate(run, undoable),
    }


def _given(event: Event | None) -> Any:
    if event is None:
        return None
    given = event.body["input"]
    if isinstance(given, list):  # of a branch of a parallel step, which has no names
        given = {"args": given}
    args = given.get("args") or []
    return {**{f"argument {place}": value for place, value in enumerate(args, 1)}, **given.get("kwargs", {})}


def _tokens(event: Event) -> int:
    result = event.body.get("result")
    if not isinstance(result, dict) or event.kind != "step.done":
        return 0
    return int(result.get("tokens_in", 0) or 0) + int(result.get("tokens_out", 0) or 0)


def unknown_page(actor: Actor, *, after: str = "") -> tuple[list[ActionView], str]:
    """Actions whose outcome nobody knows, oldest first, and the id to continue from. Two queries."""
    with scoping.tenant(actor.tenant.pk):
        found = Action.objects.filter(tenant=actor.tenant, status=ActionStatus.UNKNOWN).select_related("run")
        key = _uuid(after)
        if key is not None:
            found = found.filter(id__gt=key)
        actions = list(found.order_by("id")[: PAGE + 1])
        attempts: dict[uuid.UUID, list[Attempt]] = {}
        for attempt in Attempt.objects.filter(action__in=[a.pk for a in actions]).order_by("number"):
            attempts.setdefault(attempt.action_id, []).append(attempt)
    more = str(actions[PAGE - 1].pk) if len(actions) > PAGE else ""
    return [view_of(action, attempts.get(action.pk, [])) for action in actions[:PAGE]], more


def view_of(action: Action, attempts: list[Attempt], *, asked: bool = False) -> ActionView:
    arguments, words = canonical.parse(bytes(action.payload)), wording.words_of(action.tool)
    probe = registry.get(action.tool).probe is not None
    return ActionView(
        action=action,
        state=story.ACTION_STATE[ActionStatus(action.status)],
        arguments=shown(arguments),
        receipt=shown(action.receipt),
        fingerprint=canonical.fingerprint(action.payload_hash),
        executed=canonical.fingerprint(action.executed_hash),
        attempts=attempts,
        can_settle=states.can_settle(action),
        can_probe=states.can_settle(action) and probe,
        asked=asked,
        was=words.was,
        provider=words.provider,
        sentence=words.thing(shown(arguments)),
        since=action.claimed_at or action.created_at,
    )


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
