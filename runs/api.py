"""The HTTP API: a thin skin over operations and queries. Every error has a code, a field and what to do."""

import hashlib
import json
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import NinjaAPI, Schema
from ninja.errors import ValidationError as BadBody
from ninja.responses import Status
from ninja.security import HttpBearer
from pydantic import RootModel

from runs import errors, intake, operations
from runs.agents import leads as contract
from runs.agents.refund_desk import Ticket
from runs.models import Run
from runs.redaction import shown
from tenants import people, scoping
from tenants.permissions import LOOK, Actor


class Key(HttpBearer):
    """`Authorization: Bearer KEY`; the person behind the key is the requester."""

    def authenticate(self, request: HttpRequest, token: str) -> Actor:
        return people.actor_of_key(token, "runs")


api = NinjaAPI(title="Holdpoint", version="1", auth=Key(), urls_namespace="api", docs_url=None)


class Started(Schema):
    run: uuid.UUID
    status: str
    url: str


class RunOut(Schema):
    run: uuid.UUID
    workflow: str
    title: str
    status: str
    waiting_for: str
    error: dict[str, Any] | None
    result: Any
    url: str


@api.post("tickets", response={201: Started, 200: Started}, summary="Start a refund ticket")
def start_ticket(request: HttpRequest, ticket: Ticket) -> Status:
    """Needs an `Idempotency-Key`: the same key and body answer 200 with the same run; another body 422."""
    actor: Actor = request.auth  # type: ignore[attr-defined]
    key = _key(request)
    began = operations.find_started(actor=actor, start_key=f"api:{key}")
    run = operations.start(
        actor=actor, workflow="refund_desk", given=ticket.model_dump(mode="json"), start_key=f"api:{key}"
    )
    return Status(200 if began else 201, {"run": run.pk, "status": run.status, "url": _url(actor, run)})


class LeadIn(RootModel[dict[str, Any]]):
    """A lead as in the form; `runs.agents.leads.Lead` has the last word and words of its own."""


class ProblemOut(Schema):
    field: str
    message: str
    meant: str


class LeadOut(Schema):
    run: uuid.UUID | None
    status: str  # started, known, fix, twice, running or barred
    code: str  # empty when there is a run; else invalid, duplicate, running or do_not_contact
    message: str
    field: str
    meant: str
    next: str  # what to do
    problems: list[ProblemOut]  # all of them; message, field and meant are the first one's
    remark: str
    url: str


class Batch(Schema):
    leads: list[dict[str, Any]]


MOST_VALUE = 20_000  # characters of JSON


class Happened(Schema):
    subject: str
    name: str
    key: str
    value: Any = None


@api.post("leads", response={201: LeadOut, 200: LeadOut, 422: LeadOut}, summary="Start a run on a lead")
def start_lead(request: HttpRequest, lead: LeadIn, as_written: bool = False) -> Status:
    """Needs an `Idempotency-Key`. 422 names the fields, what to do, and a value that may be meant.

    `as_written=true`: an address that looks like a slip of the finger is meant as it stands.
    """
    actor: Actor = request.auth  # type: ignore[attr-defined]
    key = _key(request)
    began = operations.find_started(actor=actor, start_key=f"api:{key}") is not None
    told = _start_lead(actor, intake.check(actor, lead.root, as_written=as_written), f"api:{key}", anyway=True)
    return Status(200 if began else 201 if told["run"] else 422, told)


@api.post("leads/batch", response={200: list[LeadOut]}, summary="Start runs on up to 500 leads")
def start_leads(request: HttpRequest, batch: Batch, as_written: bool = False) -> list[dict[str, Any]]:
    """Needs an `Idempotency-Key`: repeating the request starts no run twice; the same key with another body 422.

    One answer for each lead, in order.
    """
    actor: Actor = request.auth  # type: ignore[attr-defined]
    if not 1 <= len(batch.leads) <= intake.MOST_ROWS:
        raise errors.Invalid(f"Send 1 to {intake.MOST_ROWS} leads at once.", field="leads")
    body = json.dumps(batch.leads, sort_keys=True).encode()
    # The key's own digest stands in front, so that no key of one is the start of another's.
    first = f"batch:{hashlib.sha256(_key(request).encode()).hexdigest()[:40]}:"
    each = f"{first}{hashlib.sha256(body).hexdigest()[:20]}:"
    if intake.begun_otherwise(actor, first, each):
        raise errors.Invalid(
            "This Idempotency-Key began a batch with other leads. Use a new key.", field="Idempotency-Key"
        )
    checked = intake.check_all(actor, batch.leads, as_written=as_written)
    return [_start_lead(actor, row, f"{each}{row.number}", anyway=False) for row in checked]


@api.post("events", response={200: dict[str, Any]}, summary="Tell of an event outside")
def tell_event(request: HttpRequest, event: Happened) -> dict[str, Any]:
    """A reply, a payment, a delivery: the run that waits for it goes on; the same `key` counts once."""
    actor: Actor = request.auth  # type: ignore[attr-defined]
    for name, most in (("subject", 200), ("name", 120), ("key", 100)):
        if not 1 <= len(getattr(event, name).strip()) <= most:
            raise errors.Invalid(f"{name}: write 1 to {most} characters.", field=name)
        if contract.NO_TEXT.search(getattr(event, name)):
            raise errors.Invalid(f"{name}: there are characters in it that are no text.", field=name)
    if not _storable(event.value):
        raise errors.Invalid(f"value: send JSON of text and numbers, at most {MOST_VALUE} characters.", field="value")
    told = event.dict()
    signal = operations.deliver(actor=actor, **told | {"key": f"api:{event.key}"})
    return {"event": signal.pk, "kept": True}


