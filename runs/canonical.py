"""Canonical bytes: the JSON Canonicalization Scheme (RFC 8785), strict about what it lets in.

What is hashed, shown, stored and sent are the same bytes. So anything two programs could read in two
ways is refused here, with the place and what to do.
"""

import hashlib
import json
import math
import uuid
from typing import Any

MOST_BYTES = 256 * 1024
MOST_DEPTH = 32
MOST_INTEGER = 2**53


class Refused(ValueError):
    """A value has no canonical bytes. `path` looks like `$.items[3].note`."""

    def __init__(self, code: str, path: str, message: str) -> None:
        super().__init__(message)
        self.code, self.path = code, path


def encode(value: Any) -> bytes:
    """The canonical UTF-8 bytes of a JSON value. Raises `Refused`."""
    parts: list[str] = []
    _write(value, "$", 1, parts)
    raw = "".join(parts).encode()
    if len(raw) > MOST_BYTES:
        raise Refused("too_large", "$", f"{len(raw)} bytes; at most {MOST_BYTES}. Send a reference instead.")
    return raw


def parse(raw: bytes | str) -> Any:
    """A JSON text as a value, refusing what `encode` refuses and duplicate keys. Raises `Refused`."""
    if len(raw) > MOST_BYTES:
        raise Refused("too_large", "$", f"{len(raw)} bytes; at most {MOST_BYTES}. Send a reference instead.")
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant)
    except UnicodeDecodeError:
        raise Refused("not_utf8", "$", "The text is not UTF-8. Encode it as UTF-8.") from None
    except RecursionError:
        raise Refused("too_deep", "$", f"Nested deeper than {MOST_DEPTH}. Flatten it.") from None
    except json.JSONDecodeError as error:
        raise Refused("not_json", "$", f"Not JSON at character {error.pos}: {error.msg}.") from None
    _write(value, "$", 1, [])
    return value


def payload_hash(payload: bytes) -> str:
    """SHA-256 of canonical bytes, lower hex. A client computes the same."""
    return hashlib.sha256(payload).hexdigest()


def digest(
    *, payload_hash: str, tool: str, tool_version: int, tenant: uuid.UUID, requester: str, action: uuid.UUID
) -> str:
    """The server's binding of a payload to what will be done with it, for whom, and by whose wish. Lower hex."""
    bound = {
        "v": 1,
        "payload_hash": payload_hash,
        "tool": tool,
        "tool_version": tool_version,
        "tenant": str(tenant),
        "requester": requester,
        "action": str(action),
    }
    return hashlib.sha256(encode(bound)).hexdigest()


def fingerprint(digest: str) -> str:
    """The first 16 hex digits in groups of four, for people to compare."""
    return " ".join(digest[i : i + 4] for i in range(0, min(16, len(digest)), 4))


def _write(value: Any, path: str, depth: int, out: list[str]) -> None:
    if depth > MOST_DEPTH:
        raise Refused("too_deep", path, f"Nested deeper than {MOST_DEPTH}. Flatten it.")
    if value is None or isinstance(value, bool):
        out.append({None: "null", True: "true", False: "false"}[value])
    elif isinstance(value, str):
        out.append(_text(value, path))
    elif isinstance(value, int):
        out.append(_integer(value, path))
    elif isinstance(value, float):
        out.append(_number(value, path))
    elif isinstance(value, dict):
        _object(value, path, depth, out)
    elif isinstance(value, list | tuple):
        _array(value, path, depth, out)
    else:
        raise Refused("not_json", path, f"{type(value).__name__} is not a JSON type. Send text or a number.")


def _object(value: dict, path: str, depth: int, out: list[str]) -> None:
    for key in value:
        if not isinstance(key, str):
            raise Refused("key_not_text", path, f"The key {key!r} is not text. Write keys as strings.")
        _text(key, f"{path}.{key}"[:200])
    out.append("{")
    for place, key in enumerate(sorted(value, key=lambda k: k.encode("utf-16-be"))):
        out.append("," if place else "")
        out.append(_text(key, path) + ":")
        _write(value[key], f"{path}.{key}", depth + 1, out)
    out.append("}")


def _array(value: Any, path: str, depth: int, out: list[str]) -> None:
    out.append("[")
    for place, item in enumerate(value):
        out.append("," if place else "")
        _write(item, f"{path}[{place}]", depth + 1, out)
    out.append("]")


def _text(value: str, path: str) -> str:
    if "\0" in value:
        raise Refused("nul", path, "The text holds a NUL character. Remove it.")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise Refused("lone_surrogate", path, "The text holds half of a surrogate pair. Send whole characters.")
    return json.dumps(value, ensure_ascii=False)


def _integer(value: int, path: str) -> str:
    if abs(value) > MOST_INTEGER:
        raise Refused("integer_too_large", path, "The integer is past 2^53. Send it as a string.")
    return str(value)


def _number(value: float, path: str) -> str:
    """ECMAScript's Number::toString (ECMA-262, 6.1.6.1.20) from Python's shortest digits."""
    if not math.isfinite(value):
        raise Refused("not_finite", path, "NaN and infinity are not JSON. Send null or a string.")
    if value == 0:
        return "0"
    if value.is_integer() and abs(value) > MOST_INTEGER and abs(value) < 1e21:
        raise Refused("integer_too_large", path, "The integer is past 2^53. Send it as a string.")
    sign, value = ("-", -value) if value < 0 else ("", value)
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len((whole + fraction).lstrip("0")))
    digits = digits.rstrip("0")
    return sign + _place(digits, point)


def _place(digits: str, point: int) -> str:
    """`digits` with the decimal point after `point` of them."""
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    exponent = point - 1
    mantissa = digits[0] + ("." + digits[1:] if count > 1 else "")
    return f"{mantissa}e{'+' if exponent > 0 else '-'}{abs(exponent)}"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Refused("duplicate_key", f"$..{key}", f"The key {key!r} stands twice in one object. Send it once.")
        found[key] = value
    return found


def _constant(name: str) -> Any:
    raise Refused("not_finite", "$", f"{name} is not JSON. Send null or a string.")
