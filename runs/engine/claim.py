"""The claim: the one moment at which permission turns into execution (PROTOCOL: The claim, exactly).

1. shared advisory locks, global then tenant;  2. the action and its approval, locked;
3. in new statements, by the database's clock, everything is checked again and exactly one row changes;
4. the claim commits together with its intent. Only then may anything be sent.
"""

import logging
import uuid
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from runs import canonical, errors, gates, journal, states
from runs.engine import boundaries, subjects
from runs.journal import Entry
from runs.models import Action, Attempt, Run, Signal
from runs.states import ActionStatus
from runs.tools import registry
from tenants import flags, scoping

log = logging.getLogger(__name__)
REPEATED = "Another run has done it already; it is done once for each subject."


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A claim that stands: what may be sent, once."""

    action: Action
    attempt: Attempt
    payload: bytes


class Refused(errors.RefusedClaim):
    """Carries the gate's refusal, so that the caller knows whether waiting helps."""

    def __init__(self, refusal: gates.Refusal) -> None:
        super().__init__(refusal.code, refusal.why)
        self.refusal = refusal


def claim(run: Run, action_id: uuid.UUID, *, epoch: int, digest: str) -> Claimed:
    """Claim the action for the lease `epoch`. Raises `Refused`, `LeaseLost` or `StopRequested`; nothing changed then."""
    with scoping.tenant(run.tenant_id, durable=True):
        scoping.share_permission()
        boundaries.reached("claim.advisory", action_id)
        action = Action.objects.select_for_update().get(tenant_id=run.tenant_id, pk=action_id)
        boundaries.reached("claim.action_locked", action_id)
        gates.gate().lock(action)
        boundaries.reached("claim.approval_locked", action_id)
        permit = _recheck(run, action_id, epoch, digest)
        boundaries.reached("claim.checked", action_id)
        action, attempt = _take(action_id, run, epoch, permit)
        boundaries.reached("claim.before_commit", action_id)
    boundaries.reached("claim.committed", action_id)
    return Claimed(action=action, attempt=attempt, payload=bytes(action.payload))


def _recheck(run: Run, action_id: uuid.UUID, epoch: int, digest: str) -> gates.Permit:
    """Everything again, in statements that begin after every lock is held: each sees what is committed now."""
    action = Action.objects.get(tenant_id=run.tenant_id, pk=action_id)
    now = journal.clock()
    if action.status == ActionStatus.DENIED:
        code = action.refused_code if action.refused_code in ("expired", "stale") else "rejected"
        raise Refused(gates.Refusal(code=code, why=f"It was refused: {action.refused_code}.", final=True))
    if action.status in (ActionStatus.PROPOSED, ActionStatus.HELD):
        raise Refused(gates.Refusal(code="quorum", why="Nobody has approved it yet."))
    if action.status != ActionStatus.READY:
        raise Refused(gates.Refusal(code="already_claimed", why=f"It is {action.get_status_display().lower()}."))
    if action.digest != digest or canonical.payload_hash(bytes(action.payload)) != action.payload_hash:
        raise Refused(gates.Refusal(code="mismatch", why="The bytes are not those that were decided.", final=True))
    if action.expires_at is not None and action.expires_at <= now:
        raise Refused(gates.Refusal(code="expired", why="The time to execute it is over.", final=True))
    if action.not_before is not None and action.not_before > now:
        raise Refused(gates.Refusal(code="too_early", why="It is still held.", not_before=action.not_before))
    stopped = flags.stopped(target_of(run, action))
    if stopped:
        raise Refused(gates.Refusal(code="killed", why=f"A stop is on: {stopped}."))
    _about_its_subject(run, action)
    held = Run.objects.filter(tenant_id=run.tenant_id, pk=run.pk, lease_epoch=epoch, lease_worker__isnull=False)
    leased = held.first()
    if leased is None:
        raise errors.LeaseLost(f"run {run.pk}: epoch {epoch} no longer holds it")
    if states.stops(leased):
        raise errors.StopRequested(f"run {run.pk}")
    permit = _permit(action, digest)
    if isinstance(permit, gates.Refusal):
        raise Refused(permit)
    return permit


def _about_its_subject(run: Run, action: Action) -> None:
    """Whoever asked not to be contacted is not, and a deed that may be done once is done once."""
    tool = registry.get(action.tool)
    reached = tool.reaches(registry.parsed(tool, action.payload)) if tool.reaches else ""
    barred = subjects.barred(action.tenant_id, reached) if reached else None
    if barred is not None:
        why = f"{barred.no_contact_by or barred.key} asked not to be contacted: {barred.no_contact_why}"
        raise Refused(gates.Refusal(code="do_not_contact", why=why, final=True))
    untold = Signal.objects.filter(
        tenant_id=action.tenant_id, subject=run.subject, name__in=tool.stale_on, taken_by=None
    )
    if tool.stale_on and untold.exists():
        why = "Something came from them after this was asked for, and the run has not read it yet."
        raise Refused(gates.Refusal(code="stale", why=why, final=True))
    done = {ActionStatus.CLAIMED, ActionStatus.UNKNOWN, ActionStatus.DONE}
    twin = Action.objects.filter(tenant_id=action.tenant_id, once=action.once, status__in=done)
    if action.once and twin.exclude(pk=action.pk).exists():
        raise Refused(gates.Refusal(code="repeated", why=REPEATED, final=True))


def _permit(action: Action, digest: str) -> gates.Permit | gates.Refusal:
    """The gate's answer. One that crashes holds: nothing is sent, the run says so and asks again."""
    try:
        with transaction.atomic():
            return gates.gate().permit(action, digest)
    except Exception as error:
        log.exception("the gate crashed in a claim; the action is held", extra={"action": action.pk})
        why = f"The policy could not be read ({type(error).__name__}), so it is held."
        return gates.Refusal(code="gate_crashed", why=why)


def _take(action_id: uuid.UUID, run: Run, epoch: int, permit: gates.Permit) -> tuple[Action, Attempt]:
    action = Action.objects.get(tenant_id=run.tenant_id, pk=action_id)
    action.claim_epoch, action.claimed_at, action.executed_hash = epoch, journal.clock(), action.payload_hash
    try:
        with transaction.atomic():
            changed = Action.objects.filter(tenant_id=run.tenant_id, pk=action_id, status=ActionStatus.READY).update(
                status=ActionStatus.CLAIMED,
                claim_epoch=epoch,
                claimed_at=action.claimed_at,
                executed_hash=action.payload_hash,
            )
    except IntegrityError:  # the same deed, claimed by another run between our look and now
        raise Refused(gates.Refusal(code="repeated", why=REPEATED, final=True)) from None
    if changed != 1:
        raise Refused(gates.Refusal(code="already_claimed", why="Another worker was faster."))
    attempt = Attempt(tenant_id=run.tenant_id, action=action, number=1, epoch=epoch)
    attempt.save(force_insert=True)
    body = {"action": str(action_id), "epoch": epoch, "hash": action.payload_hash, "by": list(permit.by)}
    journal.append(run.pk, Entry(kind="action.claimed", path=action.path, body=body, about="approval"), epoch=epoch)
    action.status = ActionStatus.CLAIMED
    return action, attempt


def target_of(run: Run, action: Action) -> flags.Target:
    release = f"{run.workflow.name} {run.release.number}"
    return flags.Target(workflow=run.workflow.name, release=release, tool=action.tool)
