"""Tenants, members and keys: found before a tenant is known, changed inside one."""

import hashlib
import logging
import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from tenants import audit, errors, news, scoping
from tenants.models import ApiKey, Invitation, Membership, Role, Tenant, User
from tenants.permissions import LOOK, MANAGE, Actor

log = logging.getLogger(__name__)

INVITED_FOR = timedelta(days=7)
LEAST_REASON = 4  # characters
PAGE = 50
MOST_NAMES = 1000  # offered in one choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One tenant a person belongs to."""

    tenant_id: uuid.UUID
    slug: str
    name: str
    currency: str
    role: str


def named(email: str) -> User:
    """The person who signs in as `email`. Raises `NotFound`."""
    found = User.objects.filter(email=email.strip().lower()).first()
    if found is None:
        raise errors.NotFound(f"Nobody signs in as {email}.")
    return found


def seats_of(user: User) -> list[Seat]:
    """Every tenant the person is a member of, by name. One query, through a function of the cross role."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, slug, name, currency, role FROM my_tenants_v1(%s)", [user.pk])
        return [Seat(tenant_id=t, slug=s, name=n, currency=c, role=r) for t, s, n, c, r in cursor.fetchall()]


def actor_in(user: User, slug: str) -> Actor:
    """The person as a member of the tenant `slug`. Raises `NotFound` for strangers: they learn nothing."""
    return seat(user, slug)[0]


def seat(user: User, slug: str) -> tuple[Actor, list[Seat]]:
    """The person in the tenant `slug`, and all their seats. One query. Raises `NotFound` for strangers."""
    seats = seats_of(user)
    for found in seats:
        if found.slug == slug:
            tenant = Tenant(id=found.tenant_id, slug=found.slug, name=found.name, currency=found.currency)
            return Actor(user=user, tenant=tenant, role=found.role), seats
    raise errors.NotFound("There is no page with this address for you. You may be signed in as somebody else.")


def actor_of_key(key: str, scope: str) -> Actor:
    """The person behind an API key that carries `scope`. Raises `Unauthenticated` or `Forbidden`."""
    digest = _hash(key)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, user_id, scopes, slug, name, currency, role FROM key_owner_v1(%s)", [digest])
        row = cursor.fetchone()
    if row is None:
        raise errors.Unauthenticated("This API key is not known or was revoked. Ask an admin for a new one.")
    tenant_id, user_id, scopes, slug, name, currency, role = row
    if scope not in scopes:
        raise errors.Forbidden(f"This API key lacks the scope {scope!r}. Ask an admin for a key that has it.")
    tenant = Tenant(id=tenant_id, slug=slug, name=name, currency=currency)
    return Actor(user=User.objects.get(pk=user_id), tenant=tenant, role=role)


def add_tenant(*, slug: str, name: str, currency: str, owner: User) -> Actor:
    """Make a tenant and its first member."""
    tenant = Tenant(slug=slug, name=name, currency=currency)
    with scoping.tenant(tenant.pk):
        tenant.save(force_insert=True)
        Membership(tenant=tenant, user=owner, role=Role.OWNER).save(force_insert=True)
    return Actor(user=owner, tenant=tenant, role=Role.OWNER)


def add_member(*, actor: Actor, user: User, role: str, reason: str = "") -> Membership:
    """Give a person a role, or change the one they have. Taking rights away waits for claims in progress.

    Raises `Forbidden` when an admin makes or touches an owner, `Conflict` when the tenant would be left without one.
    """
    actor.require(MANAGE)
    if role not in Role.values:
        raise errors.Invalid("Choose one of the roles.", field="role")
    with scoping.tenant(actor.tenant.pk):
        scoping.withdraw_permission()  # alone: two changes at once cannot both leave the other as last owner
        known = Membership.objects.filter(tenant=actor.tenant, user=user).first()
        then = known.role if known is not None and known.is_active else None
        if then == role and known is not None:
            return known
        _guard(actor, then, role)
        member, _ = Membership.objects.update_or_create(
            tenant=actor.tenant, user=user, defaults={"role": role, "revoked_at": None}
        )
        told = {"before": {"role": then}, "after": {"role": role}}
        audit.record(actor=actor, kind="member", target=user.email, reason=reason, **told)
        news.announce_tenant(tenant=actor.tenant.pk, about="members")
    return member


def revoke(*, actor: Actor, user: User, reason: str) -> None:
    """End a membership and its keys. Votes of this person no longer count at any later claim."""
    actor.require(MANAGE)
    _check(reason)
    with scoping.tenant(actor.tenant.pk):
        scoping.withdraw_permission()
        member = Membership.objects.filter(tenant=actor.tenant, user=user, revoked_at=None).first()
        if member is None:
            raise errors.Conflict("This person is no member any more.", reason=reason)
        _guard(actor, member.role, None)
        now = timezone.now()
        Membership.objects.filter(tenant=actor.tenant, pk=member.pk, revoked_at=None).update(revoked_at=now)
        ApiKey.objects.filter(tenant=actor.tenant, user=user, revoked_at=None).update(revoked_at=now)
        told = {"before": {"role": member.role}, "after": {"role": None}}
        audit.record(actor=actor, kind="member", target=user.email, reason=reason, **told)
        news.announce_tenant(tenant=actor.tenant.pk, about="members")


def _guard(actor: Actor, then: str | None, now: str | None) -> None:
    """Owners are made, changed and removed by owners; one always stays. Under the exclusive lock."""
    if Role.OWNER in (then, now) and actor.role != Role.OWNER:
        raise errors.Forbidden("Owners are made and changed by owners only. Ask one.")
    if then == Role.OWNER and now != Role.OWNER:
        others = Membership.objects.filter(tenant=actor.tenant, role=Role.OWNER, revoked_at=None).count()
        if others <= 1:
            raise errors.Conflict("This is the last owner. Make somebody else owner first.")


def invite(*, actor: Actor, email: str, name: str, role: str, reason: str = "") -> tuple[Membership, str]:
    """Add somebody by e-mail; for a new person also the secret of a link with which they choose a password once.

    The secret is returned once and is empty for somebody who can sign in already. Asked again for somebody who has
    not chosen a password yet, it makes a new link. Raises `Conflict` for any other member: a role is changed on purpose.
    """
    actor.require(MANAGE)
    email = email.strip().lower()
    with scoping.tenant(actor.tenant.pk):
        user = User.objects.filter(email=email).first()
        new = user is None
        if user is None:
            user = User.objects.create_user(email, None, name=name.strip() or email.partition("@")[0])
        seat = Membership.objects.filter(tenant=actor.tenant, user=user, revoked_at=None).first()
        if seat is not None and (user.has_usable_password() or seat.role != role):
            label = seat.get_role_display().lower()
            raise errors.Conflict(f"{user} is a member already, as {label}. Choose them in the list to change that.")
        member = add_member(actor=actor, user=user, role=role, reason=reason or "invited")
        return member, _invitation(actor, user) if new or not user.has_usable_password() else ""


def _invitation(actor: Actor, user: User) -> str:
    secret = secrets.token_urlsafe(32)
    row = Invitation(tenant=actor.tenant, user=user, hash=_hash(secret), expires_at=timezone.now() + INVITED_FOR)
    row.save(force_insert=True)
    return secret


def invited(secret: str) -> User:
    """Whom the link is for. Raises `NotFound` when it was used, is over, or never was.

    Once a password is chosen no link of the person works any more, also one that nobody has used.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, user_id FROM invitation_v1(%s)", [_hash(secret)])
        row = cursor.fetchone()
    user = User.objects.filter(pk=row[1]).first() if row is not None else None
    if user is None or user.has_usable_password():
        raise errors.NotFound("This link was used or its time is over. Sign in, or ask an admin for a new one.")
    return user


