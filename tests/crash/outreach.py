"""Outbound under random kills: leads are written to, answer or not, days pass, and workers die at any moment.

People do what people do meanwhile: they approve what is held, settle what nobody knows, and retry what stands still.
At the end the mailbox's own record says how many mails each lead got.
"""

import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from approvals import policies
from config.world import companies
from runs import errors, operations, rehearsal
from runs.models import Action, Run, Subject
from runs.states import RUN_FINAL, ActionStatus, RunStatus
from tenants import scoping
from tests.crash import desk
from tests.crash.stage import Stage

HOLD = {"rules": [{"name": "mails", "match": {"tool": "send_outreach"}, "then": "hold", "why": "One reviewer."}]}
POINTS = (
    *("step.before", "step.ran", "step.done", "claim.before_commit", "claim.committed", "send.before"),
    *("send.answered", "receipt.committed", "run.leased"),
)
ANSWERS = (
    "",
    "",
    "Sounds good, let us talk.",
    "We are not interested. Please do not write again.",
    "Ask next quarter.",
)
WORKERS = 2
PAUSE_S = 0.05
GIVE_UP_S = 120.0
FIRST, FOLLOW_UP = "first mail", "follow-up"


@dataclass(slots=True, kw_only=True)
class Lead:
    email: str
    given: dict[str, Any]
    answer: str  # what they reply to the first mail; empty for nothing
    answered: bool = False


@dataclass(slots=True, kw_only=True)
class Report:
    seed: int
    runs: int
    kills: dict[str, int]
    seconds: float
    ended: dict[str, int]  # outcome -> runs
    mails: int
    unknown: int  # outcomes that people settled
    retried: int
    violations: list[str]


@dataclass(slots=True, kw_only=True)
class Scene:
    stage: Stage
    people: desk.Desk
    leads: list[Lead]
    started: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    settled: int = 0
    retried: int = 0
    began: float = field(default_factory=time.monotonic)

    def turn(self) -> None:
        """Everything that people and time do between two kills."""
        self.stage.keep_workers(WORKERS)
        for approval in self.people.pending():
            self._approve(approval)
        for action in self.people.unknown():
            self.people.settle(action)
            self.settled += 1
        for run in self._runs():
            if run.status == RunStatus.PAUSED and run.failed_path:
                operations.retry(actor=self.people.owner, run_id=run.pk, reason="after the kill")
                self.retried += 1
        self._answer()
        if time.monotonic() - self.began > GIVE_UP_S:
            told = Counter((run.status, run.waiting_for, (run.error or {}).get("message")) for run in self._runs())
            raise AssertionError(f"After {GIVE_UP_S:g} s the runs stand at {dict(told)}.")
        time.sleep(PAUSE_S)

    def let_in(self, share: float) -> None:
        """Start so many of the leads. Every fifth one is entered twice."""
        while self.started < min(len(self.leads), int(share * len(self.leads)) + 2):
            lead = self.leads[self.started]
            for twin in range(1 if self.started % 5 else 2):
                key = f"{lead.email} {twin}"
                operations.start(actor=self.people.owner, workflow="outbound", given=lead.given, start_key=key)
            self.started += 1

    def pass_days(self) -> None:
        rehearsal.bring_forward(actor=self.people.owner, by=timedelta(days=3), reason="days pass")

    def over(self) -> bool:
        return all(run.status in RUN_FINAL for run in self._runs())

    def resting(self) -> bool:
        """Nothing moves until a day passes: every open run waits for an answer or for its turn."""
        open_runs = [run for run in self._runs() if run.status not in RUN_FINAL]
        return bool(open_runs) and all(run.waiting_for in ("event", "slot") for run in open_runs)

    def _approve(self, approval: Any) -> None:
        try:
            self.people.approve(approval)
        except errors.Conflict:  # they answered, or it went stale, while we read it
            return

    def _runs(self) -> list[Run]:
        with scoping.tenant(self.people.owner.tenant.pk):
            return list(Run.objects.order_by("id"))

    def _answer(self) -> None:
        messages = self.stage.get("mailbox", "/messages.json")["messages"]
        for lead in self.leads:
            mine = [message for message in messages if message["to"] == lead.email]
            if lead.answer and mine and not lead.answered:
                base = self.stage.env["HOLDPOINT_MAILBOX_URL"]
                path = f"{base}/messages/by-key/{mine[0]['key']}/replies"
                httpx.post(path, json={"text": lead.answer}, trust_env=False).raise_for_status()
                lead.answered = True


