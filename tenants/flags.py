"""Stops (kill switches). They are read inside the claim; writing one waits for claims in progress."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from tenants import audit, errors, news, scoping
from tenants.models import GlobalStop, Stop, User
from tenants.permissions import MANAGE, STOP, Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an action belongs to, as far as stops are concerned."""

    workflow: str
    release: str
    tool: str


def stopped(target: Target) -> str | None:
    """Words of the stop that holds `target` back in the current tenant, or None. Two queries, no cache."""
    if GlobalStop.objects.filter(lifted_at=None).exists():
        return "everything is stopped"
    scopes = Q(scope=Stop.Scope.TENANT)
    for scope in (Stop.Scope.WORKFLOW, Stop.Scope.RELEASE, Stop.Scope.TOOL):
        scopes |= Q(scope=scope, target=getattr(target, scope.value))
    found = Stop.objects.filter(scopes, tenant_id=scoping.current(), lifted_at=None).order_by("created_at").first()
    return None if found is None else f"{found.get_scope_display().lower()} {found.target}".strip() + " is stopped"


def stop(*, actor: Actor, scope: str, target: str = "", reason: str) -> Stop:
    """Switch a stop on. Afterwards nothing in its scope is claimed. Repeating it returns the stop that is on."""
    actor.require(STOP)
    if len(reason.strip()) < 4:
        raise errors.Invalid("Say why, so that others know when it may be lifted.", field="reason")
    with scoping.tenant(actor.tenant.pk):
        scoping.withdraw_permission()
        found = Stop.objects.filter(tenant=actor.tenant, scope=scope, target=target, lifted_at=None).first()
        if found is None:
            found = Stop(tenant=actor.tenant, scope=scope, target=target, reason=reason, actor=actor.user)
            found.save(force_insert=True)
            what = f"{scope} {target}".strip()
            audit.record(actor=actor, kind="stop", target=what, reason=reason, before="open", after="stopped")
            news.announce_tenant(tenant=actor.tenant.pk, about="stops")
    return found


def lift(*, actor: Actor, stop: Stop, reason: str, held: int = 0) -> None:
    """Switch a stop off; `held` is how many runs it held back. Lifting it twice is harmless."""
    actor.require(MANAGE)
    if len(reason.strip()) < 4:
        raise errors.Invalid("Say why it may go on: it stands in the history beside your name.", field="reason")
    with scoping.tenant(actor.tenant.pk):
        lifted = Stop.objects.filter(tenant=actor.tenant, pk=stop.pk, lifted_at=None).update(
            lifted_at=timezone.now(), lifted_by=actor.user, lift_reason=reason.strip()[:500]
        )
        if lifted:
            what, before = f"{stop.scope} {stop.target}".strip(), f"stopped, {held} held back"
            audit.record(actor=actor, kind="stop", target=what, reason=reason, before=before, after="open")
            news.announce_tenant(tenant=actor.tenant.pk, about="stops")


def stop_everywhere(*, by: User, reason: str) -> GlobalStop:
    """Stop every tenant. For the platform's operators alone; waits for every claim in progress."""
    _operator(by, reason)
    with transaction.atomic():
        scoping.withdraw_permission(everywhere=True)
        found = GlobalStop.objects.filter(lifted_at=None).first() or GlobalStop(actor=by, reason=reason)
        if found._state.adding:
            found.save(force_insert=True)
    return found


def lift_everywhere(*, by: User, reason: str) -> None:
    _operator(by, reason)
    GlobalStop.objects.filter(lifted_at=None).update(lifted_at=timezone.now())


def _operator(by: User, reason: str) -> None:
    if not by.operates_platform:
        raise errors.Forbidden("Only an operator of the platform may stop every tenant.")
    if len(reason.strip()) < 4:
        raise errors.Invalid("Say why, so that others know when it may be lifted.", field="reason")