def accept(*, secret: str, password: str) -> User:
    """Choose the password; the link works once, also when it is pressed twice at the same moment."""
    user = invited(secret)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM invitation_v1(%s)", [_hash(secret)])
        found = cursor.fetchone()
    with scoping.tenant(found[0] if found else uuid.UUID(int=0)):
        used = Invitation.objects.filter(hash=_hash(secret), used_at=None).update(used_at=timezone.now())
        if used != 1:
            raise errors.Conflict("This link has just been used. Sign in.")
        user.set_password(password)
        user.save(update_fields=["password"])
    return user


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """A page of the people of a tenant, by name."""

    rows: list[Membership]
    more: str  # id to go on from
    keys: list[ApiKey]


def members(actor: Actor, *, text: str = "", after: str = "") -> Members:
    """Active members by the time they came, keyset by id, and the keys that are valid. Two queries."""
    actor.require(LOOK)
    with scoping.tenant(actor.tenant.pk):
        found = Membership.objects.select_related("user").filter(tenant=actor.tenant, revoked_at=None)
        if text:
            found = found.filter(Q(user__name__icontains=text) | Q(user__email__icontains=text))
        if after:
            found = found.filter(id__gt=_id(after))
        rows = list(found.order_by("id")[: PAGE + 1])
        keys: list[ApiKey] = []
        if actor.may(MANAGE):
            issued = ApiKey.objects.select_related("user").filter(tenant=actor.tenant, revoked_at=None)
            keys = list(issued.order_by("-id")[:PAGE])
    return Members(rows=rows[:PAGE], more=str(rows[PAGE - 1].pk) if len(rows) > PAGE else "", keys=keys)


