"""Canonical bytes: the JSON Canonicalization Scheme (RFC 8785), strict about what it lets in.

What is hashed, shown, stored and sent are the same bytes. So anything two programs could read in two
ways is refused here, with the place and what to do.
"""

import hashlib
import json
import math
import re
import uuid
from typing import Any

MOST_BYTES = 256 * 1024
MOST_DEPTH = 32
MOST_INTEGER = 2**53
MOST_KEY_IN_PATH = 60


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
    _fits(raw)
    return raw


def parse(raw: bytes | str) -> Any:
    """A JSON text as a value, refusing what `encode` refuses and duplicate keys. Raises `Refused`."""
    _fits(raw.encode(errors="surrogatepass") if isinstance(raw, str) else raw)
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
        value = json.loads(text, object_pairs_hook=_object_of, parse_int=_integer_of)
    except UnicodeDecodeError:
        raise Refused("not_utf8", "$", "The text is not UTF-8. Encode it as UTF-8.") from None
    except RecursionError:
        raise Refused("too_deep", "$", f"Nested deeper than {MOST_DEPTH}. Flatten it.") from None
    except json.JSONDecodeError as error:
        raise Refused("not_json", "$", f"Not JSON at character {error.pos}: {error.msg}.") from None
    encode(value)  # where a refused part stands is known only from the root down
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


def _fits(raw: bytes) -> None:
    if len(raw) > MOST_BYTES:
        raise Refused("too_large", "$", f"{len(raw)} bytes; at most {MOST_BYTES}. Send a reference instead.")


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
    elif isinstance(value, _Twice):
        why = f"The key {_shown(value.key)} stands twice in one object. Send it once."
        raise Refused("duplicate_key", _below(path, value.key), why)
    elif isinstance(value, dict):
        _object(value, path, depth, out)
    elif isinstance(value, list | tuple):
        _array(value, path, depth, out)
    else:
        raise Refused("not_json", path, f"{type(value).__name__} is not a JSON type. Send text or a number.")


def _object(value: dict, path: str, depth: int, out: list[str]) -> None:
    for key in value:
        if not isinstance(key, str):
            raise Refused("key_not_text", path, f"The key {key!r:.60} is not text. Write keys as strings.")
        _text(key, _below(path, key))
    out.append("{")
    for place, key in enumerate(sorted(value, key=lambda k: k.encode("utf-16-be"))):
        out.append("," if place else "")
        out.append(_text(key, path) + ":")
        _write(value[key], _below(path, key), depth + 1, out)
    out.append("}")


def _array(value: Any, path: str, depth: int, out: list[str]) -> None:
    out.append("[")
    for place, item in enumerate(value):
        out.append("," if place else "")
        _write(item, f"{path}[{place}]", depth + 1, out)
    out.append("]")


def _below(path: str, key: str) -> str:
    """Plain keys as `.note`, others as `["a b"]`: ASCII and short whatever the key holds, since it goes into answers."""
    return f"{path}.{key}" if re.fullmatch(r"[A-Za-z_]\w{0,59}", key, re.ASCII) else f"{path}[{_shown(key)}]"


def _shown(key: str) -> str:
    return json.dumps(key if len(key) <= MOST_KEY_IN_PATH else key[: MOST_KEY_IN_PATH - 3] + "...")


def _text(value: str, path: str) -> str:
    if "\0" in value:
        raise Refused("nul", path, "The text holds a NUL character. Remove it.")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise Refused("lone_surrogate", path, "The text holds half of a surrogate pair. Send whole characters.")
    return json.dumps(value, ensure_ascii=False)


def _integer(value: int, path: str) -> str:
    if abs(value) > MOST_INTEGER:
        raise Refused("integer_too_large", path, "The integer is past 2^53. Send it as a string.")
    return int.__repr__(value)


def _number(value: float, path: str) -> str:
    """ECMAScript's Number::toString (ECMA-262, 6.1.6.1.20) from Python's shortest digits."""
    if not math.isfinite(value):
        raise Refused("not_finite", path, "NaN and infinity are not JSON. Send null or a string.")
    if value == 0:
        return "0"
    if value.is_integer() and abs(value) > MOST_INTEGER and abs(value) < 1e21:
        raise Refused("integer_too_large", path, "The integer is past 2^53. Send it as a string.")
    sign, value = ("-", -value) if value < 0 else ("", value)
    mantissa, _, exponent = float.__repr__(value).partition("e")
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


class _Twice:
    """Stands in a parsed value for an object that names a key twice."""

    def __init__(self, key: str) -> None:
        self.key = key


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Twice:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            return _Twice(key)
        found[key] = value
    return found


def _integer_of(digits: str) -> int:
    """Past 2^53 any number will do: it is refused with its place. Python will not read very long ones."""
    return int(digits) if len(digits) <= 20 else 2 * MOST_INTEGER
