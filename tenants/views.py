"""The way in, and what every page shares: errors in words."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from tenants import errors, people


class ErrorPages:
    """Turns our own errors into pages: the one place where the web maps them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, errors.HoldpointError):
            return None
        return error_page(request, error)


def error_page(request: HttpRequest, error: errors.HoldpointError) -> HttpResponse:
    """One of the error templates, with the status of the error; the message says what to do next."""
    name = error.http_status if error.http_status in (403, 404, 409) else 400
    return render(request, f"{name}.html", {"error": error}, status=error.http_status)


@require_safe
@login_required
def home(request: Any) -> HttpResponse:
    """The only tenant's review page, or a choice among several."""
    seats = people.seats_of(request.user)
    if len(seats) == 1:
        return redirect("approvals:inbox", tenant=seats[0].slug)
    return render(request, "tenants/choose.html", {"seats": seats})


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_page(request, errors.Forbidden())


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_page(request, errors.NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    return render(request, "500.html", status=500)
