"""Leads come in: one by one or as a file. What cannot be used says what to do; nothing is started unasked."""

import csv
import difflib
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from runs import errors, operations
from runs.agents import leads
from runs.agents.leads import Lead, Problem
from runs.models import Run, Subject
from runs.states import RUN_OPEN
from tenants import scoping
from tenants.models import Membership
from tenants.permissions import START, Actor

MOST_ROWS = 500
MOST_BYTES = 1_000_000
WORKFLOW = "outbound"
# What people call a column: cleaned of case and marks.
COLUMNS = {
    "company": ("company", "companyname", "organisation", "organization", "account", "firm"),
    "domain": ("domain", "website", "web", "url", "site", "companydomain"),
    "person": ("person", "name", "fullname", "contact", "contactname"),
    "email": ("email", "mail", "emailaddress", "address"),
    "role": ("role", "title", "jobtitle", "position"),
    "note": ("note", "notes", "comment", "why"),
    "owner_email": ("owneremail", "owner", "assignee", "assignedto"),
    "priority": ("priority", "prio"),
    "due_on": ("dueon", "due", "duedate", "deadline"),
}
NEEDED = ("company", "domain", "person", "email")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What stands already: open runs on these leads, who must not be contacted, who may own a lead."""

    open_runs: Mapping[str, Run]
    barred: Mapping[str, Subject]
    members: Mapping[str, str]  # address -> name


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One lead after a look at it: usable, or what to do."""

    number: int  # of the row, counted from 1; 1 for a form
    given: dict[str, str]
    lead: Lead | None
    problems: tuple[Problem, ...]
    verdict: str  # ok, fix, twice, running or barred
    run: Run | None = None  # the open run, or the one that learned not to contact
    subject: Subject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A file after a look at it."""

    rows: tuple[Checked, ...]
    unknown_columns: tuple[str, ...]
    digest: str  # of what "start" would start; the form sends back the one it showed

    @property
    def usable(self) -> tuple[Checked, ...]:
        return tuple(row for row in self.rows if row.verdict == "ok")

    def counted(self) -> dict[str, int]:
        return {
            word: sum(row.verdict == word for row in self.rows) for word in ("ok", "fix", "twice", "running", "barred")
        }


def check(actor: Actor, given: Mapping[str, Any]) -> Checked:
    """One lead, as a form or the API gives it. Three queries; writes nothing."""
    return check_all(actor, [dict(given)])[0]


def check_all(actor: Actor, given: Sequence[dict[str, Any]]) -> tuple[Checked, ...]:
    """Every lead with its verdict, in order. Three queries at any number; writes nothing."""
    addresses = {str(row.get("email", "")).strip().lower() for row in given}
    known, seen, found = _known(actor, addresses), set(), []
    for number, row in enumerate(given, 1):
        checked = _check(number, row, known)
        if checked.lead is not None and checked.verdict == "ok":
            if checked.lead.email in seen:
                checked = _with(checked, "twice", Problem(field="email", message="This lead stands in a row above."))
            seen.add(checked.lead.email)
        found.append(checked)
    return tuple(found)


def read_sheet(actor: Actor, text: str) -> Sheet:
    """The rows of a CSV with their verdicts. Raises `Invalid` when it is no table that can be used."""
    rows, unknown = _rows(text)
    checked = check_all(actor, rows)
    usable = [row.lead.model_dump(mode="json") for row in checked if row.verdict == "ok" and row.lead]
    digest = hashlib.sha256(json.dumps(usable, sort_keys=True).encode()).hexdigest()
    return Sheet(rows=checked, unknown_columns=tuple(unknown), digest=digest)


def start_all(*, actor: Actor, sheet: Sheet, upload: str, digest: str) -> list[Run]:
    """Start exactly the usable rows that were shown, each once: repeating it, also after a crash, starts no other.

    Raises `Conflict` when the rows are not those that `digest` was shown for.
    """
    actor.require(START)
    begun = _begun(actor, upload)
    if sheet.digest != digest and not begun:
        raise errors.Conflict("Something changed since this was shown. Look at the rows again, then start them.")
    return [
        operations.start(
            actor=actor, workflow=WORKFLOW, given=row.lead.model_dump(mode="json"), start_key=_key(upload, row.lead)
        )
        for row in sheet.rows
        if row.lead is not None
        and (row.verdict == "ok" or (row.verdict == "running" and _key(upload, row.lead) in begun))
    ]


def to_fix(sheet: Sheet) -> str:
    """The rows that cannot be used, as CSV with a last column that says what to do."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*COLUMNS, "what to fix"])
    for row in sheet.rows:
        if row.verdict != "ok":
            told = " ".join(problem.message for problem in row.problems)
            writer.writerow([_inert(row.given.get(name, "")) for name in COLUMNS] + [_inert(told)])
    return out.getvalue()


def decode(raw: bytes) -> tuple[str, str]:
    """The text of an upload, and a sentence when it had to be guessed. Raises `Invalid`."""
    if len(raw) > MOST_BYTES:
        raise errors.Invalid("The file is larger than 1 MB. Split it into parts.", field="file")
    if b"\x00" in raw:
        raise errors.Invalid("This is no text. Save the table as CSV and choose that file.", field="file")
    try:
        return raw.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        return raw.decode("latin-1"), "It was not UTF-8, so it was read as Latin-1. Look at the accents."


