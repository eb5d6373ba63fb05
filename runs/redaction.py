"""The one serialiser of what people and programs outside may read. Pages, API and exports all go through it."""

import re
from typing import Any

_CARD = re.compile(r"\b(?:\d[ -]?){12,18}\d\b")
_SECRET = re.compile(r"(pass(word|phrase)|secret|token|api_?key|authorization|credential)", re.IGNORECASE)
HIDDEN = "[not shown]"


def shown(value: Any) -> Any:
    """`value` with secrets left out and card numbers cut to their last four digits."""
    if isinstance(value, dict):
        return {key: HIDDEN if _SECRET.search(str(key)) else shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    if isinstance(value, str):
        return _CARD.sub(_last_four, value)
    return value


def _last_four(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match.group())
    return f"card ending {digits[-4:]}" if _luhn(digits) else match.group()


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        double = int(digit) * (2 if place % 2 else 1)
        total += double - 9 if double > 9 else double
    return total % 10 == 0
