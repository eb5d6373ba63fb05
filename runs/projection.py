"""From events to what pages show: one pure mapping, used when an event is written and when a journal is folded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runs.states import RunStatus, StepStatus

S = StepStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class StepChange:
    """What an event says of its step."""

    kind: str  # tool, model, action, undo, timer, event
    status: str
    over: bool  # the step is finished
    attempt: int = 1
    note: str = ""
    ms: float = 0.0  # how long the work took, so that the start can be told from the end


# kind of event -> (status of its step, whether the step is over)
_OF: dict[str, tuple[str, bool]] = {
    "step.done": (S.DONE, True),
    "step.retry": (S.RETRYING, False),
    "step.failed": (S.FAILED, True),
    "wait.opened": (S.WAITING, False),
    "wait.resolved": (S.DONE, True),
    "action.proposed": (S.RUNNING, False),
    "action.allowed": (S.RUNNING, False),
    "action.held": (S.WAITING, False),
    "action.reheld": (S.WAITING, False),
    "action.approved": (S.RUNNING, False),
    "action.stopped": (S.WAITING, False),
    "action.claimed": (S.RUNNING, False),
    "action.resent": (S.RUNNING, False),
    "action.denied": (S.REFUSED, True),
    "action.done": (S.DONE, True),
    "action.failed": (S.FAILED, True),
    "action.unknown": (S.UNKNOWN, False),
    "action.settled": (S.DONE, True),  # or failed, when it was settled as not done
}


def step_change(kind: str, path: str, body: Mapping[str, Any]) -> StepChange | None:
    """The change of the step at `path`, or None for events that have none."""
    if kind not in _OF:
        return None
    status, over = _OF[kind]
    if kind == "action.settled" and body["outcome"] != "done":
        status = S.FAILED
    if kind.startswith("action."):
        of = "undo" if path.startswith("undo/") else "action"
    else:
        of = body.get("of", "tool")
    return StepChange(
        kind=of,
        status=status,
        over=over,
        attempt=body.get("attempt", 1),
        note=str(body.get("note", ""))[:200],
        ms=body.get("ms", 0.0),
    )


@dataclass(slots=True)
class Folded:
    """The state a journal tells. A run that a worker holds right now is told as the state it was taken from."""

    status: str = RunStatus.QUEUED
    waiting_for: str = ""
    steps: dict[str, str] = field(default_factory=dict)  # path -> status


def fold(events: Iterable[Any]) -> Folded:
    """Replay `events` (with kind, path, body, status, waiting_for) from the first on."""
    state = Folded()
    for event in events:
        if event.status:
            state.status, state.waiting_for = event.status, event.waiting_for
        elif event.kind.startswith(("step.", "action.claimed")):
            state.status, state.waiting_for = _going(state.status), ""
        change = step_change(event.kind, event.path, event.body)
        if change is not None:
            state.steps[event.path] = change.status
    return state


def _going(status: str) -> str:
    return status if status == RunStatus.COMPENSATING else RunStatus.QUEUED
