"""Tenants, members and keys: found before a tenant is known, changed inside one."""

import hashlib
import secrets
import uuid
from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from tenants import errors, scoping
from tenants.models import ApiKey, Membership, Role, Tenant, User
from tenants.permissions import MANAGE, Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One tenant a person belongs to."""

    tenant_id: uuid.UUID
    slug: str
    name: str
    currency: str
    role: str


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
    digest = hashlib.sha256(key.encode()).hexdigest()
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


def add_member(*, actor: Actor, user: User, role: str) -> Membership:
    """Give a person a role, or change the one they have. Taking rights away waits for claims in progress."""
    actor.require(MANAGE)
    with scoping.tenant(actor.tenant.pk):
        scoping.withdraw_permission()
        member, _ = Membership.objects.update_or_create(
            tenant=actor.tenant, user=user, defaults={"role": role, "revoked_at": None}
        )
    return member


def revoke(*, actor: Actor, user: User, reason: str) -> None:
    """End a membership. Votes of this person no longer count at any later claim."""
    actor.require(MANAGE)
    with scoping.tenant(actor.tenant.pk):
        scoping.withdraw_permission()
        changed = Membership.objects.filter(tenant=actor.tenant, user=user, revoked_at=None).update(
            revoked_at=timezone.now()
        )
        if not changed:
            raise errors.Conflict("This person is no member any more.", reason=reason)


def issue_key(*, actor: Actor, user: User, label: str, scopes: list[str]) -> str:
    """A new API key for a program that acts for `user`. It is returned once; only its hash is stored."""
    actor.require(MANAGE)
    return issue_key_for(member=Actor(user=user, tenant=actor.tenant, role=actor.role), label=label, scopes=scopes)


def issue_key_for(*, member: Actor, label: str, scopes: list[str]) -> str:
    """The same from the command line, where whoever may run commands may do this."""
    key = "hp_" + secrets.token_urlsafe(32)
    row = ApiKey(tenant=member.tenant, user=member.user, label=label, scopes=scopes)
    row.hash = hashlib.sha256(key.encode()).hexdigest()
    with scoping.tenant(member.tenant.pk):
        row.save(force_insert=True)
    return key