def _rows(text: str) -> tuple[list[dict[str, str]], list[str]]:
    if len(text.encode()) > MOST_BYTES:
        raise errors.Invalid("This is more than 1 MB. Split it into parts.", field="text")
    text = text.replace("\x00", "").strip("\ufeff\r\n ")
    if not text:
        raise errors.Invalid("There is nothing in it. Choose a CSV file, or paste its rows.", field="text")
    head = text.splitlines()[0]
    mark = max(",;\t", key=head.count)
    try:
        table = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark) if any(map(str.strip, row))]
    except csv.Error as error:
        raise errors.Invalid(
            f"The rows cannot be told apart: {error}. Look for a quote that is not closed.", field="text"
        ) from None
    names = [_column(cell) for cell in table[0]]
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise errors.Invalid(f"The first row has to name the columns. Missing: {', '.join(missing)}.", field="text")
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise errors.Invalid(f"Two columns are both {', '.join(doubled)}. Keep one.", field="text")
    if len(table) == 1:
        raise errors.Invalid("There are columns and no rows. Add a lead below them.", field="text")
    if len(table) - 1 > MOST_ROWS:
        raise errors.Invalid(f"These are {len(table) - 1} rows; {MOST_ROWS} go at once. Split the file.", field="text")
    rows = [{name: cell.strip() for name, cell in zip(names, row, strict=False) if name} for row in table[1:]]
    return rows, [cell.strip() for cell, name in zip(table[0], names, strict=True) if not name and cell.strip()]


def _column(cell: str) -> str:
    word = "".join(letter for letter in cell.lower() if letter.isalnum())
    return next((name for name, words in COLUMNS.items() if word in words), "")


def _known(actor: Actor, addresses: Iterable[str]) -> Known:
    keys = [f"lead:{address}" for address in addresses]
    with scoping.tenant(actor.tenant.pk):
        running = Run.objects.filter(tenant=actor.tenant, subject__in=keys, status__in=RUN_OPEN).defer("input")
        open_runs = {run.subject: run for run in running.order_by("-id")}
        barred = Subject.objects.filter(tenant=actor.tenant, key__in=keys, no_contact_at__isnull=False)
        people = Membership.objects.filter(tenant=actor.tenant, revoked_at=None).values_list(
            "user__email", "user__name"
        )
        return Known(open_runs=open_runs, barred={row.key: row for row in barred}, members=dict(people))


def _check(number: int, given: dict[str, Any], known: Known) -> Checked:
    plain = {name: str(value) if value is not None else "" for name, value in given.items()}
    try:
        lead = Lead.model_validate(given)
    except ValidationError as error:
        problems = [_with_meant(problem, plain) for problem in leads.problems_of(error)]
        return Checked(number=number, given=plain, lead=None, problems=tuple(problems), verdict="fix")
    problems = _slips(lead, known)
    checked = Checked(
        number=number, given=plain, lead=lead, problems=tuple(problems), verdict="fix" if problems else "ok"
    )
    key = f"lead:{lead.email}"
    if key in known.barred:
        row = known.barred[key]
        words = f"They are not to be contacted since {row.no_contact_at:%-d %B %Y}: {row.no_contact_why}"
        return _with(checked, "barred", Problem(field="email", message=words), subject=row)
    if key in known.open_runs and not problems:
        words = "A run works on this lead already. Another one waits for its turn."
        return _with(checked, "running", Problem(field="email", message=words), run=known.open_runs[key])
    return checked


def _slips(lead: Lead, known: Known) -> list[Problem]:
    found = []
    meant = leads.meant_address(lead.email, lead.domain)
    if meant:
        found.append(Problem(field="email", message=f"Did you mean {meant}?", meant=meant))
    if lead.owner_email and lead.owner_email not in known.members:
        close = difflib.get_close_matches(lead.owner_email, list(known.members), n=1, cutoff=0.6)
        hint = f" Did you mean {close[0]}?" if close else " Leave it empty, or choose somebody of the members."
        found.append(
            Problem(
                field="owner_email",
                message=f"Nobody here is {lead.owner_email}.{hint}",
                meant=close[0] if close else "",
            )
        )
    return found


def _with_meant(problem: Problem, given: Mapping[str, str]) -> Problem:
    meant = leads.meant_address(given.get("email", ""), given.get("domain", "")) if problem.field == "email" else ""
    return Problem(field=problem.field, message=problem.message, meant=meant)


def _with(checked: Checked, verdict: str, problem: Problem, **more: Any) -> Checked:
    return Checked(
        number=checked.number,
        given=checked.given,
        lead=checked.lead,
        problems=(*checked.problems, problem),
        verdict=verdict,
        **more,
    )


def _begun(actor: Actor, upload: str) -> set[str]:
    with scoping.tenant(actor.tenant.pk):
        keys = Run.objects.filter(tenant=actor.tenant, start_key__startswith=f"file:{upload}:")
        return set(keys.values_list("start_key", flat=True))


def _key(upload: str, lead: Lead) -> str:
    return f"file:{upload}:{hashlib.sha256(lead.email.encode()).hexdigest()[:20]}"


def _inert(cell: str) -> str:
    """A cell that a spreadsheet will not run as a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
