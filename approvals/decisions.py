"""Decisions. A vote and what follows from it (the run goes on) are one transaction.

Who decides comes from the session; the digest is the one the form showed. Lock order: action, approval, run.
"""

import uuid
from dataclasses import replace
from typing import Any

from django.utils import timezone

from approvals import errors, render, states
from approvals.gate import asked_for_it, votes_that_count
from approvals.models import Approval, Vote
from approvals.states import Answer, ApprovalStatus
from runs import journal, operations
from runs.models import Action
from runs.states import ACTION_SENT, ActionStatus
from tenants import scoping
from tenants.models import Membership, Role
from tenants.permissions import DECIDE, Actor

LEAST_REASON = 8  # characters: the agent has to act on it


def approve(*, actor: Actor, approval_id: uuid.UUID, digest: str, reason: str = "", opened: bool = True) -> Approval:
    """One person's yes to `digest`. With the quorum the action is released. The same click twice is one vote."""
    with scoping.tenant(actor.tenant.pk, durable=True):
        action, approval = _locked(approval_id)
        actor = _as_of_now(actor)
        _may_decide(actor, action, approval)
        mine = _my_vote(actor, approval, digest)
        voted = mine is not None and mine.answer == Answer.APPROVE
        if voted and approval.status != ApprovalStatus.PENDING:
            return approval
        _check_open(approval, action, digest)
        if not opened:
            raise errors.Invalid("Open what cannot be shown plainly first: it would run as it is.", field="opened")
        if approval.status != ApprovalStatus.PENDING:
            raise _decided(approval)
        if not voted:
            _vote(actor, approval, action, Answer.APPROVE, digest, reason)
        voters = votes_that_count(approval, digest)
        if len(voters) >= approval.quorum:
            _set(approval, {ApprovalStatus.PENDING}, ApprovalStatus.APPROVED)
            operations.release_action(action, by=_names(approval), hold_window_s=approval.hold_window_s)
        elif not voted:
            note = f"{len(voters)} of {approval.quorum}"
            told = {"action": str(action.pk), "by": str(actor.user), "note": note}
            journal.append(
                action.run_id, journal.Entry(kind="approval.voted", path=action.path, body=told, about="approval")
            )
    return approval


def reject(*, actor: Actor, approval_id: uuid.UUID, digest: str, reason: str) -> Approval:
    """One person's no ends it, up to the claim. The reason reaches the planner."""
    if len(reason.strip()) < LEAST_REASON:
        raise errors.Invalid("Too short for the agent to act on. Say what to change.", field="reason")
    with scoping.tenant(actor.tenant.pk, durable=True):
        action, approval = _locked(approval_id)
        actor = _as_of_now(actor)
        _may_decide(actor, action, approval)
        mine = _my_vote(actor, approval, digest)
        if mine is not None and mine.answer == Answer.REJECT:
            return approval
        _check_open(approval, action, digest)
        _withdraw(actor, approval)
        _vote(actor, approval, action, Answer.REJECT, digest, reason.strip())
        _set(approval, states.OPEN, ApprovalStatus.REJECTED)
        operations.refuse_action(action, code="rejected", reason=reason.strip(), by=str(actor.user))
    return approval


def _locked(approval_id: uuid.UUID) -> tuple[Action, Approval]:
    """The action, then its approval, both locked, while nobody can withdraw a right."""
    scoping.share_permission()
    known = Approval.objects.filter(pk=approval_id).values_list("action_id", flat=True).first()
    if known is None:
        raise errors.NotFound("There is no request with this id here.")
    action = Action.objects.select_for_update(of=("self",)).select_related("run__workflow").get(pk=known)
    return action, Approval.objects.select_for_update().get(pk=approval_id)


def _as_of_now(actor: Actor) -> Actor:
    """The actor with the role they have at this moment: it may have changed since the request came in."""
    member = Membership.objects.filter(tenant=actor.tenant, user=actor.user, revoked_at=None).first()
    if member is None:
        raise errors.NotYours("You are no member here any more.")
    return replace(actor, role=member.role)


def _may_decide(actor: Actor, action: Action, approval: Approval) -> None:
    """The rules of the claim, told early: role, and no requester among the deciders."""
    if actor.role not in approval.deciders or not actor.may(DECIDE):
        roles = " or ".join(Role(role).label.lower() for role in approval.deciders)
        raise errors.NotYours(f"This needs the role {roles}; yours is {Role(actor.role).label.lower()}.")
    if actor.user.pk in asked_for_it(action):
        raise errors.NotYours("You asked for this yourself, so somebody else has to decide it.")


def _check_open(approval: Approval, action: Action, digest: str) -> None:
    if action.status in ACTION_SENT or action.status in (ActionStatus.DONE, ActionStatus.FAILED, ActionStatus.NOT_DONE):
        raise errors.AlreadyExecuted()
    if approval.status in states.OVER:
        raise _decided(approval)
    if approval.expires_at <= journal.clock():
        raise errors.AlreadyDecided("Its time is over: it expired. Nothing was sent.", status=ApprovalStatus.EXPIRED)
    if digest != action.digest:
        raise errors.PayloadChanged()


def _decided(approval: Approval) -> errors.AlreadyDecided:
    last = Vote.objects.filter(approval=approval, withdrawn_at=None).select_related("voter").order_by("-id").first()
    who = f" by {last.voter}" if last is not None else ""
    words = f"It is {approval.get_status_display().lower()}{who} already. Your answer was not recorded."
    return errors.AlreadyDecided(words, status=approval.status, reason=last.reason if last else "")


def _my_vote(actor: Actor, approval: Approval, digest: str) -> Vote | None:
    return Vote.objects.filter(approval=approval, voter=actor.user, digest=digest, withdrawn_at=None).first()


def _withdraw(actor: Actor, approval: Approval) -> None:
    Vote.objects.filter(approval=approval, voter=actor.user, withdrawn_at=None).update(withdrawn_at=timezone.now())


def _vote(actor: Actor, approval: Approval, action: Action, answer: str, digest: str, reason: str) -> None:
    shown: dict[str, Any] = render.shown(render.card(action), action) | {
        "role": actor.role,
        "revision": approval.revision,
    }
    Vote(
        tenant=actor.tenant,
        approval=approval,
        voter=actor.user,
        answer=answer,
        digest=digest,
        reason=reason[:1000],
        shown=shown,
    ).save(force_insert=True)


def _set(approval: Approval, expect: Any, to: str) -> None:
    changed = Approval.objects.filter(tenant_id=approval.tenant_id, pk=approval.pk, status__in=expect).update(
        status=to, decided_at=timezone.now()
    )
    if changed != 1:
        raise errors.AlreadyDecided()
    approval.status = ApprovalStatus(to)


def _names(approval: Approval) -> list[str]:
    votes = Vote.objects.filter(approval=approval, answer=Answer.APPROVE, withdrawn_at=None).select_related("voter")
    return [str(vote.voter) for vote in votes.order_by("id")]
