"""Text as it is: what nobody could see, or would take for something else, stands there as a chip."""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from approvals import plainly

register = template.Library()


@register.filter
def plain(text: object) -> SafeString:
    """Every text of a request goes through this, from wherever it came."""
    return format_html_join("", "{}", ((_shown(part),) for part in plainly.inspect(str(text)).segments))


def _shown(part: plainly.Segment) -> SafeString | str:
    if part.kind == "plain":
        return part.text
    letter = format_html('<span class="lookalike">{}</span>', part.text) if part.kind == "lookalike" else ""
    return format_html(
        '{0}<span class="char-chip" title="{2}">{1}<span class="visually-hidden"> {2}</span></span>',
        letter,
        part.code,
        part.name,
    )
