"""Who: people, tenants, memberships, keys of programs, and the stops."""

import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tenants.keys import TenantModel, uuid7


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(force_insert=True)
        return user

    def get_by_natural_key(self, email: str | None) -> "User":
        return self.get(email=(email or "").lower())


class User(AbstractBaseUser):
    """A person who signs in. What they may do is a `Membership`, never a flag here."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True, max_length=254)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)
    operates_platform = models.BooleanField(default=False)  # may stop every tenant; given on the command line only
    created_at = models.DateTimeField(default=timezone.now)

    objects = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def initials(self) -> str:
        words = self.name.split() or [self.email]
        return "".join(word[0] for word in (words[0], words[-1])[: len(words)]).upper()

    is_superuser = False  # guardian asks; nobody here is one, and global permissions do not exist


class Tenant(models.Model):
    """One customer. Its rows carry its id; row-level security keeps them apart."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(unique=True, max_length=40)
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=3, default="EUR")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner", "Owner"  # everything, members included
    ADMIN = "admin", "Admin"  # flags, stops, policies
    REVIEWER = "reviewer", "Reviewer"  # decides requests
    SUPPORT = "support", "Support"  # repairs runs
    STARTER = "starter", "Starter"  # may start runs
    VIEWER = "viewer", "Viewer"  # looks


class Membership(TenantModel):
    """A person's one role in a tenant. Whether a vote counts is read from here in SQL, at the claim."""

    user = models.ForeignKey(User, models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="membership_once_per_person")]

    def __str__(self) -> str:
        return f"{self.user} as {self.role}"

    @property
    def is_active(self) -> bool:
        return self.revoked_at is None


class ApiKey(TenantModel):
    """A program's key. Only its hash is kept; the person behind it counts as requester of what it starts."""

    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    label = models.CharField(max_length=80)
    hash = models.CharField(max_length=64)  # SHA-256, lower hex
    scopes = models.JSONField(default=list)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "hash"], name="api_key_hash_once")]

    def __str__(self) -> str:
        return self.label


class Stop(TenantModel):
    """A kill switch that is on. Lifting it writes `lifted_*`; rows are never deleted, so history is the table."""

    class Scope(models.TextChoices):
        TENANT = "tenant", "Everything of this tenant"
        WORKFLOW = "workflow", "One workflow"
        RELEASE = "release", "One release"
        TOOL = "tool", "One tool"

    scope = models.CharField(max_length=10, choices=Scope)
    target = models.CharField(max_length=120, blank=True)  # name of workflow, release or tool; empty for the tenant
    reason = models.CharField(max_length=500)
    actor = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    lift_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "scope", "target"], condition=Q(lifted_at=None), name="stop_once_while_on"
            )
        ]

    @property
    def pk_text(self) -> str:
        return str(self.pk)

    @property
    def words(self) -> str:
        """everything, workflow refund_desk, tool send_email."""
        return "everything" if self.scope == self.Scope.TENANT else f"{self.scope} {self.target}"

    def __str__(self) -> str:
        return f"stop of {self.get_scope_display()} {self.target}".strip()


class GlobalStop(models.Model):
    """The switch over all tenants. It has no tenant, so it is on the register of exempt tables."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reason = models.CharField(max_length=500)
    actor = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    lifted_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"global stop since {self.created_at}"


class Feature(TenantModel):
    """The rule of one feature flag in a tenant. The flag itself, and its default, are declared in code."""

    class Mode(models.TextChoices):
        ON = "on", "On for everybody"
        OFF = "off", "Off"
        SHARE = "share", "On for a share"

    name = models.SlugField(max_length=60)
    mode = models.CharField(max_length=6, choices=Mode)
    percent = models.PositiveSmallIntegerField(default=0)  # of units, when the mode is a share
    people = models.JSONField(default=list)  # ids of persons for whom it is on whatever the mode
    version = models.PositiveIntegerField(default=0)  # raised by every change; a form sends back the one it showed
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="feature_name_once"),
            models.CheckConstraint(condition=Q(percent__lte=100), name="feature_percent"),
        ]

    def __str__(self) -> str:
        return self.name

    def refresh(self) -> "Feature":
        """As it is stored, without what was tried to change."""
        return Feature.objects.get(tenant_id=self.tenant_id, pk=self.pk)


class Invitation(TenantModel):
    """A link with which a new person chooses a password, once. Only its hash is kept."""

    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    hash = models.CharField(max_length=64)  # SHA-256, lower hex
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "hash"], name="invitation_hash_once")]

    def __str__(self) -> str:
        return f"invitation of {self.user}"


class AuditEntry(TenantModel):
    """One change of members, keys, flags or stops. Append-only: the database refuses UPDATE and DELETE."""

    actor = models.ForeignKey(User, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10)  # member, key, flag, stop, policy
    target = models.CharField(max_length=200)
    reason = models.CharField(max_length=500)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["tenant", "kind", "-id"], name="audit_by_kind")]  # history filtered by kind

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"
