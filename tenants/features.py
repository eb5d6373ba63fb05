"""Feature flags: rules as rows, one evaluator, no cache. A change counts at the next look, wherever that is.

A flag is declared in code with its default. A tenant may switch it off or on, name people for whom it is on,
or give it to a share of its units (leads, orders): the share is stable, and growing it keeps who was in.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from tenants import audit, errors, news, scoping
from tenants.models import Feature
from tenants.permissions import LOOK, MANAGE, Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Something that a flag is asked about: a lead, an order."""

    key: str
    called: str  # by people
    user: str = ""  # id of who started it; a rule may name people


Units = Callable[[], Sequence[Unit]]  # of the present tenant
LEAST_REASON = 4  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A flag that the code asks about."""

    name: str
    title: str
    what: str  # what it switches, in one sentence
    default: bool
    units: Units | None  # what a share is taken of; None when nobody can say


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether it is on, and which rule said so."""

    on: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A flag as a page shows it. `row` is None while the default stands."""

    declared: Declared
    row: Feature | None
    words: str
    on: bool  # for anybody at all

    @property
    def percent(self) -> int:
        """Of what is open, as a bar shows it."""
        if self.row is None or not self.row.version:
            return 100 if self.declared.default else 0
        return {Feature.Mode.ON: 100, Feature.Mode.OFF: 0}.get(Feature.Mode(self.row.mode), self.row.percent)

    @property
    def version(self) -> int:
        return self.row.version if self.row is not None else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a rule would mean for the units that are open now."""

    on: list[str]
    off: list[str]
    changes: list[str]  # units for which it would change


_KNOWN: dict[str, Declared] = {}


def declare(name: str, *, title: str, what: str, default: bool, units: Units | None = None) -> Declared:
    """Tell of a flag at import time. Raises `Conflict` when two pieces of code mean different things by it."""
    told = Declared(name=name, title=title, what=what, default=default, units=units)
    known = _KNOWN.setdefault(name, told)
    if (known.title, known.default) != (title, default):
        raise errors.Conflict(f"The flag {name} is declared twice.")
    return known


def is_on(name: str, *, unit: str, user: object = "") -> bool:
    """Whether `name` is on for `unit` of `user` (an id) in the present tenant. One query.

    Raises `NotFound` for an undeclared flag.
    """
    return explain(name, unit=unit, user=user).on


def explain(name: str, *, unit: str, user: object = "") -> Answer:
    declared, tenant = _declared(name), scoping.current()
    row = Feature.objects.filter(tenant_id=tenant, name=name).first()
    return _judge(declared, row, tenant, unit, str(user))


def answers(names: Iterable[str], *, unit: str, user: object = "") -> list[tuple[Declared, Answer]]:
    """What each flag says about `unit` in the present tenant now. One query, none for no names."""
    declared, tenant = [_declared(name) for name in names], scoping.current()
    rows = {row.name: row for row in Feature.objects.filter(tenant_id=tenant, name__in=[one.name for one in declared])}
    return [(one, _judge(one, rows.get(one.name), tenant, unit, str(user))) for one in declared]


def _judge(declared: Declared, row: Feature | None, tenant: uuid.UUID, unit: str, user: str) -> Answer:
    if row is None or row.version == 0:
        return Answer(on=declared.default, why=f"nobody has set it; by default it is {_word(declared.default)}")
    if user and user in row.people:
        return Answer(on=True, why="it is on for who started it")
    if row.mode == Feature.Mode.SHARE:
        inside = bucket(tenant, declared.name, unit) < row.percent
        return Answer(on=inside, why=f"it is on for {row.percent} %, and this one is {'in' if inside else 'not in'}")
    on = row.mode == Feature.Mode.ON
    return Answer(on=on, why=f"it is {_word(on)} for everybody here")


