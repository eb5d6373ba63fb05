"""What a tool declares, and the tools this code has."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from runs import canonical, errors
from runs.states import EffectClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What the outside world says when asked about one effect key. Reading only."""

    found: bool
    receipt: dict[str, Any] | None  # of the effect, when found
    detail: str  # one sentence for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What the tool's own look at its effect says. Reading only."""

    ok: bool
    detail: str  # one sentence for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One thing an agent can do outside."""

    name: str
    version: int
    title: str  # "Refund a payment"
    effect: EffectClass
    input: type[BaseModel]
    output: type[BaseModel]
    send: Callable[[Any, str], Any]  # (input, effect key) -> output; raises errors.ToolError
    idempotent: bool = False  # the service honours the effect key
    compensator: str = ""  # name of the tool that undoes it
    compensation: Callable[[Any, Any], BaseModel] | None = None  # (input, receipt) -> the compensator's input
    probe: Callable[[Any, str], Probe] | None = None  # (input, effect key)
    snapshot: Callable[[Any], dict[str, Any]] | None = None  # the present state of the target, to compare later
    verify: Callable[[Any, Any, str], Check] | None = None  # (input, receipt, effect key): is it really there?
    reaches: Callable[[Any], str] | None = None  # the subject it speaks to: refused once they asked not to be contacted
    stale_on: tuple[str, ...] = ()  # events about the run's subject that close a request for it
    credentials: tuple[str, ...] = ()  # names of secrets it needs; resolved at the last moment, never stored


_KNOWN: dict[str, Tool] = {}


def register(tool: Tool) -> Tool:
    if _KNOWN.setdefault(tool.name, tool) is not tool:
        raise errors.Conflict(f"Two tools are called {tool.name}.")
    return tool


def get(name: str) -> Tool:
    """The tool `name`; raises `Invalid` with the names that exist."""
    if name not in _KNOWN:
        raise errors.Invalid(f"There is no tool {name!r}. Known: {', '.join(sorted(_KNOWN))}.", field="tool")
    return _KNOWN[name]


def checked(tool: Tool, arguments: Any) -> tuple[BaseModel, bytes]:
    """`arguments` through the tool's input contract, and their canonical bytes. Raises `Invalid` naming the field."""
    try:
        value = tool.input.model_validate(arguments)
        return value, canonical.encode(value.model_dump(mode="json"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise errors.Invalid(f"{tool.name}: {where}: {first['msg']}.", field=where) from None
    except canonical.Refused as error:
        raise errors.Invalid(f"{tool.name}: {error.path}: {error}", field=error.path) from None


def parsed(tool: Tool, payload: bytes | memoryview) -> Any:
    """The input that canonical bytes stand for. Raises `Invalid` when the tool's contract has changed since."""
    try:
        return tool.input.model_validate(canonical.parse(bytes(payload)))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise errors.Invalid(f"{tool.name}: {where}: {first['msg']}.", field=where) from None
