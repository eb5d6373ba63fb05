"""What must hold after any number of kills, by the records of the outside world. Plain data in, words out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

REFUND, MAIL = "refund_payment", "send_email"
KNOWN, UNKNOWN = {"done", "not_done", "failed"}, "outcome_unknown"
CLAIMED_ONCE = KNOWN | {UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One action as the product tells it."""

    key: str  # the effect key given outside
    tool: str
    status: str
    order: str  # what it is about: at most one effect of its tool may exist for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One run: its row, and what its journal folds to."""

    run: str
    row: tuple[str, dict[str, str]]  # status of the run, status by path of its steps
    journal: tuple[str, dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    deeds: Sequence[Deed]
    runs: Sequence[Told]
    effects: Mapping[str, int]  # key -> how often it happened outside, of both kinds
    orders: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (tool, order) -> how often outside


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """One kind of action, counted."""

    claimed: int
    done: int
    not_done: int
    unknown: int
    unknown_with_effect: int
    doubles: int


def tally(facts: Facts, tool: str) -> Tally:
    deeds = [deed for deed in facts.deeds if deed.tool == tool and deed.status in CLAIMED_ONCE]
    unknown = [deed for deed in deeds if deed.status == UNKNOWN]
    return Tally(
        claimed=len(deeds),
        done=sum(deed.status == "done" for deed in deeds),
        not_done=sum(deed.status in ("not_done", "failed") for deed in deeds),
        unknown=len(unknown),
        unknown_with_effect=sum(facts.effects.get(deed.key, 0) for deed in unknown),
        doubles=sum(facts.effects.get(deed.key, 0) > 1 for deed in deeds),
    )


def violations(facts: Facts, *, refunds: int) -> list[str]:
    """Sentences; none when all holds. `refunds` is how many runs were started, each of which claims one refund."""
    return [*_counts(facts, refunds), *_effects(facts), *_strangers(facts), *_journals(facts)]


def _counts(facts: Facts, refunds: int) -> list[str]:
    found = [
        f"{d.tool} {d.key} is {d.status}: it was never settled" for d in facts.deeds if d.status not in CLAIMED_ONCE
    ]
    paid = tally(facts, REFUND)
    sent = tally(facts, MAIL)
    if paid.claimed != refunds:
        found.append(f"{paid.claimed} refunds were claimed, {refunds} were started")
    if sent.claimed != paid.done:
        found.append(f"{sent.claimed} mails were claimed after {paid.done} refunds")
    for name, count in (("refunds", paid), ("mails", sent)):
        if count.done + count.not_done + count.unknown != count.claimed:
            found.append(f"{name}: {count.done} done and {count.unknown} unknown do not make {count.claimed} claimed")
    return found


def _effects(facts: Facts) -> list[str]:
    most = {"done": (1, 1), "failed": (0, 0), "not_done": (0, 0), UNKNOWN: (0, 1)}
    found = []
    for deed in facts.deeds:
        least, limit = most.get(deed.status, (0, 0))
        happened = facts.effects.get(deed.key, 0)
        if not least <= happened <= limit:
            found.append(f"{deed.tool} {deed.key} is {deed.status} and happened {happened} times")
    return found


def _strangers(facts: Facts) -> list[str]:
    keys = {deed.key for deed in facts.deeds}
    found = [f"the effect {key} belongs to no action" for key in facts.effects if key not in keys]
    found += [f"{tool} for {order} happened {n} times" for (tool, order), n in facts.orders.items() if n > 1]
    proposed = Counter((deed.tool, deed.order) for deed in facts.deeds)
    return found + [f"{tool} for {order} was proposed {n} times" for (tool, order), n in proposed.items() if n > 1]


def _journals(facts: Facts) -> list[str]:
    return [
        f"run {told.run}: its journal tells {told.journal}, its row {told.row}"
        for told in facts.runs
        if told.row != told.journal
    ]