def bucket(tenant: uuid.UUID, name: str, unit: str) -> float:
    """A number from [0, 100) that stays the same for one tenant, flag and unit."""
    digest = hashlib.sha256(f"{tenant} {name} {unit}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 * 100


def change(
    *, actor: Actor, name: str, mode: str, percent: int = 0, people: Iterable[str] = (), version: int, reason: str
) -> Feature:
    """Set the rule of a flag for the tenant. It counts from the commit on.

    `version` is the one that the form showed: raises `Conflict` when somebody has changed it since. Setting what
    is set already changes nothing.
    """
    actor.require(MANAGE)
    declared, people = _declared(name), sorted(set(map(str, people)))
    _check(mode, percent, reason)
    with scoping.tenant(actor.tenant.pk):
        Feature.objects.bulk_create(
            [Feature(tenant=actor.tenant, name=name, mode=_mode(declared.default), version=0)], ignore_conflicts=True
        )
        row = Feature.objects.select_for_update().get(tenant=actor.tenant, name=name)
        before = _plain(row)
        row.mode, row.percent, row.people = mode, percent if mode == Feature.Mode.SHARE else 0, people
        if _plain(row) == before and row.version:
            return row
        if row.version != version:
            raise errors.Conflict(f"Somebody changed it meanwhile: it is {describe(declared, row.refresh())} now.")
        row.version, row.changed_at, row.changed_by = version + 1, timezone.now(), actor.user
        row.save(update_fields=["mode", "percent", "people", "version", "changed_at", "changed_by"])
        audit.record(actor=actor, kind="flag", target=name, reason=reason, before=before, after=_plain(row))
        news.announce_tenant(tenant=actor.tenant.pk, about="flags")
    return row


def states(actor: Actor) -> list[State]:
    """Every flag of the code with its rule here, and rules that no code asks about any more. One query."""
    actor.require(LOOK)
    with scoping.tenant(actor.tenant.pk):
        rows = {row.name: row for row in Feature.objects.select_related("changed_by").filter(tenant=actor.tenant)}
    found = [_state(declared, rows.pop(name, None)) for name, declared in sorted(_KNOWN.items())]
    for name, row in sorted(rows.items()):
        gone = Declared(name=name, title=name, what="No code asks about it any more.", default=False, units=None)
        found.append(_state(gone, row))
    return found


def reach(actor: Actor, name: str, *, mode: str, percent: int, people: Iterable[str] = ()) -> Reach:
    """What the rule would mean for the units that are open now, and for which of them it would change."""
    actor.require(LOOK)
    declared = _declared(name)
    with scoping.tenant(actor.tenant.pk):
        row = Feature.objects.filter(tenant=actor.tenant, name=name).first()
        units = declared.units() if declared.units is not None else ()
    wanted = Feature(tenant=actor.tenant, name=name, mode=mode, percent=percent, people=list(people), version=1)
    now = {unit.key: _judge(declared, row, actor.tenant.pk, unit.key, unit.user).on for unit in units}
    then = {unit.key: _judge(declared, wanted, actor.tenant.pk, unit.key, unit.user).on for unit in units}
    called = {unit.key: unit.called for unit in units}
    return Reach(
        on=[called[unit] for unit in called if then[unit]],
        off=[called[unit] for unit in called if not then[unit]],
        changes=[called[unit] for unit in called if now[unit] != then[unit]],
    )


def describe(declared: Declared, row: Feature | None) -> str:
    """on for everybody, off, on for 25 % of leads, with the people it is on for."""
    if row is None or not row.version:
        return f"{_word(declared.default)} by default"
    base = {Feature.Mode.ON: "on", Feature.Mode.OFF: "off"}.get(Feature.Mode(row.mode), f"on for {row.percent} %")
    extra = f", and on for {len(row.people)} named" if row.people and row.mode != Feature.Mode.ON else ""
    return base + extra


def _state(declared: Declared, row: Feature | None) -> State:
    on = declared.default if row is None else row.mode != Feature.Mode.OFF or bool(row.people)
    return State(declared=declared, row=row, words=describe(declared, row), on=on)


def _declared(name: str) -> Declared:
    if name not in _KNOWN:
        raise errors.NotFound(f"There is no flag called {name}.")
    return _KNOWN[name]


def _check(mode: str, percent: int, reason: str) -> None:
    if mode not in Feature.Mode.values:
        raise errors.Invalid("Choose on, off or a share.", field="mode")
    if mode == Feature.Mode.SHARE and not 1 <= percent <= 99:
        raise errors.Invalid("A share is 1 to 99 percent. Choose on or off for the rest.", field="percent")
    if len(reason.strip()) < LEAST_REASON:
        raise errors.Invalid("Say why in a few words: it stands in the history beside your name.", field="reason")


def _plain(row: Feature) -> dict[str, Any]:
    return {"mode": row.mode, "percent": row.percent, "people": list(row.people)}


def _mode(on: bool) -> str:
    return Feature.Mode.ON if on else Feature.Mode.OFF


def _word(on: bool) -> str:
    return "on" if on else "off"
