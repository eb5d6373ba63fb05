"""The demo shop's orders: a few that people know by name, and thousands made from their number.

Money in minor units. People and addresses are invented; example.net belongs to nobody.
"""

import hashlib
import re
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

GENERATED = re.compile(r"NW-9[0-9]{4}")

_TENT = ("TENT-2P", "Ridgeline tent, 2 person", 12_400)
_GOODS = (
    _TENT,
    ("BAG-M5", "Down sleeping bag, -5 °C", 18_900),
    ("PACK-45", "Rucksack, 45 l", 11_500),
    ("BOOT-GTX", "Walking boots", 16_500),
    ("STOVE-1", "Gas stove", 4_450),
    ("LAMP-400", "Head lamp, 400 lm", 3_990),
    ("MAT-R4", "Sleeping mat", 7_200),
    ("SHELL-W", "Rain shell", 14_900),
)
_BY_SKU = {sku: (sku, name, price) for sku, name, price in _GOODS}
_FIRST = ("Amara", "Bjorn", "Camille", "Dario", "Elif", "Farid", "Greta", "Hiro", "Imani", "Jakub", "Keira", "Luca")
_LAST = (
    "Abebe",
    "Becker",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fontaine",
    "Gupta",
    "Horvat",
    "Ito",
    "Jansen",
    "Kowal",
    "Lund",
)

# number: (name, mailbox name, ((sku, quantity), ...), last four of the card, placed on)
_KNOWN = {
    "NW-48213": ("Priya Raman", "priya.raman", (("TENT-2P", 2),), "4417", "2026-10-29"),
    "NW-48209": ("Hana Suzuki", "hana.suzuki", (("LAMP-400", 1), ("STOVE-1", 1)), "7730", "2026-10-29"),
    "NW-48190": ("Marek Dvořák", "marek.dvorak", (("BAG-M5", 1),), "0926", "2026-10-27"),
    "NW-48177": ("Aoife Byrne", "aoife.byrne", (("BOOT-GTX", 1),), "3381", "2026-10-26"),
    "NW-48169": ("Lars Nygaard", "lars.nygaard", (("PACK-45", 1), ("MAT-R4", 1)), "5502", "2026-10-25"),
    "NW-48141": ("Chiara Conti", "chiara.conti", (("SHELL-W", 2),), "1178", "2026-10-22"),
    "NW-48133": ("Yusuf Kaya", "yusuf.kaya", (("STOVE-1", 1),), "6649", "2026-10-21"),
    "NW-48120": ("Hana Suzuki", "hana.suzuki", (("MAT-R4", 2),), "7730", "2026-10-19"),
    "NW-48112": ("Tomás Herrera", "tomas.herrera", (("LAMP-400", 1),), "2045", "2026-10-18"),
    "NW-48098": ("Nora Lindqvist", "nora.lindqvist", (("BAG-M5", 2), ("MAT-R4", 2)), "8812", "2026-10-15"),
    "NW-48075": ("Samuel Okafor", "samuel.okafor", (("BOOT-GTX", 1), ("SHELL-W", 1)), "9034", "2026-10-12"),
    "NW-47790": ("Ingrid Solheim", "ingrid.solheim", (("TENT-2P", 40), ("BAG-M5", 40)), "5160", "2026-09-08"),
}


@lru_cache(maxsize=4096)
def find(number: str) -> dict[str, Any] | None:
    """The order `number` as the shop tells it, or None. The same number is the same order in every process."""
    if number in _KNOWN:
        name, mailbox, lines, card, placed_on = _KNOWN[number]
        goods = [(_BY_SKU[sku], quantity) for sku, quantity in lines]
        return _order(number, (name, mailbox), goods, card=card, placed_on=placed_on)
    return _generated(number) if GENERATED.fullmatch(number) else None


def _generated(number: str) -> dict[str, Any]:
    dice = hashlib.sha256(number.encode()).digest()
    first, last = _FIRST[dice[0] % len(_FIRST)], _LAST[dice[1] % len(_LAST)]
    lines = [(_GOODS[dice[2] % len(_GOODS)], 1 + dice[3] % 3)]
    if dice[4] % 2:
        lines.append((_GOODS[(dice[2] + 1 + dice[5] % (len(_GOODS) - 1)) % len(_GOODS)], 1))
    card = f"{int.from_bytes(dice[6:8], 'big') % 10_000:04d}"
    placed_on = date(2026, 8, 1) + timedelta(days=dice[8] % 90)
    customer = (f"{first} {last}", f"{first}.{last}".lower())
    return _order(number, customer, lines, card=card, placed_on=placed_on.isoformat())


def _order(number: str, customer: tuple[str, str], lines: list, *, card: str, placed_on: str) -> dict[str, Any]:
    name, mailbox = customer
    return {
        "order": number,
        "customer": {"name": name, "email": f"{mailbox}@example.net"},
        "items": [
            {"sku": sku, "name": title, "quantity": quantity, "price_minor": price}
            for (sku, title, price), quantity in lines
        ],
        "total_minor": sum(price * quantity for (_, _, price), quantity in lines),
        "currency": "GBP",
        "paid_with": f"card ending {card}",
        "placed_on": placed_on,
    }