def names(actor: Actor) -> list[tuple[str, str]]:
    """Id and name of the active members, for a choice; the first thousand by name. One query."""
    actor.require(LOOK)
    with scoping.tenant(actor.tenant.pk):
        found = Membership.objects.select_related("user").filter(tenant=actor.tenant, revoked_at=None)
        return [(str(row.user_id), str(row.user)) for row in found.order_by("user__name", "user_id")[:MOST_NAMES]]


def member_of(actor: Actor, member_id: uuid.UUID) -> Membership:
    """An active member of the tenant. Raises `NotFound`."""
    with scoping.tenant(actor.tenant.pk):
        found = Membership.objects.select_related("user").filter(tenant=actor.tenant, pk=member_id, revoked_at=None)
        member = found.first()
    if member is None:
        raise errors.NotFound("This person is no member here any more.")
    return member


def issue_key(*, actor: Actor, user: User, label: str, scopes: list[str]) -> str:
    """A new API key for a program that acts for `user`. It is returned once; only its hash is stored."""
    actor.require(MANAGE)
    label = label.strip()
    if not label:
        raise errors.Invalid("Say what the key is for.", field="label")
    member = Actor(user=user, tenant=actor.tenant, role=actor.role)
    with scoping.tenant(actor.tenant.pk):
        if not Membership.objects.filter(tenant=actor.tenant, user=user, revoked_at=None).exists():
            raise errors.Conflict("A key acts for a member. This person is none any more.")
        key = issue_key_for(member=member, label=label, scopes=scopes)
        after = {"label": label, "scopes": scopes}
        audit.record(actor=actor, kind="key", target=user.email, reason=f"issued: {label}", before=None, after=after)
        news.announce_tenant(tenant=actor.tenant.pk, about="members")
    return key


def issue_key_for(*, member: Actor, label: str, scopes: list[str]) -> str:
    """The same from the command line, where whoever may run commands may do this."""
    key = "hp_" + secrets.token_urlsafe(32)
    row = ApiKey(tenant=member.tenant, user=member.user, label=label[:80], scopes=scopes, hash=_hash(key))
    with scoping.tenant(member.tenant.pk):
        row.save(force_insert=True)
    return key


def revoke_key(*, actor: Actor, key_id: uuid.UUID, reason: str) -> None:
    """End a key. Ending it twice is harmless."""
    actor.require(MANAGE)
    _check(reason)
    with scoping.tenant(actor.tenant.pk):
        row = ApiKey.objects.select_related("user").filter(tenant=actor.tenant, pk=key_id).first()
        if row is None:
            raise errors.NotFound("There is no key with this id here.")
        if ApiKey.objects.filter(tenant=actor.tenant, pk=key_id, revoked_at=None).update(revoked_at=timezone.now()):
            before = {"label": row.label, "scopes": row.scopes}
            audit.record(actor=actor, kind="key", target=row.user.email, reason=reason, before=before, after=None)
            news.announce_tenant(tenant=actor.tenant.pk, about="members")


def _check(reason: str) -> None:
    if len(reason.strip()) < LEAST_REASON:
        raise errors.Invalid("Say why in a few words: it stands in the history beside your name.", field="reason")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise errors.Invalid("This address is not complete. Begin at the top of the list.") from None
