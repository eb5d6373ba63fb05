"""Pages on which leads come in. A lead that cannot be used keeps its text and says what to do."""

import hashlib
import json
import re
import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from runs import errors, intake, operations
from runs.models import Run
from tenants.entry import member
from tenants.permissions import START

# name, label, hint, whether it has to be given
FIELDS = (
    ("company", "Company", "As the mail calls it.", True),
    ("domain", "Its web domain", "A pasted address is fine. The register and the press are asked about it.", True),
    ("person", "Person", "First and last name; the mail greets them.", True),
    ("email", "E-mail", "One mail goes there once a person agreed.", True),
    ("role", "Their role", "Such as head of operations.", False),
    ("owner_email", "Who looks after it", "The e-mail of a member.", False),
    ("note", "Why we write", "The draft may rest on it; reviewers see it.", False),
    ("due_on", "Not after", "A day like 2026-12-24 or 24.12.2026.", False),
)
LABELS = {name: label for name, label, _, _ in FIELDS} | {"priority": "Priority"}
NAMES = [name for name, _, _, _ in FIELDS] + ["priority"]
MOST_CELLS = 50  # rows that can be mended on the page itself; a form may have a thousand fields
CELL = re.compile(r"([1-9]\d{0,2})-([a-z_]{1,20})\Z", re.ASCII)


@require_http_methods(["GET", "POST"])
@member
def new_lead(request: Any) -> HttpResponse:
    """The form. The hidden key makes a second click the same run; `fill` puts a suggested value in."""
    request.actor.require(START)
    if request.method == "GET":
        return _form(request, {name: request.GET.get(name, "") for name in NAMES}, None)
    given = {name: request.POST.get(name, "").strip() for name in NAMES}
    field, _, value = request.POST.get("fill", "").partition("=")
    if field in NAMES:
        given[field] = value
        return _form(request, given, intake.check(request.actor, given))
    anyway = request.POST.get("anyway") == "1"
    key = _start_key(request, given, anyway)
    begun = operations.find_started(actor=request.actor, start_key=key)
    if begun is not None:
        return _to_run(request, begun)
    checked = intake.check(request.actor, given, as_written=request.POST.get("keep") == given["email"])
    if checked.lead is None or not (checked.verdict == "ok" or (anyway and checked.verdict == "running")):
        return _form(request, given, checked)
    run = _start_one(request, checked, key)
    if checked.remark:
        messages.success(request, f"Started. {checked.remark} Look at it before you agree to a mail.")
    return _to_run(request, run)


def _start_one(request: Any, checked: intake.Checked, key: str) -> Run:
    given = checked.lead.model_dump(mode="json") if checked.lead else {}
    try:
        return operations.start(actor=request.actor, workflow=intake.WORKFLOW, given=given, start_key=key)
    except errors.Conflict:
        begun = operations.find_started(actor=request.actor, start_key=key)  # by the other click
        if begun is None:
            raise
        return begun


def _start_key(request: Any, given: dict[str, str], anyway: bool) -> str:
    """One for each form and what stands in it: going back and writing somebody else is no second click."""
    said = json.dumps([request.POST.get("key", "") or uuid.uuid4().hex, given, anyway], sort_keys=True)
    return f"lead:{hashlib.sha256(said.encode()).hexdigest()}"


def _to_run(request: Any, run: Run) -> HttpResponse:
    return redirect("runs:detail", tenant=request.actor.tenant.slug, run_id=run.pk)


def _form(request: Any, given: dict[str, str], checked: intake.Checked | None) -> HttpResponse:
    found = checked.problems if checked else ()
    fields = [
        {
            "name": name,
            "label": label,
            "hint": hint,
            "value": given[name],
            "required": required,
            "problems": [problem for problem in found if problem.field == name],
        }
        for name, label, hint, required in FIELDS
    ]
    first = next((field["name"] for field in fields if field["problems"]), "")
    context = {
        "fields": fields,
        "priority": given["priority"] or "normal",
        "checked": checked,
        "first": first,
        "problems": [{"field": one.field, "label": LABELS.get(one.field, one.field)} for one in found],
        "kept": given["email"] if request.POST.get("keep") == given["email"] else "",
        "key": request.POST.get("key") or uuid.uuid4().hex,
        "here": "new_lead",
    }
    bad = checked is not None and checked.verdict != "ok"
    return render(request, "runs/new_lead.html", context, status=422 if bad else 200)


