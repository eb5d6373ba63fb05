"""What a stop would reach and what is stopped: the reads of the stop page."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q

from runs import states, wording
from runs.models import Action, Run, Workflow
from runs.states import ActionStatus, RunStatus
from tenants import errors, scoping
from tenants.models import Stop
from tenants.permissions import MANAGE, STOP, Actor

LEFT_BEFORE = timedelta(minutes=30)
MOST_HELD = 500
MOST = 30  # stops that were lifted, and actions in flight, on one page


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Something that can be stopped. `value` is what the form sends: scope and target."""

    value: str
    label: str
    note: str
    on: bool  # a stop of exactly this is on


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """An action that left before a stop could reach it."""

    run_id: uuid.UUID
    path: str
    tool: str
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class On:
    """A stop that is on, and what it did: runs it holds back, and what had left before it with how that ended."""

    stop: Stop
    held: list[Run]
    left: list[Action]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPage:
    reaches: tuple[Reach, ...]
    active: tuple[On, ...]
    lifted: tuple[Stop, ...]
    in_flight: tuple[InFlight, ...]
    may_stop: bool
    may_lift: bool


def stop_page(actor: Actor) -> StopPage:
    """Seven queries at any size, and one for each stop that is on."""
    with scoping.tenant(actor.tenant.pk):
        stops = Stop.objects.filter(tenant=actor.tenant).select_related("actor", "lifted_by")
        active = tuple(stops.filter(lifted_at=None).order_by("created_at"))
        lifted = tuple(stops.filter(lifted_at__isnull=False).order_by("-lifted_at")[:MOST])
        claimed = Action.objects.filter(tenant=actor.tenant, status=ActionStatus.CLAIMED).order_by("claimed_at")[:MOST]
        in_flight = tuple(InFlight(run_id=a.run_id, path=a.path, tool=a.tool, since=a.claimed_at) for a in claimed)
        reaches = _reaches(actor, {f"{stop.scope}:{stop.target}" for stop in active})
        on = tuple(_did(stop, held) for held in [_held(actor)] for stop in active)
    return StopPage(
        reaches=reaches,
        active=on,
        lifted=lifted,
        in_flight=in_flight,
        may_stop=actor.may(STOP),
        may_lift=actor.may(MANAGE),
    )


def stop_of(actor: Actor, stop_id: uuid.UUID) -> Stop:
    """One stop of the tenant. Raises `NotFound`."""
    with scoping.tenant(actor.tenant.pk):
        found = Stop.objects.filter(tenant=actor.tenant, pk=stop_id).first()
    if found is None:
        raise errors.NotFound("There is no stop with this id here.")
    return found


def held_by(actor: Actor, stop: Stop) -> int:
    """How many runs the stop holds back now."""
    with scoping.tenant(actor.tenant.pk):
        return len(_did(stop, _held(actor)).held)


def _held(actor: Actor) -> list[Run]:
    blocked = Run.objects.filter(tenant=actor.tenant, status=RunStatus.BLOCKED, error__code="stopped")
    return list(blocked.select_related("workflow").order_by("id")[:MOST_HELD])


def _did(stop: Stop, held: list[Run]) -> On:
    """What belongs to the reach of `stop`. What left counts from half an hour before it."""
    left = Action.objects.select_related("run").filter(
        tenant_id=stop.tenant_id,
        claimed_at__range=(stop.created_at - LEFT_BEFORE, stop.created_at),
    )
    left = left.filter(Q(finished_at=None) | Q(finished_at__gt=stop.created_at))
    if stop.scope == Stop.Scope.WORKFLOW:
        held = [run for run in held if run.workflow.name == stop.target]
        left = left.filter(run__workflow__name=stop.target)
    elif stop.scope == Stop.Scope.TOOL:
        held = [run for run in held if f"tool {stop.target} " in (run.error or {}).get("message", "") + " "]
        left = left.filter(tool=stop.target)
    return On(stop=stop, held=held, left=list(left.order_by("claimed_at")[:MOST]))


def _reaches(actor: Actor, on: set[str]) -> tuple[Reach, ...]:
    """Everything, each workflow, each tool with side effects that has been asked for; with what a stop would hold."""
    running = Run.objects.filter(tenant=actor.tenant, status__in=states.RUN_OPEN).order_by()
    runs = dict(running.values_list("workflow_id").annotate(count=Count("pk")))
    found = [("tenant:", "Everything", _amount(sum(runs.values()), "open run"))]
    for flow in Workflow.objects.filter(tenant=actor.tenant).order_by("title"):
        count = _amount(runs.get(flow.pk, 0), "open run")
        found.append((f"workflow:{flow.name}", f"Workflow {flow.title.lower()}", count))
    unsent = Action.objects.filter(tenant=actor.tenant, status__in=states.ACTION_OPEN).order_by()
    waiting = dict(unsent.values_list("tool").annotate(count=Count("pk")))
    for tool in sorted({*wording.TOOLS, *waiting}):
        count = _amount(waiting.get(tool, 0), "action") + " waiting"
        found.append((f"tool:{tool}", f"Tool {tool}", count))
    return tuple(Reach(value=value, label=label, note=note, on=value in on) for value, label, note in found)


def _amount(number: int, one: str) -> str:
    """2 open runs, no open run."""
    return wording.counted(number, one) if number else f"no {one}"
