"""How pages speak of money and of each tool. Pure; a tool nobody described is called by its name."""

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
}


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
