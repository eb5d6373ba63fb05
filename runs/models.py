"""Runs, their journal and its projection, actions with side effects, and the workers."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from runs.states import ACTION_FINAL, ActionStatus, EffectClass, RunStatus, StepStatus, WaitKind
from tenants.keys import TenantModel, ref, uuid7
from tenants.models import User


class Workflow(TenantModel):
    """A workflow as one tenant sees it. Object permissions of guardian hang here: who else may operate it."""

    name = models.SlugField(max_length=60)
    title = models.CharField(max_length=120)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="workflow_name_once")]
        permissions = [("operate_workflow", "May repair runs of it"), ("start_workflow", "May start runs of it")]

    def __str__(self) -> str:
        return self.title


class Release(TenantModel):
    """Prompts, tools, models and policy that belong together. Every run names one."""

    workflow = ref(Workflow)
    number = models.PositiveIntegerField()
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "workflow", "number"], name="release_number_once")]

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.number}"


class Worker(models.Model):
    """One incarnation of a worker process. Runs hold leases through it, so a heartbeat is one row, not one per run."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    host = models.CharField(max_length=120)
    pid = models.PositiveIntegerField()
    workflows = models.JSONField(default=dict)  # name -> version it can run
    started_at = models.DateTimeField(db_default=Now())
    alive_until = models.DateTimeField()  # by the database's clock
    swept_at = models.DateTimeField(null=True)  # when this process last looked for what is due, as of its last beat

    class Meta:
        indexes = [models.Index(fields=["alive_until"], name="worker_alive")]  # readiness and the system page

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class RunQuerySet(models.QuerySet["Run"]):
    def newest_first(self) -> "RunQuerySet":
        return self.order_by("-id")  # UUIDv7: by time of creation, served by the primary key

    def for_list(self) -> "RunQuerySet":
        return self.select_related("workflow", "release").defer("input")


class Run(TenantModel):
    """One durable execution. `runs.journal` alone moves its head; operations and the engine change the rest through it."""

    class Kind(models.TextChoices):
        NATIVE = "native", "Run here"
        UNDO = "undo", "Undoes another run"
        EXTERNAL = "external", "Run elsewhere"

    kind = models.CharField(max_length=10, choices=Kind, default=Kind.NATIVE)
    workflow = ref(Workflow)
    workflow_version = models.PositiveIntegerField()
    release = ref(Release)
    title = models.CharField(max_length=200)
    subject = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=16, choices=RunStatus, default=RunStatus.QUEUED)
    waiting_for = models.CharField(max_length=10, choices=WaitKind, blank=True)
    direction = models.CharField(max_length=8, default="forward")  # or "undo": compensations are carried out
    input = models.JSONField()
    result = models.JSONField(null=True)
    error = models.JSONField(null=True)  # {"code", "message", "path"}
    failed_path = models.CharField(max_length=300, blank=True)
    start_key = models.CharField(max_length=120, null=True)  # noqa: DJ001  unique, so absent is not empty
    started_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    parent = ref("self", null=True)  # the run this one retries, forks or undoes
    forked_seq = models.BigIntegerField(null=True)  # last sequence of the parent's journal that counts here

    head = models.BigIntegerField(default=0)  # sequence of the newest event
    priority = models.SmallIntegerField(default=0)  # smaller goes first
    ready_at = models.DateTimeField(null=True)  # null unless the run wants attention
    lease_worker = models.ForeignKey(Worker, models.SET_NULL, null=True, db_index=False, related_name="+")
    lease_epoch = models.BigIntegerField(default=0)
    stop_requested_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "start_key"], name="run_start_key_once"),
            models.CheckConstraint(
                condition=Q(parent=None, forked_seq=None) | Q(parent__isnull=False, forked_seq__isnull=False),
                name="run_fork_names_both",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "status", "-id"], name="run_by_status"),  # list filtered by state, counts
            models.Index(fields=["tenant", "parent"], name="run_by_parent"),  # linked runs on the run page
            models.Index(F("priority"), F("ready_at"), condition=Q(ready_at__isnull=False), name="run_ready"),
            models.Index(fields=["lease_worker"], condition=Q(lease_worker__isnull=False), name="run_leased"),
        ]

    def __str__(self) -> str:
        return self.title


class Event(models.Model):
    """One row of the journal. Append-only: the database refuses UPDATE, DELETE and TRUNCATE."""

    pk = models.CompositePrimaryKey("tenant_id", "run_id", "seq")
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT, db_index=False, related_name="+")
    run = ref(Run)
    seq = models.BigIntegerField()
    parent_seq = models.BigIntegerField()  # the event this one follows from
    kind = models.CharField(max_length=40)
    path = models.CharField(max_length=300, blank=True)
    status = models.CharField(max_length=16, blank=True)  # of the run afterwards; empty when unchanged
    waiting_for = models.CharField(max_length=10, blank=True)
    body = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        managed = True
        ordering = ["seq"]

    def __str__(self) -> str:
        return f"{self.seq} {self.kind} {self.path}".strip()


class Step(TenantModel):
    """Projection of the journal for the trace: one row a step, no payloads."""

    run = ref(Run)
    path = models.CharField(max_length=300)
    kind = models.CharField(max_length=10)  # tool, model, action, timer, event, undo
    status = models.CharField(max_length=10, choices=StepStatus)
    attempt = models.PositiveSmallIntegerField(default=1)
    note = models.CharField(max_length=200, blank=True)
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    inherited = models.BooleanField(default=False)  # finished in the run this one continues

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "run", "path"], name="step_path_once")]

    def __str__(self) -> str:
        return self.path


