"""Pages of requests. A GET never decides."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from approvals import decisions, errors, guide, queries
from approvals.forms import DecisionForm
from approvals.states import Answer
from tenants.entry import member

SAID = {
    Answer.APPROVE: "Your approval is recorded.",
    Answer.REJECT: "Your rejection is recorded. Nothing is sent.",
}
REASONS = ("wrong amount", "wrong person", "no proof of the fault", "against our policy")


@require_GET
@member
def inbox(request: Any) -> HttpResponse:
    """The queue with its first request open, or the empty state."""
    found = queries.inbox(request.actor)
    if found.items and not request.GET.get("queue"):
        return _page(request, found.items[0].approval.pk, inbox=found)
    template = "approvals/queue.html" if found.items else "approvals/empty.html"
    recent, _ = queries.decided(request.actor)
    return render(request, template, {"inbox": found, "recent": recent[:5], "here": "review", "nav": "rail"})


@require_GET
@member
def card(request: Any, approval_id: uuid.UUID) -> HttpResponse:
    return _page(request, approval_id)


def _page(
    request: Any,
    approval_id: uuid.UUID,
    *,
    inbox: queries.Inbox | None = None,
    form: DecisionForm | None = None,
    error: errors.Conflict | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page of one request; its middle alone for a page that follows it. Nothing new is 204.

    `inbox` is given where the queue chose the request; on a phone the queue is shown then, not the card.
    """
    page = queries.card(request.actor, approval_id)
    if request.htmx and request.GET.get("version") == page.version:
        return HttpResponse(status=204)
    context = {"page": page, "at": page.approval.pk, "form": form, "error": error, "reasons": REASONS}
    context |= {"first": inbox is not None, "here": "review", "nav": "rail"}
    if not request.htmx:
        context["inbox"] = inbox or queries.inbox(request.actor)
    template = "approvals/review.html#state" if request.htmx else "approvals/review.html"
    response = render(request, template, context, status=status)
    response["Vary"] = "HX-Request"
    return response


@require_POST
@member
def decide(request: Any, approval_id: uuid.UUID) -> HttpResponse:
    """One answer to the digest that the form showed. Who decides comes from the session."""
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _page(request, approval_id, form=form, status=422)
    data = form.cleaned_data
    try:
        if data["answer"] == Answer.APPROVE:
            opened = data["opened"] or not queries.card(request.actor, approval_id).warnings
            decisions.approve(actor=request.actor, approval_id=approval_id, digest=data["digest"], opened=opened)
        else:
            decisions.reject(actor=request.actor, approval_id=approval_id, digest=data["digest"], reason=data["reason"])
    except errors.Conflict as error:
        return _page(request, approval_id, error=error, status=409)
    except errors.Invalid as error:
        form.add_error(None, error.message)
        return _page(request, approval_id, form=form, status=422)
    if request.htmx:
        return _page(request, approval_id)
    messages.success(request, SAID[Answer(data["answer"])])
    return redirect("approvals:card", tenant=request.actor.tenant.slug, approval_id=approval_id)


@require_GET
@member
def queue_news(request: Any) -> HttpResponse:
    """The rows that a page shows, as they are now; the whole queue when it names none; or the badges."""
    if request.GET.get("counts"):
        return render(request, "components/counts.html")
    given = {name: request.GET.get(name, "") for name in ("shown", "others", "after")}
    follows = "shown" in request.GET
    found = queries.follow_queue(request.actor, **given) if follows else queries.inbox(request.actor)
    return render(request, "approvals/queue_news.html", {"inbox": found, "at": request.GET.get("at", "")})


@require_GET
@member
def bands(request: Any) -> HttpResponse:
    """What every page says above itself: stops, workers away, delay."""
    return render(request, "components/bands.html")


@require_GET
@member
def decided(request: Any) -> HttpResponse:
    mine = request.GET.get("whose", "mine") != "all"
    rows, more = queries.decided(request.actor, before=request.GET.get("before", ""), mine=mine)
    return render(request, "approvals/decided.html", {"rows": rows, "more": more, "mine": mine, "here": "decided"})


@require_GET
@member
def for_run(request: Any, run_id: uuid.UUID) -> HttpResponse:
    """From a run to its newest request, so that the run's page needs to know nothing of requests."""
    found = queries.for_run(request.actor, run_id)
    if found is None:
        raise errors.NotFound("This run has asked for nothing yet.")
    return redirect("approvals:card", tenant=request.actor.tenant.slug, approval_id=found.pk)


@require_GET
@member
def votes_of(request: Any, user_id: uuid.UUID) -> HttpResponse:
    """A fragment for the page of members: what counts on this person's vote."""
    open_now, lacking = queries.votes_of(request.actor, user_id)
    return render(request, "approvals/_votes.html", {"open": open_now, "lacking": lacking})


@require_GET
@member
def guide_steps(request: Any) -> HttpResponse:
    """The steps of the first decision, as they are now; empty when there is nothing to guide to."""
    steps = guide.guide(request.actor, at=request.GET.get("at", ""))
    return render(request, "components/guide_steps.html", {"steps": steps})


@require_POST
@member
def dismissals(request: Any) -> HttpResponse:
    """Hide the guide for this person until they sign in anew."""
    request.session[guide.DISMISSED] = True
    if request.htmx:
        return HttpResponse("")
    return redirect("approvals:inbox", tenant=request.actor.tenant.slug)
