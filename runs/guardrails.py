"""Typed contracts for what models say. Nothing a model wrote is seen by anything else before it passed one."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from runs import canonical, errors

Contract = TypeVar("Contract", bound=BaseModel)


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


class Claim(BaseModel):
    text: str
    source: str


class Letter(BaseModel):
    subject: str
    text: str
    claims: list[Claim] = []


def letter(said: str, *, to: str, sources: Mapping[str, str], most_words: int) -> Letter:
    value = through(Letter, said)
    for claim in value.claims:
        if claim.source not in sources:
            raise errors.BrokenContract(f"The claim “{claim.text}” names no source that was read.")
    return value
