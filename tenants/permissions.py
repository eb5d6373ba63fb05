"""What a role may do, and the one question every page, endpoint and socket asks."""

from dataclasses import dataclass

from django.db import models
from guardian.shortcuts import get_user_perms

from tenants import errors
from tenants.models import Membership, Role, Tenant, User

LOOK, START, OPERATE, DECIDE, STOP, MANAGE = "look", "start", "operate", "decide", "stop", "manage"

WORDS = {
    LOOK: "see everything",
    START: "start runs",
    OPERATE: "repair runs",
    DECIDE: "decide requests",
    STOP: "stop agents",
    MANAGE: "manage members, flags and stops",
}

GRANTS: dict[str, frozenset[str]] = {
    Role.OWNER: frozenset({LOOK, START, OPERATE, DECIDE, STOP, MANAGE}),
    Role.ADMIN: frozenset({LOOK, START, OPERATE, DECIDE, STOP, MANAGE}),
    Role.REVIEWER: frozenset({LOOK, START, DECIDE, STOP}),
    Role.SUPPORT: frozenset({LOOK, START, OPERATE, STOP}),
    Role.STARTER: frozenset({LOOK, START}),
    Role.VIEWER: frozenset({LOOK}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something, in which tenant, with what role. Operations take it and journal it."""

    user: User
    tenant: Tenant
    role: str

    def may(self, right: str, on: models.Model | None = None) -> bool:
        """Whether the role grants `right`, or an object permission on `on` (a Workflow or Policy) does. One query at most."""
        if right in GRANTS.get(self.role, frozenset()):
            return True
        return on is not None and f"{right}_{on._meta.model_name}" in get_user_perms(self.user, on)

    def require(self, right: str, on: models.Model | None = None) -> None:
        if not self.may(right, on):
            raise errors.Forbidden(
                f"Your role here is {Role(self.role).label.lower()}, which may not {WORDS[right]}. An admin can grant it."
            )


def actor_of(membership: Membership) -> Actor:
    return Actor(user=membership.user, tenant=membership.tenant, role=membership.role)
