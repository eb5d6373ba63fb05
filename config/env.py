"""Typed readers for the environment. Nothing else in the product reads it.

Every reader refuses nonsense with a sentence that names the variable, so a typing mistake stops the
start instead of switching something off in silence. `NAME_FILE` may hold the path of a file with the
value, for secrets that are mounted.
"""

import os
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

DATABASE = ("postgresql", "postgres")
BROKER = ("amqp", "amqps", "redis", "rediss")
REDIS = ("redis", "rediss", "unix")
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def text(name: str, default: str | None = None) -> str:
    """The value of `name`, or of the file that `name_FILE` points at. Raises when neither is set and there is no default."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names {path}, which cannot be read: {error.strerror}.") from None
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"{name} is not set. Set it, or {name}_FILE, and start again.")
    return value


def expose(ending: str) -> None:
    """For libraries that read their own variables: each `X_FILE` whose X ends so is read into X, unless X is set."""
    for name in [name.removesuffix("_FILE") for name in os.environ if name.endswith(f"{ending}_FILE")]:
        os.environ.setdefault(name, text(name))


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


def address(name: str, schemes: tuple[str, ...], default: str | None = "") -> str:
    """The address of a server. Refuses other `schemes` without repeating it: it may hold a password."""
    url = text(name, default)
    if url:
        _split(name, url, schemes)
    return url


def database(url: str, name: str = "DATABASE_URL") -> dict:
    """Django's settings for one PostgreSQL address, the value of `name`.

    Accepts `postgresql://user:password@host:port/name?host=/socket/directory&sslmode=require`.
    """
    parts = _split(name, url, DATABASE)
    options = {"connect_timeout": "5", **dict(parse_qsl(parts.query))}
    if not parts.path.strip("/"):
        raise ImproperlyConfigured(f"{name} names no database. Write it after the last slash, as in /holdpoint.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", None) or unquote(parts.hostname or ""),
        "PORT": options.pop("port", None) or str(parts.port or ""),
        "OPTIONS": {**options, "application_name": "holdpoint"},
        "CONN_HEALTH_CHECKS": True,
        # A pooler may give every statement another session: no cursor outlives its statement, and Django leaves
        # prepared statements off, which PgBouncer before 1.21 needs.
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }


def _split(name: str, url: str, schemes: tuple[str, ...]) -> SplitResult:
    known = " or ".join(f"{scheme}://" for scheme in schemes)
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  raises when it is no number
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is not an address: {error}. It begins with {known}.") from None
    if parts.scheme not in schemes:
        raise ImproperlyConfigured(
            f"{name} begins with {parts.scheme[:20] or 'no scheme'}. It has to begin with {known}."
        )
    return parts
