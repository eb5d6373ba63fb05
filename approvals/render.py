"""What reviewers are shown: one typed renderer per tool, from the stored canonical bytes and nothing else.

The effect sentence is a template, never a model's words. A renderer that crashes shows the bytes as they
are and says so; the action stays held.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runs import canonical
from runs.models import Action
from runs.tools import registry

log = logging.getLogger(__name__)
SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of the effect sentence; variables from the payload are emphasised."""

    text: str
    variable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field: what it is and what it becomes. Empty `before` when there is nothing to compare with."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """All of a request that comes from its bytes."""

    renderer: str  # name and version, kept with each vote
    sentence: tuple[Part, ...]
    facts: tuple[Fact, ...]
    changes: tuple[Change, ...]
    text: str = ""  # a longer text that would go out, shown whole
    raw: str = ""  # the canonical bytes, when no renderer could read them
    error: str = ""

    @property
    def effect(self) -> str:
        return "".join(part.text for part in self.sentence)


Renderer = Callable[[Any, dict[str, Any]], Card]


def card(action: Action) -> Card:
    """The card of an action. Never raises."""
    renderer = RENDERERS.get((action.tool, action.tool_version))
    raw = bytes(action.payload).decode("utf-8", "replace")
    if renderer is None:
        return _plain(action, raw, f"No renderer knows {action.tool} {action.tool_version}.")
    try:
        value = registry.parsed(registry.get(action.tool), action.payload)
        return renderer(value, action.context.get("snapshot") or {})
    except Exception as error:
        log.exception("a renderer crashed; the request shows its bytes", extra={"action": action.pk})
        return _plain(
            action, raw, f"The renderer crashed ({type(error).__name__}). These are the bytes that would run."
        )


def _plain(action: Action, raw: str, error: str) -> Card:
    sentence = (Part(text="Run "), Part(text=action.tool, variable=True), Part(text=" with the arguments below."))
    return Card(renderer="raw", sentence=sentence, facts=(), changes=(), raw=raw, error=error)


def money(minor: int, currency: str) -> str:
    """12480 GBP -> £124.80; a currency without a symbol keeps its code."""
    amount = f"{minor // 100:,}.{minor % 100:02d}"
    return f"{SYMBOLS[currency]}{amount}" if currency in SYMBOLS else f"{amount} {currency}"


def _what_is_left(minor: int, currency: str) -> str:
    """Said, not clamped: a refund of more than is left would be refused outside."""
    return money(minor, currency) if minor >= 0 else f"{money(-minor, currency)} too little; it would be refused"


def _refund(value: Any, snapshot: dict[str, Any]) -> Card:
    amount = money(value.amount_minor, value.currency)
    changes = [Change(label="Reason given", before="", after=value.reason)]
    note = ""
    if "left_minor" in snapshot:
        left = snapshot["left_minor"]
        before = money(snapshot["refunded_minor"], value.currency)
        after = money(snapshot["refunded_minor"] + value.amount_minor, value.currency)
        changes.insert(0, Change(label="Refunded so far", before=before, after=after))
        changes.insert(
            1,
            Change(
                label="Left of the order",
                before=money(left, value.currency),
                after=_what_is_left(left - value.amount_minor, value.currency),
            ),
        )
        note = f"of {money(snapshot['paid_minor'], value.currency)} paid"
    return Card(
        renderer="refund_payment 1",
        sentence=(
            Part(text="Refund "),
            Part(text=amount, variable=True),
            Part(text=" to "),
            Part(text=value.customer, variable=True),
            Part(text=", "),
            Part(text=value.paid_with, variable=True),
            Part(text=", for order "),
            Part(text=value.order, variable=True),
            Part(text="."),
        ),
        facts=(
            Fact(label="To", value=value.customer, note=value.paid_with),
            Fact(label="Amount", value=amount, note=note),
            Fact(label="Can it be undone?", value="Yes", note="By taking the refund back, which is held too"),
        ),
        changes=tuple(changes),
    )


def _reversal(value: Any, snapshot: dict[str, Any]) -> Card:
    amount = money(value.amount_minor, value.currency)
    return Card(
        renderer="reverse_refund 1",
        sentence=(
            Part(text="Take back the refund of "),
            Part(text=amount, variable=True),
            Part(text=" to "),
            Part(text=value.customer, variable=True),
            Part(text=" for order "),
            Part(text=value.order, variable=True),
            Part(text="."),
        ),
        facts=(
            Fact(label="From", value=value.customer, note=f"refund {value.refund}"),
            Fact(label="Amount", value=amount),
            Fact(label="Can it be undone?", value="No", note="A new refund can be paid"),
        ),
        changes=(
            Change(label=f"Refund {value.refund}", before="paid", after="reversed"),
            Change(label="Reason given", before="", after=value.reason),
        ),
    )


def _mail(value: Any, snapshot: dict[str, Any]) -> Card:
    return Card(
        renderer="send_email 1",
        sentence=(
            Part(text="Send "),
            Part(text="one e-mail", variable=True),
            Part(text=" to "),
            Part(text=value.name or value.to, variable=True),
            Part(text=": "),
            Part(text=value.subject, variable=True),
            Part(text="."),
        ),
        facts=(
            Fact(label="To", value=value.to, note="1 recipient, no copies"),
            Fact(label="Subject", value=value.subject),
            Fact(label="Can it be undone?", value="No", note="A correction can be sent"),
        ),
        changes=(),
        text=value.text,
    )


def _outreach(value: Any, snapshot: dict[str, Any]) -> Card:
    words = len(value.text.split())
    return Card(
        renderer="send_outreach 1",
        sentence=(
            Part(text="Write to "),
            Part(text=value.name, variable=True),
            Part(text=" at "),
            Part(text=value.company, variable=True),
            Part(text=": "),
            Part(text=value.subject, variable=True),
            Part(text="."),
        ),
        facts=(
            Fact(label="To", value=value.to, note="1 recipient, no copies"),
            Fact(label="Subject", value=value.subject, note=f"{words} words"),
            Fact(label="Can it be undone?", value="No", note="It leaves the company at once"),
        ),
        changes=(),
        text=value.text,
    )


RENDERERS: dict[tuple[str, int], Renderer] = {
    ("refund_payment", 1): _refund,
    ("reverse_refund", 1): _reversal,
    ("send_email", 1): _mail,
    ("send_outreach", 1): _outreach,
}


def shown(card: Card, action: Action) -> dict[str, Any]:
    """What a vote keeps of the screen it was given on."""
    return {
        "renderer": card.renderer,
        "effect": card.effect,
        "fields": [fact.label for fact in card.facts] + [change.label for change in card.changes],
        "payload_hash": action.payload_hash,
        "fingerprint": canonical.fingerprint(action.digest),
    }
