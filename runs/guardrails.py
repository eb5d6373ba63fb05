"""Typed contracts for what models say. Nothing a model wrote is seen by anything else before it passed one."""

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
