"""Typed contracts for what models say. Nothing a model wrote is seen by anything else before it passed one."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runs import canonical, errors

Contract = TypeVar("Contract", bound=BaseModel)

LEAST_WORDS = 25
MOST_SUBJECT = 90
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\"']+@[^\s@<>()\[\],;:\"']+\.[a-z]{2,}", re.IGNORECASE)
_LINK = re.compile(r"(https?://|www\.)\S+", re.IGNORECASE)
_LEFT_OPEN = re.compile(r"\[[^\]]{1,40}\]|\{\{.*?\}\}|<[a-z][^>]*>|\bTODO\b|\bXXX\b|\blorem ipsum\b", re.IGNORECASE)
_MARK_UP = re.compile(r"(^|\s)(\*\*|__|```|#{1,4} )\S|</?[a-z]+[^>]*>", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_ORDERS = re.compile(
    r"\b(ignore|disregard|forget) (all |any |the |your )*(previous|earlier|above|prior)? ?(instructions|rules|prompts?)\b"
    r"|\b(DROP|TRUNCATE|DELETE FROM|ALTER) +TABLE\b|\bDELETE +FROM\b|\brm +-rf\b|\bas an? (ai|language model)\b",
    re.IGNORECASE,
)
_STRAIGHT = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " ", "\u2011": "-"})
_HIDDEN = {"Cf", "Cc", "Co", "Cs", "Cn"}


class Claim(BaseModel):
    """Something the mail says about the world, and the source in which it stands."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=2, max_length=400)
    source: str = Field(min_length=2, max_length=120)


class Letter(BaseModel):
    """A mail that may be shown to a reviewer."""

    model_config = ConfigDict(extra="forbid")

    subject: str = Field(min_length=3, max_length=MOST_SUBJECT)
    text: str = Field(min_length=10, max_length=5000)
    claims: list[Claim] = Field(default=[], max_length=12)


def through(contract: type[Contract], said: str) -> Contract:
    """What a model said, as the contract's type. Raises `BrokenContract` with the field and the reason."""
    try:
        value: Any = canonical.parse(said)
    except canonical.Refused as error:
        raise errors.BrokenContract(f"The model's answer is not JSON that can be trusted: {error}") from None
    try:
        return contract.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise errors.BrokenContract(f"The model's answer breaks its contract at {where}: {first['msg']}.") from None


def letter(said: str, *, to: str, name: str, sources: Mapping[str, str], most_words: int) -> Letter:
    """A mail to `to` (called `name`) whose every claim stands in `sources` (name -> text).

    White space at the ends and foreign line ends are put right; anything else that is wrong is refused by
    `BrokenContract`, in words that a planner can act on: length, addressee, hidden characters, placeholders, links,
    orders, and claims or numbers without ground.
    """
    found = through(Letter, said)
    found.subject = " ".join(found.subject.split())
    found.text = "\n".join(line.rstrip() for line in found.text.replace("\r\n", "\n").strip().split("\n"))
    for part in (found.subject, found.text):
        _plain(part)
    _length(found.text, most_words)
    _addressee(found, to, name)
    _grounds(found, sources)
    return found


def _plain(text: str) -> None:
    hidden = sorted({f"U+{ord(letter):04X}" for letter in text if unicodedata.category(letter) in _HIDDEN} - {"U+000A"})
    if hidden:
        _refuse(f"It holds hidden characters ({', '.join(hidden[:3])}). Write plain text.")
    left = _LEFT_OPEN.search(text)
    if left is not None:
        _refuse(f"It holds the placeholder {left.group()!r}. Write what belongs there.")
    if _MARK_UP.search(text):
        _refuse("It holds mark-up. Write plain text.")
    if _LINK.search(text):
        _refuse("It holds a link. Leave links out.")
    if _ORDERS.search(text):
        _refuse("It holds an order to a machine, or speaks as one. Write to the person.")
    if text.lstrip().startswith(("{", "[")):
        _refuse("The text is data. Write sentences.")


def _length(text: str, most: int) -> None:
    words = len(text.split())
    if not LEAST_WORDS <= words <= most:
        _refuse(f"The text has {words} words. Write {LEAST_WORDS} to {most}.")


def _addressee(found: Letter, to: str, name: str) -> None:
    others = {address.lower() for address in _ADDRESS.findall(found.subject + " " + found.text)} - {to.lower()}
    if others:
        _refuse(f"It names the address {sorted(others)[0]}. It goes to {to} and names no other.")
    greeting = found.text.split("\n", 1)[0].lower()
    if not any(part.lower() in greeting for part in name.split()):
        _refuse(f"The first line does not greet {name}.")


def _grounds(found: Letter, sources: Mapping[str, str]) -> None:
    whole = _folded(found.text)
    for claim in found.claims:
        if claim.source not in sources:
            _refuse(
                f"The claim “{claim.text}” names {claim.source!r}, which was not read. Sources: {', '.join(sources)}."
            )
        if _folded(claim.text) not in whole:
            _refuse(f"The claim “{claim.text}” does not stand in the mail word for word.")
        source = _folded(sources[claim.source])
        missing = [number for number in _NUMBER.findall(claim.text) if not _stands(number, source)]
        if missing:
            _refuse(f"{claim.source} says nothing of {missing[0]} (claim “{claim.text}”).")
        if not _rests(claim.text, source):
            _refuse(f"{claim.source} does not say “{claim.text}”. Quote it, or leave it out.")
    covered = " ".join(_folded(claim.text) for claim in found.claims)
    for number in _NUMBER.findall(found.subject + "\n" + found.text):
        if not _stands(number, covered):
            _refuse(f"The number {number} rests on no claim. Name its source, or leave it out.")


def _rests(claim: str, source: str) -> bool:
    """At least four in five of the words that carry meaning stand in the source: it is said there, not invented."""
    words = [word for word in re.findall(r"[^\W\d_]{4,}", _folded(claim))]
    return not words or sum(word in source for word in words) >= 0.8 * len(words)


def _stands(number: str, text: str) -> bool:
    return re.search(rf"(?<![\d.,]){re.escape(number)}(?![\d]|[.,]\d)", text) is not None


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).translate(_STRAIGHT).casefold().split())


def _refuse(why: str) -> None:
    raise errors.BrokenContract(why)
