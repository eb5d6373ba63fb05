"""Geometry of the trace: bars in percent of the width, with stretches of waiting folded into narrow gaps. Pure."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from runs import story
from runs.models import Run, Step
from runs.states import RunStatus, StepStatus

FOLDED = 7.0  # percent of the width that a folded wait takes
MOST_FOLDS = 4
LEAST = 0.7  # percent, so that a quick step can be seen
LONG_S = 0.5  # a shorter wait is never folded
ICONS = {
    "tool": "tool",
    "model": "model",
    "action": "hold",
    "undo": "back",
    "timer": "clock",
    "event": "plug",
    "slot": "clock",
    "check": "check",
}
OF_TOOL = {"refund_payment": "money", "reverse_refund": "back", "send_email": "mail", "send_outreach": "mail"}
WORK = ("", "bar-model")
WAITED = {"due": "none in time", "event": "it came", "skipped": "ended by hand"}  # how a wait ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of one step. `kind` is the class of its bar: empty for work, bar-model, bar-wait."""

    kind: str
    start: datetime
    end: datetime
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    kind: str
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
    bars: tuple[Bar, ...] = ()
    selected: bool = False
    inherited: bool = False
    ghost: bool = False  # planned and not begun
    depth: int = 0  # 1 below a group
    group: bool = False  # stands for the steps below it, and is none itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A folded stretch in which nothing was worked on."""

    start: datetime
    end: datetime
    x: float

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    lines: tuple[Line, ...]
    hidden: int
    counts: dict[str, int]  # all, failed, unknown, waiting
    gaps: tuple[Gap, ...]
    ticks: tuple[tuple[float, str, str], ...]  # x, words, anchor
    whole: str  # how long it all took
    worked_s: float
    waited_s: float


def draw(run: Run, steps: Sequence[Step], events: Sequence[Any], *, selected: str, show: str) -> Trace:
    """The trace of `run`; `show` leaves only failed, unknown or waiting steps. Kept steps have no time here."""
    now = run.finished_at or timezone.now()
    mine = [event for event in events if event.run_id == run.pk]
    pieces = {s.path: _pieces(s, [e for e in mine if e.path == s.path], now) for s in steps if not s.inherited}
    every = [piece for found in pieces.values() for piece in found]
    still = run.status in (RunStatus.PAUSED, RunStatus.FAILED, RunStatus.NEEDS_ATTENTION)
    end = max([piece.end for piece in every], default=run.created_at) if still or run.finished_at else now
    scale = Scale(every, run.created_at, max(end, run.created_at))
    kept = [step for step in steps if not show or _group(step) == show]
    lines = [_line(step, pieces.get(step.path, []), scale, now, selected) for step in kept]
    counts = {"all": len(steps)}
    for step in steps:
        counts[_group(step)] = counts.get(_group(step), 0) + 1
    worked = sum((p.end - p.start).total_seconds() for p in every if p.kind in WORK)
    whole = (scale.end - scale.begin).total_seconds()
    return Trace(
        lines=tuple(lines if show else _grouped(lines, pieces) + _ghosts(mine, {step.path for step in steps})),
        hidden=len(steps) - len(kept),
        counts=counts,
        gaps=tuple(scale.gaps),
        ticks=scale.ticks(),
        whole=duration(whole),
        worked_s=worked,
        waited_s=max(whole - worked, 0.0),
    )


def _group(step: Step) -> str:
    state = story.STEP_STATE[StepStatus(step.status)]
    return state if state in ("failed", "unknown", "waiting") else "other"


def _pieces(step: Step, events: Sequence[Any], now: datetime) -> list[Piece]:
    """The stretches of one step from its events: waiting, each attempt, and what came of the last."""
    pieces: list[Piece] = []
    work = "bar-model" if step.kind == "model" else ""
    since, sending = step.started_at, False
    for event in events:
        took = timedelta(milliseconds=float(event.body.get("ms") or 0.0))
        if event.kind in ("step.done", "step.retry", "step.failed"):
            state = "" if event.kind == "step.done" else "failed"
            pieces += _wait(since, event.at - took)
            pieces.append(Piece(kind=work, start=event.at - took, end=event.at, state=state))
        elif event.kind == "action.claimed":
            pieces += _wait(since, event.at)
            sending = True
        elif event.kind in ("action.resent", "action.done", "action.failed", "action.unknown") and sending:
            state = {"action.done": "", "action.unknown": "unknown"}.get(event.kind, "failed")
            pieces.append(Piece(kind=work, start=since, end=event.at, state=state))
            sending = event.kind == "action.resent"
        elif event.kind in ("action.denied", "wait.resolved"):
            pieces += _wait(since, event.at)
        else:
            continue
        since = event.at
    if step.finished_at is None and step.status != StepStatus.UNKNOWN:
        pieces += [Piece(kind=work, start=since, end=now, state="running")] if sending else _wait(since, now)
    return pieces


def _wait(start: datetime, end: datetime) -> list[Piece]:
    return [Piece(kind="bar-wait", start=start, end=end)] if (end - start).total_seconds() > 0.05 else []


