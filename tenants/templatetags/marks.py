"""The small marks everything is made of: icons, states, times, ids."""

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


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
def clock(moment: datetime | None) -> SafeString | str:
    """The time of day, with the whole UTC time behind it."""
    if moment is None:
        return "–"
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        moment.isoformat(),
        f"{moment:%d %B %Y, %H:%M:%S}",
        f"{moment:%H:%M:%S}",
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
    return format_html('<time datetime="{}" title="{}" data-relative="until">{}</time>', moment.isoformat(), title, words)


def span(length: timedelta) -> str:
    """42 s, 12 m, 3 h 28 m, 5 d."""
    seconds = max(int(length.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} m"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} m"
    return f"{hours // 24} d"


@register.filter
def short(key: object) -> str:
    """The first 13 characters of an id: enough to tell runs apart."""
    return str(key)[:13]


@register.filter
def seconds(value: float) -> str:
    return span(timedelta(seconds=value)) if value >= 1 else f"{value * 1000:.0f} ms"
