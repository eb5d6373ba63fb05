"""The stops that are on, for the banner of every page. One query."""

from django import template
from django.db.models import Value

from tenants import scoping
from tenants.models import GlobalStop, Stop
from tenants.permissions import STOP, Actor

register = template.Library()


@register.simple_tag
def stops_on(actor: Actor) -> list[str]:
    """What is stopped, in words; the switch over all tenants first."""
    with scoping.tenant(actor.tenant.pk):
        everywhere = GlobalStop.objects.filter(lifted_at=None).values_list(Value("everywhere"), Value(""), "reason")
        here = Stop.objects.filter(tenant=actor.tenant, lifted_at=None).values_list("scope", "target", "reason")
        found = list(everywhere.order_by().union(here.order_by(), all=True))
    told = {"everywhere": "Everything, for every tenant", "tenant": "Everything"}
    return [f"{told.get(scope) or f'{scope.capitalize()} {target}'}: “{reason}”" for scope, target, reason in found]


@register.filter
def may_stop(actor: Actor) -> bool:
    return actor.may(STOP)
