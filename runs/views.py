"""Pages of runs: parse, authorise, call one function, render."""

import uuid
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from runs import about, contacts, errors, live, operations, queries, stopping, system, wording
from runs.forms import ReasonForm, SettleForm, StopForm, TicketForm
from runs.models import Action
from tenants import flags, scoping
from tenants.entry import member
from tenants.permissions import MANAGE, OPERATE, START


@require_GET
@member
def list_runs(request: Any) -> HttpResponse:
    """The list; as a fragment the rows that are shown, as they are now, and the counts."""
    given = {name: request.GET.get(name, "").strip()[:100] for name in ("state", "text", "before")}
    page = queries.runs_page(request.actor, **given, shown=request.GET.get("shown", "") if request.htmx else "")
    chosen = {name: value for name, value in given.items() if value}
    context = {
        "page": page,
        "given": given,
        "here": "runs",
        "older": urlencode(chosen | {"before": page.older}),
        "follow": urlencode(chosen | {"shown": page.shown}),
        "first": urlencode({name: value for name, value in chosen.items() if name != "before"}),
    }
    response = render(request, "runs/list.html#rows" if request.htmx else "runs/list.html", context)
    response["Vary"] = "HX-Request"
    return response


@require_GET
@member
def detail(request: Any, run_id: uuid.UUID) -> HttpResponse:
    """The run page; as a fragment for a page that follows it. Nothing new is 204: what is read stays where it is."""
    if request.htmx and request.GET.get("after", "") == about.state(request.actor, run_id):
        return HttpResponse(status=204)
    show, tab = request.GET.get("show", ""), request.GET.get("tab", "")
    show = show if show in ("failed", "unknown", "waiting") else ""
    found = queries.run_detail(request.actor, run_id, path=request.GET.get("step", ""), show=show, raw=tab == "raw")
    beside = about.about(request.actor, found.run)
    tab = tab if tab in [word for word, _, _ in found.tabs] else ""
    here = _address(
        request,
        step=found.step.path if request.GET.get("step") and found.step else "",
        tab=tab,
        show=show,
        after=beside.state,
    )
    context = {
        "detail": found,
        "about": beside,
        "run": found.run,
        "show": show,
        "tab": tab,
        "follow": here,
        "here": "runs",
        "nav": "rail",
    }
    response = render(request, "runs/detail.html#live" if request.htmx else "runs/detail.html", context)
    response["Vary"] = "HX-Request"
    return response


def _address(request: Any, **given: str) -> str:
    """This page with what is chosen on it, so that the fragment shows the same."""
    chosen = urlencode({name: value for name, value in given.items() if value})
    return f"{request.path}?{chosen}" if chosen else request.path


@require_http_methods(["GET", "POST"])
@member
def new(request: Any) -> HttpResponse:
    """The ticket form. The hidden key makes a second click the same run."""
    request.actor.require(START)
    form = TicketForm(request.POST or None, initial={"key": uuid.uuid4().hex})
    if request.method == "POST" and form.is_valid():
        try:
            run = operations.start(
                actor=request.actor,
                workflow="refund_desk",
                given=form.cleaned_data["ticket"],
                start_key=f"form:{form.cleaned_data['key']}",
            )
            return redirect("runs:detail", tenant=request.actor.tenant.slug, run_id=run.pk)
        except errors.Invalid as error:
            form.add_error(None, error.message)
    status = 422 if form.errors else 200
    return render(request, "runs/new.html", {"form": form, "here": "new"}, status=status)


@require_GET
@member
def unknown(request: Any) -> HttpResponse:
    views, more = queries.unknown_page(request.actor, after=request.GET.get("after", ""))
    return render(request, "runs/unknown.html", {"views": views, "more": more, "here": "unknown"})


@require_POST
@member
def retries(request: Any, run_id: uuid.UUID) -> HttpResponse:
    return _operate(request, run_id, operations.retry, "It goes on here. Finished steps were not run again.")


@require_POST
@member
def resumptions(request: Any, run_id: uuid.UUID) -> HttpResponse:
    return _operate(request, run_id, operations.resume, "It goes on where it stood.")


@require_POST
@member
def compensations(request: Any, run_id: uuid.UUID) -> HttpResponse:
    return _operate(
        request, run_id, operations.compensate, "Undoing has begun, last action first. Each undo passes the gate."
    )


@require_POST
@member
def cancellations(request: Any, run_id: uuid.UUID) -> HttpResponse:
    return _operate(request, run_id, operations.cancel, "")


def _operate(request: Any, run_id: uuid.UUID, operation: Any, said: str) -> HttpResponse:
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _back(request, run_id, str(form.errors["reason"][0]), error=True)
    try:
        run = operation(actor=request.actor, run_id=run_id, reason=form.cleaned_data["reason"])
    except errors.Conflict as error:
        return _back(request, run_id, error.message, error=True)
    if operation is operations.cancel:
        requested = run.stop_requested_at and run.status != "cancelled"
        said = (
            "Stop requested. An action was being executed: an outcome may exist."
            if requested
            else "Cancelled. Nothing more is sent."
        )
    return _back(request, run.pk, said)


