"""Typed readers for the environment. Nothing else in the product reads it.

Every reader refuses nonsense with a sentence that names the variable, so a typing mistake stops the
start instead of switching something off in silence. `NAME_FILE` may hold the path of a file with the
value, for secrets that are mounted.
"""

import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def text(name: str, default: str | None = None) -> str:
    """The value of `name`, or of the file that `name_FILE` points at. Raises when neither is set and there is no default."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        return Path(path).read_text().strip()
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"{name} is not set. Set it, or {name}_FILE, and start again.")
    return value


def flag(name: str, default: bool) -> bool:
    value = text(name, str(default)).strip().lower()
    if value not in _FLAGS:
        raise ImproperlyConfigured(f"{name} is {value!r}. Write true or false.")
    return _FLAGS[value]


def number(name: str, default: float, *, least: float, most: float) -> float:
    raw = text(name, str(default))
    try:
        value = float(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {raw!r}. Write a number.") from None
    if not least <= value <= most:
        raise ImproperlyConfigured(f"{name} is {raw}. Choose a number from {least:g} to {most:g}.")
    return value


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} is {value!r}. Choose one of: {', '.join(allowed)}.")
    return value


def pairs(name: str, default: str = "") -> dict[str, str]:
    """`key=value` pairs separated by commas, in the order they are written."""
    found = {}
    for word in words(name, default):
        key, equals, value = word.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise ImproperlyConfigured(f"{name} has {word!r}. Write name=value pairs, separated by commas.")
        found[key.strip()] = value.strip()
    return found


def database(url: str) -> dict:
    """Django's settings for one PostgreSQL address.

    Accepts `postgresql://user:password@host:port/name?host=/socket/directory&sslmode=require`.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ImproperlyConfigured(f"A database address begins with postgresql://, not {parts.scheme}://.")
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", None) or unquote(parts.hostname or ""),
        "PORT": options.pop("port", None) or str(parts.port or ""),
        "OPTIONS": {**options, "application_name": "holdpoint"},
        "CONN_HEALTH_CHECKS": True,
    }
