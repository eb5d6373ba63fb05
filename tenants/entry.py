"""How a page is entered: signed in, and a member of the tenant in its address."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse

from tenants import errors, people
from tenants.permissions import LOOK, Actor

View = Callable[..., HttpResponse]


class TenantRequest(HttpRequest):
    """A request of a member: `actor` is who, `seats` the tenants they may switch to."""

    actor: Actor
    seats: list[people.Seat]


def member(view: View) -> View:
    """The view gets `request.actor` for the tenant of the address. Strangers get 404 and learn nothing."""

    @login_required
    @wraps(view)
    def inner(request: Any, tenant: str, **kwargs: Any) -> HttpResponse:
        request.actor, request.seats = people.seat(request.user, tenant)
        if not request.actor.may(LOOK):
            raise errors.Forbidden("Your role may not look here. An admin can grant it.")
        return view(request, **kwargs)

    return inner