class Action(TenantModel):
    """One call of a tool with side effects, from proposal to receipt. Its id is the idempotency key given outside."""

    run = ref(Run)
    path = models.CharField(max_length=300)
    tool = models.CharField(max_length=60)
    tool_version = models.PositiveIntegerField()
    effect = models.CharField(max_length=12, choices=EffectClass)
    status = models.CharField(max_length=16, choices=ActionStatus, default=ActionStatus.PROPOSED)
    payload = models.BinaryField()  # canonical bytes (RFC 8785) of the arguments: these are hashed, shown and sent
    payload_hash = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    context = models.JSONField(default=dict)  # {"evidence": [...], "reasoning": "...", "snapshot": {...}}
    requested_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    verdict = models.JSONField(default=dict)  # what policy said when it was proposed
    compensates = ref("self", null=True)
    once = models.CharField(max_length=330, blank=True)  # subject and deed: of all runs, one action may carry it out
    expires_at = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)  # end of the hold window
    claim_epoch = models.BigIntegerField(null=True)
    claimed_at = models.DateTimeField(null=True)
    executed_hash = models.CharField(max_length=64, blank=True)
    receipt = models.JSONField(null=True)
    error = models.JSONField(null=True)  # {"code", "message"}
    refused_code = models.CharField(max_length=20, blank=True)  # rejected, expired, cancelled, denied
    verified = models.JSONField(null=True)  # {"ok", "detail", "at"}: the tool's own look at what the receipt says
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "run", "path"], name="action_path_once"),
            models.UniqueConstraint(
                fields=["tenant", "compensates"],
                condition=~Q(status__in=["failed", "not_done", "denied"]),
                name="action_undone_once",
            ),
            models.UniqueConstraint(
                fields=["tenant", "once"],
                condition=Q(status__in=["claimed", "outcome_unknown", "done"]) & ~Q(once=""),
                name="action_sent_once",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["proposed", "held", "ready", "denied"]) | Q(claim_epoch__isnull=False),
                name="action_sent_was_claimed",
            ),
        ]
        indexes = [
            models.Index(  # outcome-unknown lane, recovery
                fields=["tenant", "status", "id"],
                condition=~Q(status__in=sorted(s.value for s in ACTION_FINAL)),
                name="action_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool} {self.pk}"


class Attempt(TenantModel):
    """One send inside a claim."""

    action = ref(Action)
    number = models.PositiveSmallIntegerField()
    epoch = models.BigIntegerField()
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=20, blank=True)  # done, or the code of the error; empty: no answer yet
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "action", "number"], name="attempt_number_once")]

    def __str__(self) -> str:
        return f"attempt {self.number}"


class Wait(TenantModel):
    """What a parked run waits for. A decision, a timer or an event resolves it in its own transaction."""

    run = ref(Run)
    path = models.CharField(max_length=300)
    kind = models.CharField(max_length=10, choices=WaitKind)
    key = models.CharField(max_length=200, blank=True)  # the event's name, or the action's id
    due_at = models.DateTimeField(null=True)  # timer, or the latest time for the rest
    resolved_at = models.DateTimeField(null=True)
    resolution = models.JSONField(null=True)  # {"how": "decided"|"due"|"event"|"closed", "value": ...}

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "run", "path"], name="wait_path_once")]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(resolved_at=None), name="wait_due"),  # due_timers()
            models.Index(  # an event looks for the run that waits for it
                fields=["tenant", "key"], condition=Q(resolved_at=None, kind="event"), name="wait_for_event"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.key}".strip()


class Signal(TenantModel):
    """An event from outside. Kept even when no run waits for it yet."""

    subject = models.CharField(max_length=200)
    name = models.CharField(max_length=120)
    key = models.CharField(max_length=120)  # of the sender, so that the same event counts once
    value = models.JSONField()
    taken_by = ref(Wait, null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="signal_key_once")]
        indexes = [
            models.Index(fields=["tenant", "subject", "name", "id"], condition=Q(taken_by=None), name="signal_untaken")
        ]

    def __str__(self) -> str:
        return self.name


class Subject(TenantModel):
    """Whom or what runs are about (a lead, an order), as this tenant remembers it."""

    key = models.CharField(max_length=200)
    holder = ref(Run, null=True)  # the one run that may act on it now
    facts = models.JSONField(default=dict)  # what runs wrote down: name -> value
    no_contact_at = models.DateTimeField(null=True)  # asked not to be contacted; read inside every claim
    no_contact_why = models.CharField(max_length=500, blank=True)
    no_contact_by = models.CharField(max_length=150, blank=True)  # a person's name, or who the words came from
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="subject_key_once")]

    def __str__(self) -> str:
        return self.key


class Blob(TenantModel):
    """Content by its hash. The same content is stored once for a tenant."""

    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "sha256"], name="blob_once")]

    def __str__(self) -> str:
        return self.sha256[:12]


class Artifact(TenantModel):
    """Something a run made: a draft, a mail that was sent, a reply it read."""

    class Kind(models.TextChoices):
        DRAFT = "draft", "Draft"
        MAIL = "mail", "Sent mail"
        REPLY = "reply", "Reply"
        FILE = "file", "File"

    run = ref(Run)
    path = models.CharField(max_length=300)
    kind = models.CharField(max_length=10, choices=Kind)
    title = models.CharField(max_length=200)
    media_type = models.CharField(max_length=80)
    size = models.PositiveIntegerField()  # bytes
    blob = ref(Blob)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "run", "path"], name="artifact_path_once")]

    def __str__(self) -> str:
        return self.title