class Scale:
    """Maps a time to a percentage; stretches without work that are longer than all the work are folded."""

    def __init__(self, pieces: Sequence[Piece], begin: datetime, end: datetime) -> None:
        self.begin, self.end = begin, end
        self.gaps: list[Gap] = []
        folds = _folds(pieces, begin, end)
        shown = (end - begin).total_seconds() - sum((b - a).total_seconds() for a, b in folds)
        self._per_second = (100 - FOLDED * len(folds)) / max(shown, 0.001)
        for start, stop in folds:
            self.gaps.append(Gap(start=start, end=stop, x=round(self.at(start), 2)))

    def at(self, moment: datetime) -> float:
        moment = min(max(moment, self.begin), self.end)
        seconds, folded = (moment - self.begin).total_seconds(), 0.0
        for gap in self.gaps:
            if moment <= gap.start:
                break
            inside = min((moment - gap.start).total_seconds(), gap.seconds)
            seconds -= inside
            folded += FOLDED * inside / gap.seconds
        return min(seconds * self._per_second + folded, 100.0)

    def ticks(self) -> tuple[tuple[float, str, str], ...]:
        """The beginning, the length of each folded wait where there is room, and the whole length."""
        found: list[tuple[float, str, str]] = []
        for gap in self.gaps:
            middle = gap.x + FOLDED / 2
            if 10 < middle < 82 and (not found or middle - found[-1][0] > 16):
                found.append((middle, duration(gap.seconds), "middle"))
        return ((0.0, "0", ""), *found, (100.0, duration((self.end - self.begin).total_seconds()), "end"))


def _folds(pieces: Sequence[Piece], begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    idle: list[tuple[datetime, datetime]] = []
    reached, worked = begin, 0.0
    for piece in sorted((p for p in pieces if p.kind in WORK), key=lambda p: p.start):
        if piece.start > reached:
            idle.append((reached, piece.start))
        worked += max((piece.end - max(piece.start, reached)).total_seconds(), 0.0)
        reached = max(reached, piece.end)
    if end > reached:
        idle.append((reached, end))
    if worked == 0:
        return []
    long = [(a, b) for a, b in idle if (b - a).total_seconds() > max(worked, LONG_S)]
    return sorted(sorted(long, key=lambda gap: gap[1] - gap[0], reverse=True)[:MOST_FOLDS])


def _line(step: Step, pieces: Sequence[Piece], scale: Scale, now: datetime, selected: str) -> Line:
    state = story.STEP_STATE[StepStatus(step.status)]
    name = step.path.removeprefix("undo/")
    tool = name.split("#")[0]
    until = max([piece.end for piece in pieces], default=step.finished_at or now)
    began = min([piece.start for piece in pieces], default=step.started_at)
    told = WAITED.get(step.note, step.note) if step.kind in ("timer", "event") else step.note
    note = f"{told}, attempt {step.attempt}" if step.attempt > 1 and told else told
    return Line(
        path=step.path,
        label=f"undo {name}" if step.kind == "undo" else name,
        note="" if note == step.status or (step.status == StepStatus.WAITING and note == "held") else note,
        icon=_icon(step.kind, tool),
        state=state,
        words=step.get_status_display(),
        time=duration((until - began).total_seconds()),
        bars=tuple(_bar(piece, scale) for piece in pieces),
        selected=step.path == selected,
        inherited=step.inherited,
    )


def _icon(kind: str, tool: str) -> str:
    known = OF_TOOL.get(tool) if kind == "action" else None
    return known or ("back" if kind == "undo" else ICONS.get(kind, "tool"))


def _grouped(lines: Sequence[Line], pieces: Mapping[str, Sequence[Piece]]) -> list[Line]:
    """Steps that ran side by side stand below a line of their own: research/press and research/register."""
    found: list[Line] = []
    paths = {line.path for line in lines}
    for name, several in itertools.groupby(lines, lambda line: line.path.rpartition("/")[0]):
        inside = list(several)
        if not name or len(inside) < 2 or name in paths or name.startswith("undo"):
            found += inside
            continue
        found.append(_group_line(name, inside, [piece for line in inside for piece in pieces.get(line.path, ())]))
        found += [replace(line, label=line.label.removeprefix(f"{name}/"), depth=1) for line in inside]
    return found


def _group_line(name: str, inside: Sequence[Line], pieces: Sequence[Piece]) -> Line:
    bars = [bar for line in inside for bar in line.bars]
    x, end = min((bar.x for bar in bars), default=0.0), max((bar.x + bar.width for bar in bars), default=0.0)
    worst = next((line for line in inside if line.state != "done"), inside[0])
    return Line(
        path=name,
        label=name,
        note=f"{len(inside)} in parallel",
        icon="flow",
        state=worst.state,
        words=worst.words,
        time=duration((max(p.end for p in pieces) - min(p.start for p in pieces)).total_seconds()) if pieces else "",
        bars=(Bar(kind="bar-group", x=x, width=round(end - x, 2)),) if bars else (),
        inherited=all(line.inherited for line in inside),
        group=True,
    )


def _bar(piece: Piece, scale: Scale) -> Bar:
    x = scale.at(piece.start)
    width = max(scale.at(piece.end) - x, LEAST)
    return Bar(kind=piece.kind, x=round(min(x, 100 - width), 2), width=round(width, 2), state=piece.state)


def _ghosts(events: Sequence[Any], begun: set[str]) -> list[Line]:
    """What an undo still has to do."""
    order = next((event.body for event in reversed(events) if event.kind == "run.compensating"), {"actions": []})
    return [
        Line(
            path=item["path"],
            label=f"undo {item['tool']}",
            note="not started",
            icon="back",
            state="cancelled",
            words="Not started",
            time="–",
            ghost=True,
        )
        for item in order["actions"]
        if item["path"] not in begun
    ]


def duration(seconds: float) -> str:
    """412 ms, 3.1 s, 46 s, 4 m 05 s, 1 h 12 m, 3 d 4 h."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} m" if hours < 48 else f"{hours // 24} d {hours % 24} h"
