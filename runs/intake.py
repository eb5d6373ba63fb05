"""Leads come in: one by one or as a file. What cannot be used says what to do; nothing is started unasked."""

import csv
import difflib
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
MOST_COLUMNS = 200
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
TO_FIX = "what to fix"  # the column that a saved file has more
UPLOAD = re.compile(r"[A-Za-z0-9-]{1,40}\Z", re.ASCII)


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
    remark: str = ""  # nothing to mend, but worth a look


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A file after a look at it."""

    text: str  # as CSV, with what was mended
    rows: tuple[Checked, ...]
    unknown_columns: tuple[str, ...]
    begun: frozenset[str]  # start keys of rows that this upload began already
    digest: str  # of what "start" would start; the form sends back the one it showed

    @property
    def usable(self) -> tuple[Checked, ...]:
        return tuple(row for row in self.rows if row.verdict == "ok")

    def counted(self) -> dict[str, int]:
        return {
            word: sum(row.verdict == word for row in self.rows) for word in ("ok", "fix", "twice", "running", "barred")
        }


def check(actor: Actor, given: Mapping[str, Any], *, as_written: bool = False) -> Checked:
    """One lead, as a form or the API gives it. Three queries; writes nothing."""
    return check_all(actor, [given], as_written=as_written)[0]


def check_all(actor: Actor, given: Sequence[Mapping[str, Any]], *, as_written: bool = False) -> tuple[Checked, ...]:
    """Every lead with its verdict, in order. Three queries at any number; writes nothing.

    `as_written`: an address that looks like a slip of the finger is meant as it stands.
    """
    read = [_read(row) for row in given]
    known = _known(actor, [lead.email for lead, _ in read if lead is not None])
    seen: set[str] = set()
    found = []
    for number, (row, (lead, problems)) in enumerate(zip(given, read, strict=True), 1):
        checked = _check(number, row, lead, problems, known, as_written)
        if lead is not None and checked.verdict in ("ok", "running"):
            if lead.email in seen:
                checked = replace(checked, verdict="twice", run=None, problems=(_TWICE,))
            seen.add(lead.email)
        found.append(checked)
    return tuple(found)


def read_sheet(
    actor: Actor,
    text: str,
    *,
    upload: str = "",
    mended: Mapping[tuple[int, str], str] | None = None,
    as_written: bool = False,
) -> Sheet:
    """The rows of a CSV with their verdicts. Raises `Invalid` when it is no table that can be used.

    `mended`: (number of the row, field) -> what it shall be. `upload`: what was begun of it before is counted in.
    """
    rows, unknown = _rows(text)
    for (number, field), value in (mended or {}).items():
        if 1 <= number <= len(rows) and field in COLUMNS:
            rows[number - 1][field] = value.strip()
    checked = check_all(actor, rows, as_written=as_written)
    begun = _begun(actor, upload) if upload else frozenset()
    wanted = [row.lead for row in checked if row.lead and (row.verdict == "ok" or _key(upload, row.lead) in begun)]
    told = json.dumps([lead.model_dump(mode="json") for lead in wanted], sort_keys=True)
    return Sheet(
        text=_as_text(rows) if mended else text,
        rows=checked,
        unknown_columns=tuple(unknown),
        begun=begun,
        digest=hashlib.sha256(told.encode()).hexdigest(),
    )


def start_all(*, actor: Actor, sheet: Sheet, upload: str, digest: str) -> list[Run]:
    """Start exactly the usable rows that were shown, each once: repeating it, also after a crash, starts no other.

    Raises `Conflict` when the rows are not those that `digest` was shown for.
    """
    actor.require(START)
    if sheet.digest != digest:
        raise errors.Conflict("Something changed since this was shown. Look at the rows again, then start them.")
    return [
        operations.start(
            actor=actor, workflow=WORKFLOW, given=row.lead.model_dump(mode="json"), start_key=_key(upload, row.lead)
        )
        for row in sheet.rows
        if row.lead is not None
        and (row.verdict == "ok" or (row.verdict == "running" and _key(upload, row.lead) in sheet.begun))
    ]


def begun_otherwise(actor: Actor, first: str, each: str) -> bool:
    """Whether a run's start key begins with `first` and not with `each`, which begins with `first`."""
    with scoping.tenant(actor.tenant.pk):
        keys = Run.objects.filter(tenant=actor.tenant, start_key__startswith=first)
        return keys.exclude(start_key__startswith=each).exists()


