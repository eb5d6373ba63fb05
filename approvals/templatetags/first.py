"""The guide of every page of the demo."""

from typing import Any

from django import template
from django.http import HttpRequest

from approvals import guide

register = template.Library()


@register.simple_tag
def first_decision(request: HttpRequest, actor: Any, at: Any) -> guide.Guide | None:
    """Where this person stands on the way to a first decision; nothing when they hid it."""
    if request.session.get(guide.DISMISSED):
        return None
    return guide.guide(actor, at=str(at or ""))
