"""How pages speak of money, of each tool and of each workflow. Pure; what nobody described is called by its name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How to speak of one tool. The functions take its arguments."""

    thing: Callable[[dict[str, Any]], str]  # "the refund of £248.00 to Priya Raman"
    did: Callable[[dict[str, Any]], str]  # "refunded £248.00 to Priya Raman, card ending 4417"
    was: str  # "paid"
    provider: str  # "the ledger"
    twice: Callable[[dict[str, Any]], str]  # what a second one would do
    seen: str = "saw that it is there"  # what the tool's own look afterwards found


def money(minor: int, currency: str) -> str:
    """12480 GBP -> £124.80; a currency without a symbol keeps its code."""
    amount = f"{minor // 100:,}.{minor % 100:02d}"
    return f"{SYMBOLS[currency]}{amount}" if currency in SYMBOLS else f"{amount} {currency}".strip()


def _amount(given: dict[str, Any]) -> str:
    return money(given.get("amount_minor", 0), given.get("currency", ""))


TOOLS = {
    "refund_payment": Words(
        thing=lambda a: f"the refund of {_amount(a)} to {a['customer']}",
        did=lambda a: f"refunded {_amount(a)} to {a['customer']}, {a['paid_with']}",
        was="paid",
        provider="the ledger",
        twice=lambda a: f"a second one could pay {_amount(a)} twice",
    ),
    "reverse_refund": Words(
        thing=lambda a: f"taking back the refund of {_amount(a)} from {a['customer']}",
        did=lambda a: f"took back the refund of {_amount(a)} from {a['customer']}",
        was="carried out",
        provider="the ledger",
        twice=lambda a: f"a second one could take {_amount(a)} twice",
    ),
    "send_email": Words(
        thing=lambda a: f"the e-mail to {a['to']}",
        did=lambda a: f"sent an e-mail to {a['to']}",
        was="sent",
        provider="the mailbox",
        twice=lambda a: f"a second one could reach {a['name'] or a['to']}",
    ),
    "send_outreach": Words(
        thing=lambda a: f"the e-mail “{a['subject']}” to {a['name']}",
        did=lambda a: f"sent “{a['subject']}” to {a['name']}",
        was="sent",
        provider="the mailbox",
        twice=lambda a: f"a second one could reach {a['name']}",
        seen="saw it arrive",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tale:
    """How to speak of one workflow."""

    opening: Callable[[dict[str, Any]], str]  # the first sentence, from its input
    steps: dict[str, str]  # name of a step -> what it did; an empty text is not worth a word
    ended: dict[str, str]  # outcome -> in a few words, for lists and the end of the story
    event: str = ""  # what it means when it waits for an event: "a reply"


def _writes(given: dict[str, Any]) -> str:
    return f"This run writes to {given.get('person') or 'a lead'} at {given.get('company') or 'their company'}."


TALES = {
    "refund_desk": Tale(
        opening=lambda given: f"This run settles what {given.get('email')} asks about order {given.get('order')}.",
        steps={
            "read_order": "read the order",
            "draft_refund": "drafted a proposal",
            "write_letter": "wrote the confirmation",
        },
        ended={"declined": "No refund"},
    ),
    "outbound": Tale(
        opening=_writes,
        steps={
            "recall": "looked up what was done before",
            "research/register": "read the company register",
            "research/press": "read the press",
            "write_outreach": "drafted the first mail",
            "write_follow_up": "drafted the follow-up",
            "read_reply": "read their reply",
            "check_replies": "looked into the inbox",
            "send_outreach/verified": "",
            "slot": "waited for its turn",
            "events:reply": "",
            "remember": "",
            "forbid_contact": "noted that they are not to be contacted",
            "flag:follow_up_enabled": "",
        },
        ended={
            "interested": "They are interested",
            "not_interested": "They said no, and are not contacted again",
            "answered": "They answered",
            "bounced": "The mail came back",
            "no_reply": "No reply after two mails",
            "no_follow_up": "No reply, and no follow-up",
            "left_alone": "Left alone: the drafts were refused",
            "nothing_to_do": "Nothing to do",
        },
        event="a reply",
    ),
}


# code of a refusal -> (family, words)
REFUSALS = {
    "rejected": ("failed", "rejected by a reviewer"),
    "denied": ("failed", "denied by policy"),
    "expired": ("cancelled", "not decided in time"),
    "stale": ("cancelled", "closed because something changed meanwhile"),
    "cancelled": ("cancelled", "closed together with its run"),
    "do_not_contact": ("cancelled", "closed because they asked not to be contacted"),
    "repeated": ("cancelled", "closed because another run has done it"),
}


def tale_of(workflow: str) -> Tale | None:
    return TALES.get(workflow)


def words_of(tool: str) -> Words:
    """How to speak of `tool`; one that nobody described is called by its name."""
    return TOOLS.get(tool) or Words(
        thing=lambda _: tool,
        did=lambda _: f"carried out {tool}",
        was="done",
        provider="the service",
        twice=lambda _: "a second one could do it twice",
    )


def counted(number: int, one: str, many: str = "") -> str:
    """1 step, 2 steps."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