def to_fix(sheet: Sheet) -> str:
    """The rows that cannot be used, as CSV with a last column that says what to do."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)  # a spreadsheet may split at another mark than the comma
    writer.writerow([*COLUMNS, TO_FIX])
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
    head_cells = head.count(mark) + 1
    if head_cells > MOST_COLUMNS:
        raise errors.Invalid(f"The first row names {head_cells} columns. Keep those that are used.", field="text")
    try:
        table = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark) if any(map(str.strip, row))]
    except csv.Error:
        raise errors.Invalid(
            "The rows cannot be told apart. Look for a quote that is not closed.", field="text"
        ) from None
    names = [_column(cell) for cell in table[0]]
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise errors.Invalid(f"The first row has to name the columns. Missing: {', '.join(missing)}.", field="text")
    doubled = sorted(name for name, times in Counter(names).items() if name and times > 1)
    if doubled:
        raise errors.Invalid(f"Two columns are both {', '.join(doubled)}. Keep one.", field="text")
    if len(table) == 1:
        raise errors.Invalid("There are columns and no rows. Add a lead below them.", field="text")
    if len(table) - 1 > MOST_ROWS:
        raise errors.Invalid(f"These are {len(table) - 1} rows; {MOST_ROWS} go at once. Split the file.", field="text")
    rows = [{name: cell.strip() for name, cell in zip(names, row, strict=False) if name} for row in table[1:]]
    others = (cell.strip() for cell, name in zip(table[0], names, strict=True) if not name)
    return rows, [cell for cell in others if cell and cell.lower() != TO_FIX]


def _as_text(rows: list[dict[str, str]]) -> str:
    out = io.StringIO()
    names = [name for name in COLUMNS if any(name in row for row in rows)]
    writer = csv.DictWriter(out, names, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


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
        members = {address.lower(): name for address, name in people}
        return Known(open_runs=open_runs, barred={row.key: row for row in barred}, members=members)


def _read(given: Mapping[str, Any]) -> tuple[Lead | None, list[Problem]]:
    try:
        return leads.read(given), []
    except ValidationError as error:
        return None, leads.problems_of(error)


def _check(
    number: int, given: Mapping[str, Any], lead: Lead | None, problems: list[Problem], known: Known, as_written: bool
) -> Checked:
    plain = {name: str(value) if value is not None else "" for name, value in given.items()}
    if lead is None:
        offered = [_with_meant(problem, plain, known) for problem in problems]
        if not as_written and all(one.field != "email" for one in problems):
            offered += _slip(plain.get("email", ""), plain.get("domain", ""))
            offered.sort(key=lambda one: list(COLUMNS).index(one.field) if one.field in COLUMNS else len(COLUMNS))
        return Checked(number=number, given=plain, lead=None, problems=tuple(offered), verdict="fix")
    slips = tuple(_slips(lead, known, as_written))
    checked = Checked(number=number, given=plain, lead=lead, problems=slips, verdict="fix" if slips else "ok")
    key = f"lead:{lead.email}"
    if key in known.barred:
        row = known.barred[key]
        words = f"They are not to be contacted since {row.no_contact_at:%-d %B %Y}: {row.no_contact_why}"
        return replace(checked, verdict="barred", problems=(_about(words), *slips), subject=row)
    if key in known.open_runs and not slips:
        words = "A run works on this lead already. Another one waits for its turn."
        checked = replace(checked, verdict="running", problems=(_about(words),), run=known.open_runs[key])
    return replace(checked, remark=_remark(lead))


def _about(words: str) -> Problem:
    return Problem(field="email", message=words)


_TWICE = _about("This lead stands in a row above.")


def _remark(lead: Lead) -> str:
    host = lead.email.rpartition("@")[2]
    at_home = host == lead.domain or host.endswith(f".{lead.domain}") or lead.domain.endswith(f".{host}")
    return "" if at_home else f"The address is at {host}, not at {lead.domain}."


def _slips(lead: Lead, known: Known, as_written: bool) -> list[Problem]:
    found = [] if as_written else _slip(lead.email, lead.domain)
    if lead.owner_email and lead.owner_email not in known.members:
        close = _members_like(lead.owner_email, known)
        hint = (
            f" Did you mean {' or '.join(close)}?" if close else " Leave it empty, or choose somebody of the members."
        )
        words = f"Nobody here is {lead.owner_email}.{hint}"
        found.append(Problem(field="owner_email", message=words, meant=(*close, "")[0], others=close[1:]))
    return found


def _slip(email: str, domain: str) -> list[Problem]:
    meant = leads.meant_address(email, domain)
    return [Problem(field="email", message=f"Did you mean {meant}?", meant=meant)] if meant else []


def _members_like(text: str, known: Known) -> tuple[str, ...]:
    """Up to three members whose address or name is close to what was written."""
    word = text.strip().lower()
    named = [address for address, name in known.members.items() if word and word in name.lower()]
    close = difflib.get_close_matches(word, list(known.members), n=3, cutoff=0.6)
    return tuple(dict.fromkeys([*named, *close]))[:3]


def _with_meant(problem: Problem, given: Mapping[str, str], known: Known) -> Problem:
    if problem.field == "email":
        return replace(problem, meant=leads.meant_address(given.get("email", ""), given.get("domain", "")))
    if problem.field == "owner_email":
        close = _members_like(given["owner_email"], known)
        return replace(problem, meant=(*close, "")[0], others=close[1:])
    return problem


def _begun(actor: Actor, upload: str) -> frozenset[str]:
    with scoping.tenant(actor.tenant.pk):
        keys = Run.objects.filter(tenant=actor.tenant, start_key__startswith=f"file:{upload}:")
        return frozenset(key for key in keys.values_list("start_key", flat=True) if key)


def _key(upload: str, lead: Lead) -> str:
    return f"file:{upload}:{hashlib.sha256(lead.email.encode()).hexdigest()[:20]}"


def _inert(cell: str) -> str:
    """A cell that a spreadsheet will not run as a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
