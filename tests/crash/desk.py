"""The people of a fault test: one tenant whose refunds need one reviewer, and what its records say."""

import json
import uuid
from collections import Counter
from dataclasses import dataclass

from django.db.models import QuerySet

from approvals import decisions, policies
from approvals.models import Approval
from approvals.states import ApprovalStatus
from config.world import catalogue
from runs import journal, operations, projection
from runs.models import Action, Run, Step
from runs.states import ActionStatus, RunStatus
from tenants import people, scoping
from tenants.models import Role, User
from tenants.permissions import Actor
from tests.crash.checks import MAIL, REFUND, Deed, Facts, Told
from tests.crash.stage import Stage

RULES = {
    "rules": [
        {"name": "refunds", "match": {"tool": "refund_payment"}, "then": "hold", "why": "One reviewer."},
        {"name": "mails", "match": {"tool": "send_email"}, "then": "allow", "why": "To the customer."},
    ]
}
ALLOW = {"rules": [{"name": "all", "match": {}, "then": "allow", "why": "Nobody is asked."}]}
STORY = "The seam tore on the first night. I would like my money back."


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    owner: Actor
    reviewer: Actor

    def start(self, number: str) -> Run:
        """A run of the refund desk for a generated order; the same number is the same run."""
        order = catalogue.find(number)
        assert order is not None, number
        given = {"order": number, "email": order["customer"]["email"], "story": STORY}
        return operations.start(actor=self.owner, workflow="refund_desk", given=given, start_key=number)

    def pending(self) -> list[Approval]:
        with scoping.tenant(self.owner.tenant.pk):
            held = Approval.objects.select_related("action").filter(status=ApprovalStatus.PENDING).order_by("id")
            return list(held)

    def approve(self, approval: Approval) -> None:
        decisions.approve(actor=self.reviewer, approval_id=approval.pk, digest=approval.action.digest)

    def approve_run(self, run: Run) -> bool:
        """Approve what the run asks for; False while it asks for nothing."""
        mine = [approval for approval in self.pending() if approval.run_id == run.pk]
        for approval in mine:
            self.approve(approval)
        return bool(mine)

    def run(self, run: Run) -> Run:
        with scoping.tenant(run.tenant_id):
            return Run.objects.get(pk=run.pk)

    def stands(self, run: Run, *statuses: str) -> bool:
        return self.run(run).status in statuses

    def action(self, run: Run, tool: str = REFUND) -> Action | None:
        with scoping.tenant(run.tenant_id):
            return Action.objects.filter(run=run, tool=tool).first()

    def story(self, run: Run) -> list[str]:
        """The kinds of the run's events, in order."""
        with scoping.tenant(run.tenant_id):
            return [event.kind for event in journal.lineage(run)]

    def counts(self, model: type[Run] | type[Action]) -> Counter[str]:
        with scoping.tenant(self.owner.tenant.pk):
            rows: QuerySet = model.objects.values_list("status", flat=True)
            return Counter(rows)

    def troubles(self, *statuses: str) -> list[str]:
        """What the runs in these states (all, when none is named) say went wrong, with how many say it."""
        with scoping.tenant(self.owner.tenant.pk):
            runs = Run.objects.exclude(error=None)
            runs = runs.filter(status__in=statuses) if statuses else runs
            said = Counter((run.status, run.failed_path, run.error["message"]) for run in runs)
        return [f"{count} {status} at {path or 'start'}: {message}" for (status, path, message), count in said.items()]

    def unknown(self) -> list[Action]:
        with scoping.tenant(self.owner.tenant.pk):
            return list(Action.objects.filter(status=ActionStatus.UNKNOWN).order_by("id"))

    def settle(self, action: Action) -> bool:
        """Ask outside first; what nobody finds there was not done. True when it was found."""
        _, answer = operations.probe(actor=self.owner, action_id=action.pk)
        if not answer.found:
            told = {"evidence": "the ledger and the mailbox", "reason": "looked up after the kill"}
            operations.settle(actor=self.owner, action_id=action.pk, outcome="not_done", **told)
        return answer.found

    def facts(self, stage: Stage) -> Facts:
        entries = stage.get("ledger", "/entries")["entries"]
        letters = stage.get("mailbox", "/messages.json")["messages"]
        effects = Counter({entry["key"]: entry["executions"] for entry in entries})
        effects.update(letter["key"] for letter in letters)
        orders = Counter((MAIL, letter["subject"].rsplit(" ", 1)[1]) for letter in letters)
        for entry in entries:
            orders[REFUND, _order(entry["body"])] += entry["executions"]
        with scoping.tenant(self.owner.tenant.pk):
            actions = Action.objects.select_related("run").order_by("id")
            deeds = [Deed(key=str(a.pk), tool=a.tool, status=a.status, order=a.run.subject) for a in actions]
            runs = [_told(run) for run in Run.objects.order_by("id")]
        return Facts(deeds=deeds, runs=runs, effects=effects, orders=orders)


def opened(rules: dict) -> Desk:
    """A new tenant with these rules, its owner and one reviewer."""
    tag = uuid.uuid4().hex[:10]
    boss, other = (
        User.objects.create_user(f"{name}-{tag}@example.net", "a-long-password", name=name) for name in ("Ann", "Ben")
    )
    owner = people.add_tenant(slug=f"d-{tag}", name="Desk", currency="GBP", owner=boss)
    people.add_member(actor=owner, user=other, role=Role.REVIEWER)
    operations.set_up_workflow(actor=owner, name="refund_desk", note="first")
    policies.publish(actor=owner, rules=rules, note="for fault tests")
    return Desk(owner=owner, reviewer=Actor(user=other, tenant=owner.tenant, role=Role.REVIEWER))


def _order(body: str | dict) -> str:
    return (json.loads(body) if isinstance(body, str) else body)["order"]


def _told(run: Run) -> Told:
    folded = projection.fold(journal.lineage(run))
    steps = dict(Step.objects.filter(run=run).values_list("path", "status"))
    status = RunStatus.QUEUED if run.status == RunStatus.RUNNING else run.status
    return Told(run=str(run.pk), row=(str(status), steps), journal=(str(folded.status), _plain(folded.steps)))


def _plain(steps: dict[str, str]) -> dict[str, str]:
    return {path: str(status) for path, status in steps.items()}
