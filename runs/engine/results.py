"""What a step gave back, as the journal keeps it and as the workflow gets it: the same at every replay."""

import inspect
import json
import time
from collections.abc import Callable
from functools import cache
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from runs import canonical, errors


def fingerprint(given: Any) -> str:
    """Of a step's input, so that a replay with other input is noticed."""
    return canonical.payload_hash(json.dumps(given, sort_keys=True, separators=(",", ":")).encode())


def same(path: str, then: Any, now: str) -> None:
    """Raises `Nondeterministic` when the step at `path` is asked for with other input than the journal holds."""
    if then is not None and then != now:
        raise errors.Nondeterministic(
            f"The step {path} was asked for with other input than the journal holds. The code has changed."
        )


def read(fn: Callable[..., Any], result: Any) -> Any:
    """A stored result in the shape that `fn` promises. The first execution gets it through the same door."""
    adapter = _adapter(fn)
    if adapter is None:
        return result
    try:
        return adapter.validate_python(result)
    except ValidationError as error:
        name = getattr(fn, "__name__", "the step")
        raise errors.Nondeterministic(
            f"The stored result of {name} has another shape: {error.errors()[0]['msg']}."
        ) from None


def as_data(error: Exception) -> dict[str, str]:
    if isinstance(error, errors.HoldpointError):
        return {"code": error.code, "message": error.message}
    return {"code": "crashed", "message": f"{type(error).__name__}: {error}"[:500]}


def note_of(result: Any) -> str:
    return str(result.get("note", "")) if isinstance(result, dict) else ""


def ms_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)


@cache
def _adapter(fn: Callable[..., Any]) -> TypeAdapter[Any] | None:
    target = fn if inspect.isroutine(fn) else type(fn).__call__
    hint = get_type_hints(target).get("return", Any)
    return None if hint in (Any, None, type(None)) else TypeAdapter(hint)
