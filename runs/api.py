"""The HTTP API: a thin skin over operations and queries. Every error has a code, a field and what to do."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import NinjaAPI, Schema
from ninja.errors import ValidationError as BadBody
from ninja.responses import Status
from ninja.security import HttpBearer

from runs import errors, operations
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
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key or len(key) > 100:
        raise MissingKey()
    began = operations.find_started(actor=actor, start_key=f"api:{key}")
    run = operations.start(
        actor=actor, workflow="refund_desk", given=ticket.model_dump(mode="json"), start_key=f"api:{key}"
    )
    return Status(200 if began else 201, {"run": run.pk, "status": run.status, "url": _url(actor, run)})


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
    body = {
        "code": "invalid",
        "message": f"{field}: {first['msg']}. Correct it and send the request again.",
        "field": field,
    }
    return api.create_response(request, body, status=422)


def _url(actor: Actor, run: Run) -> str:
    return reverse("runs:detail", kwargs={"tenant": actor.tenant.slug, "run_id": run.pk})
