"""A lead as every door lets it in: form, file and API. What is written differently is made the same here."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

MAIL = re.compile(
    r"^[^@\s,;<>\"()]{1,64}@([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,24}|xn--[a-z0-9-]{2,59})\Z"
)
HOST = re.compile(r"^([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,24}|xn--[a-z0-9-]{2,59})\Z")
DAY_FIRST = re.compile(r"(\d{1,2})[./](\d{1,2})[./](\d{4})", re.ASCII)
YEAR_FIRST = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|\+00:00)?)?", re.ASCII)
NAMED = re.compile(r"[^<>@]*<([^<>]*)>")  # Ada Osei <ada@example.net>
NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
PRIORITIES = {"1": "high", "2": "normal", "3": "low", "urgent": "high", "medium": "normal", "": "normal"}
COMMON = ("gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com", "proton.me")
MOST = {"company": 120, "person": 120, "role": 80, "note": 500}
CALLED = {
    "company": "the company",
    "domain": "the company’s web domain",
    "person": "the person’s name",
    "email": "the e-mail address",
}


class Lead(BaseModel):
    """One person at one company whom a mail may be written to."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    company: str
    domain: str
    person: str
    email: str
    role: str = ""
    note: str = ""
    owner_email: str = ""
    priority: Literal["low", "normal", "high"] = "normal"
    due_on: date | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        if isinstance(value, str) and NO_TEXT.search(value):
            raise ValueError("There are characters in it that are no text. Type it again.")
        return value

    @field_validator("company", "person", "role", "note")
    @classmethod
    def _of_a_length(cls, value: str, info: Any) -> str:
        value = " ".join(value.split()) if info.field_name != "note" else value.strip()
        if not value and info.field_name in ("company", "person"):
            raise ValueError(f"Write {CALLED[info.field_name]}.")
        if len(value) > MOST[info.field_name]:
            raise ValueError(f"Write at most {MOST[info.field_name]} characters; these are {len(value)}.")
        return value

    @field_validator("email", "owner_email")
    @classmethod
    def _an_address(cls, value: str, info: Any) -> str:
        value = address_of(value)
        if info.field_name == "owner_email" and not value:
            return value
        if not value:
            raise ValueError("Write the e-mail address, like name@example.net.")
        if len(value) > 180 or not MAIL.match(value):
            many = "one address only" if value.count("@") > 1 else "an address like name@example.net"
            raise ValueError(f"Write {many}.")
        return value

    @field_validator("domain")
    @classmethod
    def _a_host(cls, value: str) -> str:
        host = host_of(value)
        if not host:
            raise ValueError("Write the company’s web domain, like example.net.")
        if len(host) > 253 or not HOST.match(host):
            raise ValueError("This is no web domain. Write it like example.net, without a path.")
        return host

    @field_validator("priority", mode="before")
    @classmethod
    def _one_of_three(cls, value: Any) -> str:
        word = str(value if value is not None else "").strip().lower()
        word = PRIORITIES.get(word, word)
        if word not in ("low", "normal", "high"):
            raise ValueError("Write low, normal or high.")
        return word

    @field_validator("due_on", mode="before")
    @classmethod
    def _a_day(cls, value: Any, info: ValidationInfo) -> date | None:
        if value in (None, ""):
            return None
        day = value if isinstance(value, date) else _read_day(str(value).strip())
        today = (info.context or {}).get("today")
        if today is not None and day < today:
            raise ValueError(f"{day:%-d %B %Y} is over. Choose a day to come, or leave it empty.")
        return day


def read(given: Mapping[str, Any]) -> Lead:
    """A lead that comes in now: its day must not be over. Raises `ValidationError`; `problems_of` has the words.

    `Lead` alone lets past days through: a run that waits reads its own lead again on later days.
    """
    return Lead.model_validate(given, context={"today": datetime.now(UTC).date()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with one field, and values that may be meant."""

    field: str
    message: str
    meant: str = ""
    others: tuple[str, ...] = ()  # further values that may be meant


def problems_of(error: ValidationError) -> list[Problem]:
    """What pydantic found, in our words, one for each field."""
    found = []
    for one in error.errors():
        field = NO_TEXT.sub("?", str(one["loc"][0]))[:60] if one["loc"] else ""
        if one["type"] == "value_error":
            message = str(one["ctx"]["error"])
        elif one["type"] == "missing":
            message = f"Write {CALLED.get(field, field)}."
        elif one["type"] == "extra_forbidden":
            message = f"There is no field called {field}. Known: {', '.join(Lead.model_fields)}."
        else:
            message = "Write text here."
        found.append(Problem(field=field, message=message))
    return found


def meant_address(email: str, domain: str) -> str:
    """The address that is probably meant when its domain looks like a slip of the finger; else ""."""
    name, at, host = address_of(email).rpartition("@")
    known = [word for word in (host_of(domain), *COMMON) if word]
    if not at or not name or host in known:
        return ""
    close = difflib.get_close_matches(host, known, n=1, cutoff=0.82)
    return f"{name}@{close[0]}" if close and MAIL.match(f"{name}@{close[0]}") else ""


def address_of(text: str) -> str:
    """<Ada@Example.net>, Ada Osei <ada@example.net> and mailto:ada@example.net are ada@example.net."""
    text = text.strip().lower()
    named = NAMED.fullmatch(text)
    return (named[1] if named else text).strip().removeprefix("mailto:").strip()


def host_of(text: str) -> str:
    """https://www.Example.net/about is example.net."""
    text = text.strip().lower()
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
    except ValueError:  # brackets that are no IPv6 address
        return text
    return host.removeprefix("www.").rstrip(".")


def _read_day(text: str) -> date:
    first, last = DAY_FIRST.fullmatch(text), YEAR_FIRST.fullmatch(text)
    try:
        day, month, year = map(int, first.groups() if first else last.groups()[::-1] if last else ())
        return date(year, month, day)
    except ValueError:
        raise ValueError("Write a day like 2026-12-24 or 24.12.2026.") from None
