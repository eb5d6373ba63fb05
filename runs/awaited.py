"""What a run waits for, in words: in two or three beside its title, and as a sentence of its story."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from runs.models import Event, Run
from runs.states import RUN_OPEN, WaitKind
from runs.wording import tale_of


def what(run: Run) -> str:
    """For a decision, for its turn; for an event as its workflow calls it: for a reply. Reads `run.workflow`."""
    tale = tale_of(run.workflow.name)
    if run.waiting_for == WaitKind.EVENT and tale is not None and tale.event:
        return f"for {tale.event}"
    return run.get_waiting_for_display() if run.waiting_for else ""


def told(run: Run, events: Sequence[Event]) -> tuple[str, str]:
    """What is waited for, and until when or why; both empty when it is nothing, or a decision, which others tell of."""
    if run.status not in RUN_OPEN or run.waiting_for not in (WaitKind.EVENT, WaitKind.TIMER, WaitKind.SLOT):
        return "", ""
    if run.waiting_for == WaitKind.SLOT:
        return "Another run works on them", ", and this one waits for its turn. It then reads what was done."
    due = _due([event for event in events if event.run_id == run.pk])
    until = f" until {_moment(due)}" if due else ""
    return f"It waits {what(run)}" if run.waiting_for == WaitKind.EVENT else "It waits", f"{until}."


def _due(events: Sequence[Event]) -> datetime | None:
    """The end of the newest wait, with what moved it since."""
    due: datetime | None = None
    for event in events:
        if event.kind == "wait.opened":
            due = datetime.fromisoformat(event.body["due"]) if event.body.get("due") else None
        elif event.kind == "clock.moved" and due is not None:
            due -= timedelta(seconds=float(event.body.get("by_s") or 0.0))
    return due


def _moment(at: datetime) -> str:
    return f"{at:%H:%M} UTC" if at.date() == timezone.now().date() else f"{at:%-d %B, %H:%M} UTC"
