"""The long crash test: refunds at a steady pace while workers are killed at named points, then the reckoning.

One point is armed at a time and the work is let in at the pace of the kills, so that every kill finds something
to interrupt. Nothing is settled until all runs are done or need attention.
"""

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from runs.models import Action, Run
from runs.states import ActionStatus, RunStatus
from tests.crash import checks, desk
from tests.crash.stage import Stage

AT_ACTIONS = ("claim.before_commit", "claim.committed", "send.answered", "receipt.committed")
AT_STEPS = ("step.before", "step.done")
PASSES = (1, 2)  # a refund passes a point first and its mail next, so both kinds are hit
WORKERS = 2
PAUSE_S = 0.02
STUCK_S = 2.0  # without a kill for so long, more work is let in
GIVE_UP_S = 240.0
OVER = {RunStatus.DONE, RunStatus.NEEDS_ATTENTION}
STANDING = {RunStatus.PAUSED, RunStatus.BLOCKED, RunStatus.FAILED}
SETTLED = {RunStatus.DONE, RunStatus.PAUSED}


@dataclass(slots=True, kw_only=True)
class Report:
    seed: int
    runs: int
    kills: dict[str, int]
    workers_started: int
    seconds: float
    before: dict[str, checks.Tally]  # by kind, before anything was settled
    after: dict[str, checks.Tally]
    found_by_probe: int
    settled_by_hand: int
    violations: list[str]

    @property
    def doubles(self) -> int:
        return sum(tally.doubles for tally in self.after.values())


@dataclass(slots=True, kw_only=True)
class Pace:
    """How far the work has been let in."""

    stage: Stage
    people: desk.Desk
    numbers: list[str]
    started: int = 0
    approved: int = 0
    workers: int = 0
    began: float = field(default_factory=time.monotonic)

    def turn(self, share: float) -> None:
        """Let in `share` of all runs and approvals, and replace workers that are gone."""
        self.workers += self.stage.keep_workers(WORKERS)
        wanted = min(len(self.numbers), int(share * len(self.numbers)) + 6)
        while self.started < wanted:
            self.people.start(self.numbers[self.started])
            self.started += 1
        allowed = min(len(self.numbers), int(share * len(self.numbers)) + 2)
        if self.approved < allowed:
            for approval in self.people.pending()[: allowed - self.approved]:
                self.people.approve(approval)
                self.approved += 1
        if time.monotonic() - self.began > GIVE_UP_S:
            told = "; ".join(self.people.troubles())
            raise AssertionError(f"After {GIVE_UP_S:g} s the runs stand at {dict(self.people.counts(Run))}. {told}")
        time.sleep(PAUSE_S)

    def over(self, statuses: set[str]) -> bool:
        counts = self.people.counts(Run)
        return counts.total() == len(self.numbers) and set(counts) <= statuses


def plan(kills: int, dice: random.Random) -> list[str]:
    """`kills` at the four points of an action, evenly, and a few at steps, in mixed order."""
    points = [AT_ACTIONS[i % len(AT_ACTIONS)] for i in range(kills)]
    points += [AT_STEPS[i % len(AT_STEPS)] for i in range(kills // 5)]
    dice.shuffle(points)
    return points


def run(stage: Stage, *, refunds: int, kills: int, seed: int) -> Report:
    dice = random.Random(seed)
    people = desk.opened(desk.RULES)
    numbers = [f"NW-{number}" for number in dice.sample(range(90_000, 100_000), refunds)]
    pace = Pace(stage=stage, people=people, numbers=numbers)
    missed = _kill(pace, plan(kills, dice), dice)
    while not pace.over(OVER | STANDING):
        pace.turn(1.0)
    facts = people.facts(stage)
    wrong = [f"no worker reached {point}" for point in missed]
    wrong += [f"before settling: stands still: {told}" for told in people.troubles(*STANDING)]
    wrong += [f"before settling: {words}" for words in checks.violations(facts, refunds=refunds)]
    before = _tallies(facts)
    found, by_hand = _settle(pace)
    facts = people.facts(stage)
    wrong += [f"after settling: {words}" for words in checks.violations(facts, refunds=refunds)]
    return Report(
        seed=seed,
        runs=refunds,
        kills=dict(sorted(Counter(_points(stage)).items())),
        workers_started=pace.workers,
        seconds=round(time.monotonic() - pace.began, 1),
        before=before,
        after=_tallies(facts),
        found_by_probe=found,
        settled_by_hand=by_hand,
        violations=wrong,
    )


def _kill(pace: Pace, points: list[str], dice: random.Random) -> list[str]:
    """Arm one point after the other; returns those that nobody reached before the work was over."""
    missed, extra = [], 0.0
    for killed, point in enumerate(points):
        known, since = len(pace.stage.met()), time.monotonic()
        pace.stage.arm(point, passes=dice.choice(PASSES))
        while len(pace.stage.met()) == known:
            if time.monotonic() - since > STUCK_S:
                extra, since = extra + 1 / len(pace.numbers), time.monotonic()
            pace.turn(min(killed / len(points) * 0.9 + extra, 1.0))
            if pace.over(OVER):
                missed.append(point)
                break
        pace.stage.disarm()
    return missed


def _settle(pace: Pace) -> tuple[int, int]:
    """Settle every unknown outcome, also those of later rounds, until all runs are done or paused."""
    found = by_hand = 0
    while not pace.over(SETTLED):
        for action in pace.people.unknown():
            if pace.people.settle(action):
                found += 1
            else:
                by_hand += 1
        pace.turn(1.0)
    still = pace.people.counts(Action)[ActionStatus.UNKNOWN]
    assert still == 0, f"{still} actions are unknown in runs that ended."
    return found, by_hand


def _points(stage: Stage) -> list[str]:
    return [path.name.rsplit(".", 1)[0] for path in (stage.data / "met").iterdir()]


def _tallies(facts: checks.Facts) -> dict[str, Any]:
    return {"refunds": checks.tally(facts, checks.REFUND), "mails": checks.tally(facts, checks.MAIL)}
