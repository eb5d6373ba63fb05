"""The small marks everything is made of: icons, states, times, ids."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()
MOST_SHOWN = 2000  # characters of one value


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    return format_html('<svg class="icon {}" aria-hidden="true"><use href="#i-{}"/></svg>', classes, name)


@register.simple_tag
def mark(state: str) -> SafeString:
    """The icon of a state; a word always stands beside it."""
    return format_html(
        '<svg class="icon state-mark" data-state="{}" aria-hidden="true"><use href="#s-{}"/></svg>', state, state
    )


@register.simple_tag
def pill(state: str, words: str) -> SafeString:
    return format_html(
        '<span class="state-pill" data-state="{}"><svg class="icon" aria-hidden="true"><use href="#s-{}"/></svg>{}</span>',
        state,
        state,
        words,
    )


@register.simple_tag
def copy(text: object, shown: str = "") -> SafeString:
    """An id with a button to copy it whole."""
    return format_html(
        '<button class="copyable" type="button" data-copy="{}" aria-label="Copy {}">{}'
        '<svg class="icon" aria-hidden="true"><use href="#i-copy"/></svg></button>',
        text,
        text,
        shown or text,
    )


@register.simple_tag
def clock(moment: datetime | None, fine: bool = False) -> SafeString | str:
    """The time of day, with the whole UTC time behind it; with the day when it was another one. `fine` tells milliseconds."""
    if moment is None:
        return "–"
    words = f"{moment:%H:%M:%S.%f}"[:-3] if fine else f"{moment:%H:%M:%S}"
    if not fine and moment.date() != timezone.now().date():
        words = f"{moment:%-d %b, %H:%M}"
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        moment.isoformat(),
        f"{moment:%d %B %Y, %H:%M:%S}",
        words,
    )


@register.simple_tag
def ago(moment: datetime | None) -> SafeString | str:
    """How long ago, kept up to date by the page; the whole UTC time behind it."""
    if moment is None:
        return "–"
    words = span(timezone.now() - moment)
    title = f"{moment:%d %B %Y, %H:%M:%S} UTC"
    return format_html('<time datetime="{}" title="{}" data-relative="ago">{}</time>', moment.isoformat(), title, words)


@register.simple_tag
def until(moment: datetime | None) -> SafeString | str:
    """How long until then, kept up to date by the page."""
    if moment is None:
        return "–"
    words = span(moment - timezone.now())
    title = f"{moment:%d %B %Y, %H:%M:%S} UTC"
    return format_html(
        '<time datetime="{}" title="{}" data-relative="until">{}</time>', moment.isoformat(), title, words
    )


def span(length: timedelta) -> str:
    """42 s, 12 m, 3 h 28 m, 2 d 23 h, 5 d."""
    seconds = max(int(length.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} m"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} m"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours and days < 4 else f"{days} d"


@register.filter
def short(key: object) -> str:
    """The first 13 characters of an id: enough to tell runs apart."""
    return str(key)[:13]


@register.filter
def subject_name(key: str) -> str:
    """lead:ada@brightloom.example is ada@brightloom.example."""
    return key.partition(":")[2] or key or "its subject"


@register.filter
def moment(text: str) -> datetime:
    """An ISO 8601 text as a time."""
    return datetime.fromisoformat(text)


@register.filter
def words(text: str) -> list[str]:
    return text.split()


@register.filter
def told(state: Any) -> str:
    """One side of a change in words: {"role": "admin"} is admin, None is nothing."""
    if isinstance(state, dict) and "mode" in state:
        return _rule(state)
    if isinstance(state, dict) and "role" in state:
        return str(state["role"] or "no member")
    if isinstance(state, dict):
        parts = [_told(value) for value in state.values() if value not in (None, 0, [], "")]
        return ", ".join(parts) or "nothing"
    return str(state) if state is not None else "nothing"


def _told(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _rule(state: dict[str, Any]) -> str:
    base = f"on for {state.get('percent', 0)} %" if state["mode"] == "share" else str(state["mode"])
    named = len(state.get("people") or ())
    return f"{base} and {named} named" if named and state["mode"] != "on" else base


@register.filter
def took(value: float) -> str:
    """412 ms, 3.1 s, 46 s, 12 m, 3 h 28 m."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 10 else span(timedelta(seconds=value))


@register.filter
def payload(value: Any) -> SafeString:
    """A JSON value as names and values, one a line. What is too long to read here says how much is left."""
    rows = list(_flat("", value))
    width = min(max((len(name) for name, _ in rows), default=0), 22)
    lines = format_html_join("\n", "{}{}", ((_name(name, width), _value(item)) for name, item in rows))
    return format_html('<div class="payload" tabindex="0" role="group" aria-label="Values">{}</div>', lines or "empty")


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), item)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for place, item in enumerate(value):
            yield from _flat(f"{name}[{place}]", item)
    else:
        yield name, value


def _name(name: str, width: int) -> SafeString | str:
    return format_html('<span class="name">{}</span>{}', name, " " * (max(width - len(name), 0) + 2)) if name else ""


def _value(value: Any) -> SafeString | str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) > MOST_SHOWN:
        text = f"{text[:MOST_SHOWN]} … {len(text) - MOST_SHOWN:,} characters more stand in Raw"
    return format_html('<span class="string">{}</span>', text) if isinstance(value, str) else text
