"""Geometry of the trace: bars in percent of the width, with a long wait folded into a narrow gap. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from runs import story
from runs.models import Run, Step
from runs.states import StepStatus

FOLDED = 8.0  # percent of the width that a folded wait takes
LEAST = 0.7  # percent, so that a quick step can be seen
LONG_S = 5.0  # a shorter wait is never folded
ICONS = {"tool": "tool", "model": "model", "action": "hold", "undo": "back", "timer": "clock", "event": "mail"}
OF_TOOL = {"refund_payment": "money", "reverse_refund": "back", "send_email": "mail"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    kind: str  # class of the bar: empty, bar-model, bar-wait
    x: float
    width: float
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the trace."""

    path: str
    label: str
    note: str
    icon: str
    state: str
    words: str
    time: str
    bars: tuple[Bar, ...]
    selected: bool
    inherited: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    lines: tuple[Line, ...]
    hidden: int
    counts: dict[str, int]  # all, failed, unknown, waiting
    gap: tuple[float, float] | None  # x and width of the folded wait
    gap_words: str
    ticks: tuple[tuple[float, str, str], ...]  # x, words, anchor


def draw(run: Run, steps: Sequence[Step], events: Sequence[Any], *, selected: str, show: str) -> Trace:
    """The trace of `run`; `show` leaves only failed, unknown or waiting steps."""
    begin = min([run.created_at, *(step.started_at for step in steps)])
    end = max([run.finished_at or timezone.now(), *(step.finished_at or step.started_at for step in steps)])
    holds = _holds(events, end)
    scale = _Scale(begin, end, max(holds.values(), key=lambda h: h[1] - h[0], default=None))
    kept = [step for step in steps if not show or _group(step) == show]
    counts = {"all": len(steps)}
    for step in steps:
        counts[_group(step)] = counts.get(_group(step), 0) + 1
    lines = tuple(_line(step, holds.get(step.path), scale, end, step.path == selected) for step in kept)
    return Trace(
        lines=lines,
        hidden=len(steps) - len(kept),
        counts=counts,
        gap=scale.gap,
        gap_words=scale.gap_words,
        ticks=scale.ticks(),
    )


def _group(step: Step) -> str:
    state = story.STEP_STATE[StepStatus(step.status)]
    return state if state in ("failed", "unknown", "waiting") else "other"


def _holds(events: Sequence[Any], end: datetime) -> dict[str, tuple[datetime, datetime]]:
    """When each action was held, and until when."""
    since: dict[str, datetime] = {}
    found: dict[str, tuple[datetime, datetime]] = {}
    for event in events:
        if event.kind in ("action.held", "action.reheld", "wait.opened"):
            since[event.path] = event.at
        elif event.kind in ("action.approved", "action.denied", "wait.resolved") and event.path in since:
            found[event.path] = (since.pop(event.path), event.at)
    return found | {path: (start, end) for path, start in since.items()}


class _Scale:
    """Maps a time to a percentage; the longest wait is folded when it would push the work together."""

    def __init__(self, begin: datetime, end: datetime, hold: tuple[datetime, datetime] | None) -> None:
        self.begin, self.total = begin, max((end - begin).total_seconds(), 0.001)
        self.gap: tuple[float, float] | None = None
        self.gap_words = ""
        self.hold = hold if hold and self._folds(hold) else None
        if self.hold is not None:
            x = self.at(self.hold[0])
            self.gap = (round(x, 2), FOLDED)
            self.gap_words = duration((self.hold[1] - self.hold[0]).total_seconds())

    def _folds(self, hold: tuple[datetime, datetime]) -> bool:
        length = (hold[1] - hold[0]).total_seconds()
        return length > LONG_S and length > self.total * 0.3

    def at(self, moment: datetime) -> float:
        seconds = (moment - self.begin).total_seconds()
        if self.hold is None:
            return 100 * min(max(seconds / self.total, 0.0), 1.0)
        before = (self.hold[0] - self.begin).total_seconds()
        length = (self.hold[1] - self.hold[0]).total_seconds()
        worked = max(self.total - length, 0.001)
        per_second = (100 - FOLDED) / worked
        if seconds <= before:
            return max(seconds, 0.0) * per_second
        if seconds <= before + length:
            return before * per_second + FOLDED * (seconds - before) / length
        return min(before * per_second + FOLDED + (seconds - before - length) * per_second, 100.0)

    def ticks(self) -> tuple[tuple[float, str, str], ...]:
        worked = self.total if self.hold is None else self.total - (self.hold[1] - self.hold[0]).total_seconds()
        found = [(0.0, "0", ""), (100.0, f"{duration(worked)} worked" if self.hold else duration(worked), "end")]
        if self.gap is not None and 18 < self.gap[0] < 62:
            found.insert(1, (self.gap[0] + FOLDED / 2, self.gap_words, "middle"))
        return tuple(found)


def _line(step: Step, hold: tuple[datetime, datetime] | None, scale: _Scale, end: datetime, selected: bool) -> Line:
    state = story.STEP_STATE[StepStatus(step.status)]
    until = step.finished_at or end
    bars = []
    if hold is not None:
        bars.append(_bar("bar-wait", *hold, scale))
        bars.append(_bar("", hold[1], until, scale, state))
    else:
        bars.append(_bar("bar-model" if step.kind == "model" else "", step.started_at, until, scale, state))
    name = step.path.removeprefix("undo/")
    tool = name.split("#")[0]
    return Line(
        path=step.path,
        label=f"undo {name}" if step.kind == "undo" else name,
        note=step.note if len(step.note) < 44 else step.note[:42] + "…",
        icon=OF_TOOL.get(tool, ICONS.get(step.kind, "tool")) if step.kind != "undo" else "back",
        state=state,
        words=step.get_status_display(),
        time=duration((until - step.started_at).total_seconds()) if step.finished_at else "–",
        bars=tuple(bars),
        selected=selected,
        inherited=step.inherited,
    )


def _bar(kind: str, start: datetime, end: datetime, scale: _Scale, state: str = "") -> Bar:
    x = scale.at(start)
    width = max(scale.at(end) - x, LEAST)
    colour = state if state in ("failed", "unknown", "waiting") and kind == "" else ""
    return Bar(kind=kind, x=round(min(x, 100 - LEAST), 2), width=round(width, 2), state=colour)


def duration(seconds: float) -> str:
    """412 ms, 3.1 s, 4 m 05 s, 1 h 12 m, 3 d 4 h."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} m" if hours < 48 else f"{hours // 24} d {hours % 24} h"
