"""The states of a request, and the predicates that buttons and decisions share."""

from typing import Any

from django.db import models


class ApprovalStatus(models.TextChoices):
    PENDING = "pending", "Waiting for a decision"  # waits for votes
    APPROVED = "approved", "Approved"  # quorum stood when last counted; may be claimed after the hold window
    REJECTED = "rejected", "Rejected"
    SENT_BACK = "sent_back", "Sent back"
    EXPIRED = "expired", "Expired"
    CANCELLED = "cancelled", "Cancelled"
    STALE = "stale", "Stale"


S = ApprovalStatus
OPEN = frozenset({S.PENDING, S.APPROVED})
OVER = frozenset(S) - OPEN


class Answer(models.TextChoices):
    APPROVE = "approve", "Approve"
    REJECT = "reject", "Reject"


def can_approve(approval: Any) -> bool:
    return approval.status == S.PENDING


def can_reject(approval: Any) -> bool:
    """A veto counts until the claim; afterwards it would only be a word."""
    return approval.status in OPEN
