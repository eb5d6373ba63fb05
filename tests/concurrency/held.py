"""Runs without workers: one action that waits for people, or approved and leased, and everybody who may race for it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from approvals import decisions, policies
from approvals.models import Approval, Policy, Vote
from runs import gates, operations
from runs.engine import actions, recovery
from runs.engine.claim import claim
from runs.engine.worker import Incarnation, Lease
from runs.models import Action, Run
from tenants import flags, people, scoping
from tenants.models import Membership, Stop
from tests.runs.worlds import HOLD, carry_out, fresh, inside, request_of, started

TWO = {"rules": [{**HOLD["rules"][0], "quorum": 2}]}


@dataclass(kw_only=True)
class Held:
    """One action of one run of the cast's tenant."""

    cast: Any
    run: Run
    approval: Approval
    worker: Incarnation
    lease: Lease | None = None

    @property
    def tenant(self) -> Any:
        return self.run.tenant_id

    @property
    def action_id(self) -> Any:
        return self.approval.action_id

    @property
    def digest(self) -> str:
        return self.approval.action.digest

    def action(self) -> Action:
        return inside(self.run, lambda: Action.objects.get(pk=self.action_id))

    def status(self) -> tuple[str, str, str]:
        """Of the action, its request and its run."""
        return self.action().status, request_of(self.run).status, fresh(self.run).status

    def leased(self) -> "Held":
        """Give the run to our worker."""
        self.worker.beat()
        (self.lease,) = self.worker.claim_ready(1, tenants=[self.tenant])
        return self

    def woken(self) -> "Held":
        """A spurious wake-up, as a redelivered message makes one."""
        inside(self.run, lambda: Run.objects.filter(pk=self.run.pk).update(ready_at=database_time()))
        return self.leased()


def database_time() -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


ONE_ACTION = ({"do": "act", "amount_minor": 4200},)


def held(cast: Any, rules: dict[str, Any] = HOLD, plan: tuple[dict[str, Any], ...] = ONE_ACTION) -> Held:
    """An action that waits for people."""
    policies.publish(actor=cast.alice, rules=rules, note="race")
    worker = Incarnation(lease_s=60)
    run = carry_out(started(cast, *plan), worker=worker)
    assert (run.status, run.waiting_for) == ("waiting", "approval")
    return Held(cast=cast, run=run, approval=request_of(run), worker=worker)


def approved(
    cast: Any,
    rules: dict[str, Any] = HOLD,
    voters: tuple[str, ...] = ("bob",),
    plan: tuple[dict[str, Any], ...] = ONE_ACTION,
) -> Held:
    """An action that is approved and leased: the next thing is its claim."""
    it = held(cast, rules, plan)
    for name in voters:
        approve(it, name)
    return it.leased()


def approve(it: Held, by: str = "carol", digest: str = "") -> Approval:
    return decisions.approve(actor=getattr(it.cast, by), approval_id=it.approval.pk, digest=digest or it.digest)


def reject(it: Held, by: str = "carol", digest: str = "") -> Approval:
    who = getattr(it.cast, by)
    reason = "the parcel came back"
    return decisions.reject(actor=who, approval_id=it.approval.pk, digest=digest or it.digest, reason=reason)


def expire(it: Held) -> bool:
    """What the sweeper does when the time is over."""
    with scoping.tenant(it.tenant, durable=True):
        return gates.gate().expire(actions.lock(it.action_id))


def cancel(it: Held) -> Run:
    return operations.cancel(actor=it.cast.dave, run_id=it.run.pk, reason="the customer withdrew")


def kill(it: Held) -> Stop:
    return flags.stop(actor=it.cast.alice, scope="tool", target="test_pay", reason="it pays twice")


def revoke(it: Held, name: str = "bob") -> None:
    people.revoke(actor=it.cast.alice, user=getattr(it.cast, name).user, reason="left")


def publish(it: Held) -> Policy:
    """A policy that asks for one person more."""
    return policies.publish(actor=it.cast.alice, rules=TWO, note="two from now on")


def take(it: Held) -> Any:
    """The claim itself."""
    assert it.lease is not None
    return claim(fresh(it.run), it.action_id, epoch=it.lease.epoch, digest=it.digest)


def take_over(it: Held) -> bool:
    """What the sweeper does when the worker is silent."""
    assert it.lease is not None
    return recovery.take_over(it.tenant, it.run.pk, it.lease.epoch)


def expires_soon(it: Held, seconds: float = 0.4) -> datetime:
    """Its time ends then, by the database's clock; no clock of a process is touched."""

    def set_end() -> datetime:
        end = database_time() + timedelta(seconds=seconds)
        Action.objects.filter(pk=it.action_id).update(expires_at=end)
        Approval.objects.filter(pk=it.approval.pk).update(expires_at=end)
        return end

    return inside(it.run, set_end)


def let_time_pass(it: Held) -> None:
    expires_soon(it, seconds=-1)


def overdue(it: Held) -> bool:
    """Its time ends, and the sweeper comes by."""
    let_time_pass(it)
    return expire(it)


def lock_action(it: Held) -> Callable[[], Any]:
    return lambda: actions.lock(it.action_id)


def lock_approval(it: Held) -> Callable[[], Any]:
    return lambda: Approval.objects.select_for_update().get(pk=it.approval.pk)


def lock_member(it: Held, name: str = "bob") -> Callable[[], Any]:
    return lambda: Membership.objects.select_for_update().get(user=getattr(it.cast, name).user)


def write_stop(it: Held) -> Callable[[], Any]:
    """The row that `kill` is about to write, uncommitted: it waits for us at the unique index."""
    stop = Stop(tenant=it.cast.alice.tenant, scope="tool", target="test_pay", reason="first", actor=it.cast.alice.user)
    return lambda: stop.save(force_insert=True)


def write_policy(it: Held) -> Callable[[], Any]:
    """The version that `publish` is about to write, uncommitted."""

    def write() -> None:
        version = policies.present(it.tenant).version + 1
        Policy(tenant_id=it.tenant, version=version, rules=TWO).save(force_insert=True)

    return write


def write_vote(it: Held, name: str = "carol") -> Callable[[], Any]:
    """The vote that `name` is about to cast, uncommitted."""
    voter = getattr(it.cast, name).user
    vote = Vote(tenant_id=it.tenant, approval=it.approval, voter=voter, answer="approve", digest=it.digest)
    return lambda: vote.save(force_insert=True)