@require_POST
@member
def skips(request: Any, run_id: uuid.UUID) -> HttpResponse:
    return _operate(request, run_id, operations.skip_wait, "It waits no longer and goes on.")


@require_POST
@member
def contact_bans(request: Any, run_id: uuid.UUID) -> HttpResponse:
    return _operate(request, run_id, contacts.forbid, "Nothing more is sent to them. What was not sent is closed.")


@require_POST
@member
def contact_permissions(request: Any, run_id: uuid.UUID) -> HttpResponse:
    return _operate(request, run_id, contacts.allow, "They may be contacted again. Every mail is still decided.")


@require_GET
@member
def artifact(request: Any, run_id: uuid.UUID, artifact_id: uuid.UUID) -> HttpResponse:
    """The content as text; nothing of it is ever rendered as a page of ours."""
    kept = about.artifact(request.actor, run_id, artifact_id)
    if request.GET.get("download"):
        answer = HttpResponse(kept.text, content_type="text/plain; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{kept.artifact.kind}-{str(kept.artifact.pk)[-8:]}.txt"'
        return answer
    return render(request, "runs/artifact.html", {"kept": kept, "run": kept.run, "here": "runs"})


@require_POST
@member
def settlements(request: Any, action_id: uuid.UUID) -> HttpResponse:
    run_id, path = _run_of(request, action_id)
    form = SettleForm(request.POST)
    if not form.is_valid():
        return _back(request, run_id, "; ".join(str(e[0]) for e in form.errors.values()), error=True, path=path)
    data = form.cleaned_data
    try:
        operations.settle(
            actor=request.actor, action_id=action_id, **{k: data[k] for k in ("outcome", "evidence", "reason")}
        )
    except errors.Conflict as error:
        return _back(request, run_id, error.message, error=True, path=path)
    words = (
        "Settled as done. The run goes on."
        if data["outcome"] == "done"
        else "Settled as not done. Nothing was sent again."
    )
    return _back(request, run_id, words, path=path)


@require_POST
@member
def probes(request: Any, action_id: uuid.UUID) -> HttpResponse:
    run_id, path = _run_of(request, action_id)
    try:
        action, answer = operations.probe(actor=request.actor, action_id=action_id)
    except (errors.Conflict, errors.ToolError) as error:
        return _back(request, run_id, error.message, error=True, path=path)
    words = (
        " It is settled as done."
        if action.status == "done"
        else " That is evidence, not permission: it may still be under way."
    )
    return _back(request, run_id, answer.detail + words, path=path)


@require_http_methods(["GET", "POST"])
@member
def stops(request: Any) -> HttpResponse:
    """What is stopped, what a stop would reach, and what had left before it."""
    form = StopForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        scope, _, target = form.cleaned_data["reach"].partition(":")
        flags.stop(actor=request.actor, scope=scope, target=target, reason=form.cleaned_data["reason"])
        messages.success(
            request, "Stopped. Nothing of it is executed from now on; what had left before is listed below."
        )
        return redirect("runs:stops", tenant=request.actor.tenant.slug)
    context = {"page": stopping.stop_page(request.actor), "form": form, "here": "stops"}
    return render(request, "runs/stops.html", context, status=422 if form.errors else 200)


@require_POST
@member
def lifts(request: Any, stop_id: uuid.UUID) -> HttpResponse:
    stop = stopping.stop_of(request.actor, stop_id)
    request.actor.require(MANAGE)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say why it may go on: it stands in the history beside your name.")
        return redirect("runs:stops", tenant=request.actor.tenant.slug)
    held = stopping.held_by(request.actor, stop)
    flags.lift(actor=request.actor, stop=stop, reason=form.cleaned_data["reason"], held=held)
    waited = (
        f"{wording.counted(held, 'run')} that waited {'goes' if held == 1 else 'go'}" if held else "What waits goes"
    )
    messages.success(request, f"Lifted. {waited} on by itself, each action after its own check.")
    return redirect("runs:stops", tenant=request.actor.tenant.slug)


@require_GET
@member
def system_page(request: Any) -> HttpResponse:
    """How the machinery stands. For those who manage or repair."""
    if not request.actor.may(MANAGE):
        request.actor.require(OPERATE)
    page = system.system(request.actor, sockets=live.open_here())
    template = "runs/system.html#now" if request.htmx else "runs/system.html"
    response = render(request, template, {"page": page, "here": "system"})
    response["Vary"] = "HX-Request"
    return response


def _run_of(request: Any, action_id: uuid.UUID) -> tuple[uuid.UUID, str]:
    with scoping.tenant(request.actor.tenant.pk):
        found = Action.objects.filter(pk=action_id).values_list("run_id", "path").first()
    if found is None:
        raise errors.NotFound("There is no action with this id here.")
    return found


def _back(request: HttpRequest, run_id: uuid.UUID, words: str, *, error: bool = False, path: str = "") -> HttpResponse:
    """To the run's page with a sentence: the answer to every POST, so that a reload repeats nothing."""
    (messages.error if error else messages.success)(request, words)
    url = reverse("runs:detail", kwargs={"tenant": request.actor.tenant.slug, "run_id": run_id})  # type: ignore[attr-defined]
    return HttpResponseRedirect(url + ("?" + urlencode({"step": path}) if path else ""))