def _start_lead(actor: Actor, row: intake.Checked, start_key: str, *, anyway: bool) -> dict[str, Any]:
    known = operations.find_started(actor=actor, start_key=start_key)
    run = known
    may = row.lead is not None and (row.verdict == "ok" or (anyway and row.verdict == "running"))
    if row.lead is not None and (may or known is not None):
        given = row.lead.model_dump(mode="json")
        run = operations.start(actor=actor, workflow=intake.WORKFLOW, given=given, start_key=start_key)
    status = "known" if known else "started" if run else row.verdict
    problems = row.problems if run is None else ()
    about = run or row.run
    return {
        "run": run.pk if run else None,
        "status": status,
        "code": "" if run else CODES[row.verdict],
        "message": problems[0].message if problems else "",
        "field": problems[0].field if problems else "",
        "meant": problems[0].meant if problems else "",
        "next": "" if run else _next(row),
        "problems": [{"field": one.field, "message": one.message, "meant": one.meant} for one in problems],
        "remark": row.remark,
        "url": _url(actor, about) if about else "",
    }


CODES = {"fix": "invalid", "twice": "duplicate", "running": "running", "barred": "do_not_contact"}
NEXT = {
    "twice": "Leave it out: the row above stands for it.",
    "running": "Look at its run. To start another, which waits its turn, send the lead alone to /api/v1/leads.",
    "barred": "Do not write to them. When they changed their mind, an admin can say so on the page of a run about them.",
}


def _next(row: intake.Checked) -> str:
    if row.verdict != "fix":
        return NEXT[row.verdict]
    meant = [f"{one.field} {one.meant}" for one in row.problems if one.meant]
    others = [one.field for one in row.problems if not one.meant]
    told = [f"Send {' and '.join(meant)}, if that is meant."] if meant else []
    told += [f"Correct {', '.join(others)} and send it again."] if others else []
    if row.lead is not None and any(one.field == "email" for one in row.problems):
        told.append("If the address is right as it stands, send it with ?as_written=true.")
    return " ".join(told)


def _storable(value: Any) -> bool:
    """Whether the database can keep it: no NaN, no NUL, no half characters, and not too much."""
    try:
        if len(json.dumps(value, allow_nan=False)) > MOST_VALUE:
            return False
    except (ValueError, RecursionError):
        return False
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str) and contract.NO_TEXT.search(one):
            return False
        left.extend([*one.keys(), *one.values()] if isinstance(one, dict) else one if isinstance(one, list) else ())
    return True


@api.get("runs/{run_id}", response=RunOut, summary="Where a run stands")
def get_run(request: HttpRequest, run_id: uuid.UUID) -> dict[str, Any]:
    actor: Actor = request.auth  # type: ignore[attr-defined]
    with scoping.tenant(actor.tenant.pk):
        run = Run.objects.select_related("workflow").filter(pk=run_id).first()
        if run is None or not actor.may(LOOK, run.workflow):
            raise errors.NotFound("There is no run with this id here.")
        return {
            "run": run.pk,
            "workflow": run.workflow.name,
            "title": run.title,
            "status": run.status,
            "waiting_for": run.waiting_for,
            "error": shown(run.error),
            "result": shown(run.result),
            "url": _url(actor, run),
        }


class MissingKey(errors.HoldpointError):
    """Send a header Idempotency-Key of 1 to 100 characters, the same for every repetition of this request."""

    code = "idempotency_key_missing"
    http_status = 400

    def __init__(self) -> None:
        super().__init__(field="Idempotency-Key")


@api.exception_handler(errors.HoldpointError)
def told(request: HttpRequest, error: errors.HoldpointError) -> HttpResponse:
    body = {"code": error.code, "message": error.message, "field": str(error.facts.get("field", ""))}
    return api.create_response(request, body, status=error.http_status)


@api.exception_handler(BadBody)
def bad_body(request: HttpRequest, error: BadBody) -> HttpResponse:
    first = error.errors[0]
    field = ".".join(str(part) for part in first["loc"][2:]) or str(first["loc"][-1])
    what = WANTED.get(first["type"]) or f"{str(first['msg']).removeprefix('Value error, ').rstrip('.')}."
    body = {"code": "invalid", "message": f"{field}: {what} Correct it and send the request again.", "field": field}
    return api.create_response(request, body, status=422)


# What to do about what pydantic finds, by its name for it.
WANTED = {
    "missing": "it is missing.",
    "list_type": "send a list.",
    "dict_type": "send an object.",
    "model_attributes_type": "send an object.",
    "model_type": "send an object.",
    "string_type": "send text.",
    "bool_parsing": "send true or false.",
    "extra_forbidden": "there is no such field.",
}


def _key(request: HttpRequest) -> str:
    """The header that makes a repetition harmless. Raises `MissingKey`."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key or len(key) > 100:
        raise MissingKey()
    return key


def _url(actor: Actor, run: Run) -> str:
    return reverse("runs:detail", kwargs={"tenant": actor.tenant.slug, "run_id": run.pk})
