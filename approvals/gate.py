"""The gate as runs know it (`runs.gates.Gate`): policy decides, people vote, and the claim asks once more."""

import uuid
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from approvals import policies, render
from approvals.models import Approval, Revision
from approvals.states import OPEN, ApprovalStatus
from runs import journal, operations
from runs.gates import DENY, HOLD, Permit, Refusal, Verdict
from runs.models import Action

# Whoever started a run, or one that it retries or forks: a retry by somebody else does not make it their request.
# An undo is another request, so the line ends there.
STARTERS = """
WITH RECURSIVE line AS (
    SELECT r.tenant_id, r.parent_id, r.kind, r.started_by_id FROM runs_run r WHERE r.tenant_id = %s AND r.id = %s
    UNION ALL
    SELECT p.tenant_id, p.parent_id, p.kind, p.started_by_id FROM line l
    JOIN runs_run p ON p.tenant_id = l.tenant_id AND p.id = l.parent_id WHERE l.kind <> 'undo'
)
"""

# Votes that count now: for this digest, not withdrawn, by distinct members whose role may decide, none of
# them the requester, a starter or the last editor. One statement, so one snapshot.
QUORUM = f"""
{STARTERS}
SELECT v.voter_id FROM approvals_vote v
JOIN approvals_approval a ON a.tenant_id = v.tenant_id AND a.id = v.approval_id
JOIN runs_action x ON x.tenant_id = a.tenant_id AND x.id = a.action_id
JOIN tenants_membership m ON m.tenant_id = v.tenant_id AND m.user_id = v.voter_id AND m.revoked_at IS NULL
JOIN tenants_user u ON u.id = v.voter_id AND u.is_active
WHERE v.tenant_id = %s AND v.approval_id = %s AND v.answer = 'approve' AND v.withdrawn_at IS NULL
    AND v.digest = %s AND a.deciders ? m.role
    AND v.voter_id IS DISTINCT FROM x.requested_by_id
    AND NOT EXISTS (SELECT 1 FROM line WHERE line.started_by_id = v.voter_id)
    AND v.voter_id IS DISTINCT FROM (
        SELECT e.editor_id FROM approvals_revision e
        WHERE e.tenant_id = a.tenant_id AND e.approval_id = a.id ORDER BY e.number DESC LIMIT 1)
GROUP BY v.voter_id ORDER BY v.voter_id
"""


class PolicyGate:
    """Approvals behind the Protocol of runs."""

    def decide(self, action: Action) -> Verdict:
        return policies.judge(action)

    def hold(self, action: Action, verdict: Verdict) -> datetime:
        card = render.card(action)
        expires = journal.clock() + timedelta(seconds=verdict.expires_after_s)
        approval = Approval(
            tenant_id=action.tenant_id,
            action=action,
            run_id=action.run_id,
            quorum=verdict.quorum,
            deciders=list(verdict.deciders),
            rule=verdict.rule[:120],
            why=verdict.why[:300],
            policy_version=verdict.policy_version,
            hold_window_s=verdict.hold_window_s,
            expires_at=expires,
            effect=card.effect[:400],
            renderer=card.renderer,
            renderer_error=card.error[:300],
        )
        approval.save(force_insert=True)
        Revision(
            tenant_id=action.tenant_id,
            approval=approval,
            number=1,
            payload=bytes(action.payload),
            payload_hash=action.payload_hash,
            digest=action.digest,
        ).save(force_insert=True)
        return expires

    def lock(self, action: Action) -> None:
        Approval.objects.select_for_update().filter(tenant_id=action.tenant_id, action_id=action.pk).first()

    def permit(self, action: Action, digest: str) -> Permit | Refusal:
        now = policies.judge(action)
        if now.result == DENY or policies.stricter(now, action.verdict):
            why = f"The policy is stricter by now: {now.why}"
            return Refusal(code="policy_stricter", why=why, final=now.result == DENY)
        if action.verdict.get("result") != HOLD:
            return Permit()
        approval = Approval.objects.get(tenant_id=action.tenant_id, action_id=action.pk)
        if approval.status != ApprovalStatus.APPROVED:
            final = approval.status not in OPEN
            return Refusal(
                code="rejected" if final else "quorum",
                why=f"It is {approval.get_status_display().lower()}.",
                final=final,
            )
        voters = votes_that_count(approval, digest)
        if len(voters) < approval.quorum:
            why = f"{len(voters)} of {approval.quorum} approvals still count; somebody lost the right to decide."
            return Refusal(code="quorum", why=why)
        return Permit(by=tuple(voters))

    def reopen(self, action: Action, refusal: Refusal) -> Verdict:
        """approved -> pending; a stricter policy also raises what is asked for."""
        now = policies.judge(action)
        approval = Approval.objects.filter(tenant_id=action.tenant_id, action_id=action.pk).first()
        if approval is None:  # it had been allowed without people
            action.expires_at = self.hold(action, now)
            return now
        Approval.objects.filter(tenant_id=action.tenant_id, pk=approval.pk, status=ApprovalStatus.APPROVED).update(
            status=ApprovalStatus.PENDING,
            decided_at=None,
            quorum=max(approval.quorum, now.quorum),
            deciders=list(now.deciders),
            why=refusal.why[:300],
        )
        return now

    def expire(self, action: Action) -> bool:
        """pending or approved -> expired, by the database's clock in the statement itself."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE approvals_approval SET status = 'expired', decided_at = clock_timestamp()"
                " WHERE tenant_id = %s AND action_id = %s AND status IN ('pending', 'approved')"
                " AND expires_at <= clock_timestamp() RETURNING id",
                [action.tenant_id, action.pk],
            )
            if cursor.fetchone() is None:
                return False
        operations.refuse_action(action, code="expired", reason="Nobody decided in time.", by="")
        return True

    def close(self, action: Action, reason: str) -> None:
        status = ApprovalStatus.STALE if reason == "stale" else ApprovalStatus.CANCELLED
        status = ApprovalStatus.EXPIRED if reason == "expired" else status
        Approval.objects.filter(tenant_id=action.tenant_id, action_id=action.pk, status__in=OPEN).update(
            status=status, decided_at=timezone.now()
        )


def votes_that_count(approval: Approval, digest: str) -> list[str]:
    """Ids of the distinct persons whose approval of `digest` counts at this moment."""
    with connection.cursor() as cursor:
        cursor.execute(QUORUM, [approval.tenant_id, approval.run_id, approval.tenant_id, approval.pk, digest])
        return [str(voter) for (voter,) in cursor.fetchall()]


def asked_for_it(action: Action) -> set[uuid.UUID]:
    """Ids of those who asked for the action, or for what it repeats: none of them may decide it."""
    with connection.cursor() as cursor:
        cursor.execute(f"{STARTERS} SELECT started_by_id FROM line", [action.tenant_id, action.run_id])
        people = {person for (person,) in cursor.fetchall()} | {action.requested_by_id}
    return {person for person in people if person is not None}
