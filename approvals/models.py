"""Policies, and the requests that people decide. A request ends at approved or at a refusal; it never executes."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from approvals.states import Answer, ApprovalStatus
from runs.models import Action, Run
from tenants.keys import TenantModel, ref
from tenants.models import User


class Policy(TenantModel):
    """One version of the rules. The newest is in force; older ones stay, because decisions name them."""

    version = models.PositiveIntegerField()
    rules = models.JSONField()  # validated by approvals.policies.Rules
    note = models.CharField(max_length=200, blank=True)
    author = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "version"], name="policy_version_once")]
        permissions = [("manage_policy", "May change it"), ("decide_policy", "May decide what it holds")]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return f"policy {self.version}"


class Approval(TenantModel):
    """A held action with what reviewers are shown."""

    action = ref(Action)
    run = ref(Run)
    status = models.CharField(max_length=10, choices=ApprovalStatus, default=ApprovalStatus.PENDING)
    quorum = models.PositiveSmallIntegerField(default=1)
    deciders = models.JSONField(default=list)  # roles whose votes count
    rule = models.CharField(max_length=120)
    why = models.CharField(max_length=300)
    policy_version = models.PositiveIntegerField(null=True)
    hold_window_s = models.FloatField(default=0)
    expires_at = models.DateTimeField()
    effect = models.CharField(max_length=400)  # the sentence of the renderer, for lists
    renderer = models.CharField(max_length=80)  # "refund_payment 1", or "raw" when the renderer crashed
    renderer_error = models.CharField(max_length=300, blank=True)
    revision = models.PositiveSmallIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "action"], name="approval_once_per_action"),
            models.CheckConstraint(condition=Q(quorum__gte=1), name="approval_needs_somebody"),
        ]
        indexes = [
            models.Index(  # the inbox, due first, keyset
                fields=["tenant", "expires_at", "id"], condition=Q(status="pending"), name="approval_inbox"
            ),
            models.Index(fields=["tenant", "run"], name="approval_of_run"),
            models.Index(fields=["tenant", "-id"], name="approval_newest"),
        ]

    def __str__(self) -> str:
        return self.effect


class Revision(TenantModel):
    """One version of the bytes that are asked for. A vote names the digest of one."""

    approval = ref(Approval)
    number = models.PositiveSmallIntegerField()
    payload = models.BinaryField()
    payload_hash = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    editor = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "approval", "number"], name="revision_number_once")]

    def __str__(self) -> str:
        return f"revision {self.number}"


class Vote(TenantModel):
    """One person's answer to one digest."""

    approval = ref(Approval)
    voter = models.ForeignKey(User, models.PROTECT, related_name="+")
    answer = models.CharField(max_length=8, choices=Answer)
    digest = models.CharField(max_length=64)
    reason = models.CharField(max_length=1000, blank=True)
    shown = models.JSONField(default=dict)  # what was on the screen: renderer, fields, when opened
    created_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "approval", "voter", "digest"],
                condition=Q(withdrawn_at=None),
                name="vote_once_per_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.answer} by {self.voter_id}"