def run(stage: Stage, *, leads: int, kills: int, seed: int) -> Report:
    dice = random.Random(seed)
    people = desk.opened(HOLD)
    operations.set_up_workflow(actor=people.owner, name="outbound", note="for fault tests")
    policies.publish(actor=people.owner, rules=HOLD, note="for fault tests")
    # The workers learn which inbox is whose from their environment, so the tenant comes first.
    slug = people.owner.tenant.slug
    stage.env["HOLDPOINT_INBOXES"] = f"{slug}=sales@northwind.example"
    stage.env["HOLDPOINT_CREDENTIALS"] = f"inbox:{slug}=env:HOLDPOINT_SALES_PASSWORD"
    stage.env["HOLDPOINT_INBOX_SECONDS"] = "0.2"
    scene = Scene(stage=stage, people=people, leads=_leads(leads, dice))
    _kill_at_random(scene, kills, dice)
    stage.disarm()
    scene.let_in(1.0)
    while not scene.over():
        scene.turn()
        if scene.resting() and all(lead.answered or not lead.answer for lead in scene.leads):
            scene.pass_days()
    return _report(scene, seed)


def _leads(count: int, dice: random.Random) -> list[Lead]:
    known = companies.people()
    found = []
    for number in range(count):
        person = known[number % len(known)]
        email = f"{number}.{person['email']}"
        given = {**person, "email": email}
        found.append(Lead(email=email, given=given, answer=dice.choice(ANSWERS)))
    return found


def _kill_at_random(scene: Scene, kills: int, dice: random.Random) -> None:
    """Half at a named point that comes up, half at whatever moment it is."""
    for number in range(kills):
        scene.let_in(number / kills)
        known, since = len(scene.stage.met()), time.monotonic()
        point = dice.choice(POINTS) if number % 2 else ""
        if point:
            scene.stage.arm(point, passes=dice.choice((1, 2)))
        moment = dice.uniform(0.1, 0.6)
        while time.monotonic() - since < (3.0 if point else moment) and len(scene.stage.met()) == known:
            scene.turn()
            if scene.resting():
                scene.pass_days()
        if len(scene.stage.met()) > known:
            scene.kills[point] += 1
            continue
        scene.stage.disarm()
        alive = [worker for worker in scene.stage.workers if worker.alive() and worker.process]
        if alive:
            os.kill(dice.choice(alive).process.pid, signal.SIGKILL)  # type: ignore[union-attr]
            scene.kills["any moment"] += 1


def _report(scene: Scene, seed: int) -> Report:
    messages = scene.stage.get("mailbox", "/messages.json")["messages"]
    sent = [message for message in messages if message["key"]]
    with scoping.tenant(scene.people.owner.tenant.pk):
        runs = list(Run.objects.order_by("id"))
        actions = list(Action.objects.select_related("run").order_by("id"))
        barred = {row.key for row in Subject.objects.filter(no_contact_at__isnull=False)}
    ended = Counter((run.result or {}).get("outcome") or run.status for run in runs)
    return Report(
        seed=seed,
        runs=len(runs),
        kills=dict(sorted(scene.kills.items())),
        seconds=round(time.monotonic() - scene.began, 1),
        ended=dict(sorted(ended.items())),
        mails=len(sent),
        unknown=scene.settled,
        retried=scene.retried,
        violations=[*_mails(scene, sent), *_stories(runs), *_deeds(actions, sent), *_heard(scene, barred)],
    )


def _mails(scene: Scene, sent: list[dict[str, Any]]) -> list[str]:
    """No lead got a mail twice: one first mail, at most one follow-up, each under its own key."""
    found = [f"the key {key} arrived {n} times" for key, n in Counter(m["key"] for m in sent).items() if n > 1]
    for lead in scene.leads:
        mine = [message for message in sent if message["to"] == lead.email]
        follow_ups = sum(any(name == "In-Reply-To" for name, _ in message["headers"]) for message in mine)
        if len(mine) - follow_ups > 1 or follow_ups > 1:
            found.append(f"{lead.email} got {len(mine) - follow_ups} first mails and {follow_ups} follow-ups")
    return found


def _stories(runs: list[Run]) -> list[str]:
    """Each run ended with an outcome and a reason, or goes on in another one."""
    goes_on = {run.parent_id for run in runs}
    return [
        f"run {run.pk} is {run.status} and says nothing"
        for run in runs
        if not ((run.status == RunStatus.DONE and (run.result or {}).get("why")) or run.pk in goes_on)
    ]


def _deeds(actions: list[Action], sent: list[dict[str, Any]]) -> list[str]:
    arrived = Counter(message["key"] for message in sent)
    most = {ActionStatus.DONE: (1, 1), ActionStatus.DENIED: (0, 0), ActionStatus.NOT_DONE: (0, 0)}
    found = [f"mail {a.pk} is {a.status}" for a in actions if a.status not in (*most, ActionStatus.FAILED)]
    for action in actions:
        least, limit = most.get(ActionStatus(action.status), (0, 0))
        if not least <= arrived[str(action.pk)] <= limit:
            found.append(f"mail {action.pk} is {action.status} and arrived {arrived[str(action.pk)]} times")
    done = Counter(action.once for action in actions if action.status == ActionStatus.DONE)
    return found + [f"{once} was done {n} times" for once, n in done.items() if n > 1]


def _heard(scene: Scene, barred: set[str]) -> list[str]:
    said_no = {f"lead:{lead.email}" for lead in scene.leads if lead.answered and "not interested" in lead.answer}
    return [f"{key} said no and may still be contacted" for key in said_no - barred]