@require_http_methods(["GET", "POST"])
@member
def lead_file(request: Any) -> HttpResponse:
    """Choose or paste a file, look at its rows, then start the usable ones. Looking starts nothing."""
    request.actor.require(START)
    if request.method == "GET":
        return _sheet(request, text="")
    upload = request.POST.get("upload", "")
    upload = upload if intake.UPLOAD.match(upload) else uuid.uuid4().hex
    as_written = request.POST.get("as_written") == "1"
    text, guessed = request.POST.get("text", ""), ""
    try:
        chosen = request.FILES.get("file")
        if chosen is not None:
            if chosen.size > intake.MOST_BYTES:
                raise errors.Invalid("The file is larger than 1 MB. Split it into parts.", field="file")
            text, guessed = intake.decode(chosen.read())
        mended = {} if request.POST.get("do") == "look_at_text" else _mended(request)
        sheet = intake.read_sheet(request.actor, text, upload=upload, mended=mended, as_written=as_written)
    except errors.Invalid as error:
        return _sheet(request, text=text, upload=upload, problem=error.message, status=422)
    text = sheet.text
    if request.POST.get("do") == "save":
        return _saved(sheet)
    if request.POST.get("do") == "start":
        return _start(request, sheet, text, upload)
    return _sheet(request, text=text, upload=upload, sheet=sheet, guessed=guessed)


def _mended(request: Any) -> dict[tuple[int, str], str]:
    """What was written into the cells of rows that were to be mended, and the suggestion that was taken."""
    written = {name.removeprefix("cell-"): value for name, value in request.POST.items() if name.startswith("cell-")}
    place, _, meant = request.POST.get("fill", "").partition("=")
    found = {}
    for name, value in (written | ({place: meant} if place else {})).items():
        cell = CELL.match(name)
        if cell:
            found[int(cell[1]), cell[2]] = value
    return found


def _start(request: Any, sheet: intake.Sheet, text: str, upload: str) -> HttpResponse:
    try:
        runs = intake.start_all(actor=request.actor, sheet=sheet, upload=upload, digest=request.POST.get("digest", ""))
    except errors.Conflict as error:
        return _sheet(request, text=text, upload=upload, sheet=sheet, problem=error.message, status=409)
    messages.success(request, f"{len(runs)} {'run' if len(runs) == 1 else 'runs'} started, each lead once.")
    return redirect("runs:list", tenant=request.actor.tenant.slug)


def _saved(sheet: intake.Sheet) -> HttpResponse:
    answer = HttpResponse("\ufeff" + intake.to_fix(sheet), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="leads-to-fix.csv"'
    return answer


def _sheet(request: Any, *, text: str, status: int = 200, **more: Any) -> HttpResponse:
    sheet = more.get("sheet")
    mendable = [row.number for row in sheet.rows if row.verdict == "fix"] if sheet else []
    context = {
        "text": text,
        "counts": sheet.counted() if sheet else {},
        "rows": [_shown(row, row.number in mendable[:MOST_CELLS]) for row in sheet.rows] if sheet else [],
        "more_to_mend": len(mendable) > MOST_CELLS,
        "to_mend": bool(mendable),
        "slips": sheet is not None and any(row.lead and row.verdict == "fix" for row in sheet.rows),
        "as_written": request.POST.get("as_written") == "1",
        "columns": intake.COLUMNS,
        "here": "new_lead",
        **more,
    }
    return render(request, "runs/lead_file.html", context, status=status)


def _shown(row: intake.Checked, mendable: bool) -> dict[str, Any]:
    """A row with a cell for each problem when it can be mended here."""
    cells = [
        {
            "field": one.field,
            "label": LABELS.get(one.field, one.field),
            "message": one.message,
            "value": row.given.get(one.field, ""),
            "meant": [value for value in (one.meant, *one.others) if value],
        }
        for one in row.problems
    ]
    return {"row": row, "cells": cells, "mendable": mendable}
