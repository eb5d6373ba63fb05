"""Leads at the edges: days that pass, second clicks, other spellings, and files that mean harm."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given as samples
from hypothesis import strategies as st

from runs import errors, intake, operations
from runs.agents import leads as contract
from runs.agents.leads import Lead
from runs.models import Subject
from tenants import scoping
from tests.pages import at, browser, words
from tests.runs.test_leads import lead, look, runs_of, sheet_of

FORM = "runs/new/lead/"


@pytest.fixture(autouse=True)
def outbound(cast):
    operations.set_up_workflow(actor=cast.alice, name="outbound", note="tests")


def bar(cast, email: str) -> None:
    with scoping.tenant(cast.alice.tenant.pk):
        row = Subject(tenant=cast.alice.tenant, key=f"lead:{email}", no_contact_why="please stop")
        row.no_contact_at = datetime(2026, 3, 3, tzinfo=UTC)
        row.save(force_insert=True)


def test_a_run_goes_on_after_the_day_it_was_due(cast):
    kept = Lead.model_validate(lead()).model_dump(mode="json") | {"due_on": "2020-01-01"}
    assert Lead.model_validate(kept).due_on == date(2020, 1, 1)


@pytest.mark.parametrize("written", ["2099-12-245", "2099-12-24 or so", "2099-W52-4"])
def test_a_day_with_more_behind_it_is_not_guessed(cast, written):
    assert intake.check(cast.jon, lead(due_on=written)).problems[0].field == "due_on"


@pytest.mark.parametrize("form", ["<{}>", "mailto:{}", "MAILTO:{}", "Ada Osei <{}>", " {} "])
def test_no_spelling_of_an_address_hides_what_is_known_of_it(cast, form):
    given = lead()
    bar(cast, given["email"])
    checked = intake.check(cast.jon, {**given, "email": form.format(given["email"].upper())})
    assert (checked.verdict, checked.lead and checked.lead.email) == ("barred", given["email"])


def test_a_second_click_leads_to_the_same_run(cast):
    client, given = browser(cast.jon), {**lead(), "key": "k1"}
    first = client.post(at(cast.jon, FORM), given)
    second = client.post(at(cast.jon, FORM), given)
    assert (first.status_code, second.status_code) == (302, 302)
    assert first["Location"] == second["Location"]


def test_start_anyway_starts_another_run_once(cast):
    client, given = browser(cast.jon), {**lead(), "key": "k1"}
    client.post(at(cast.jon, FORM), given)
    again = [client.post(at(cast.jon, FORM), {**given, "anyway": "1"})["Location"] for _ in range(2)]
    assert again[0] == again[1]
    assert runs_of(cast) == 2


def test_going_back_and_writing_another_lead_starts_that_one(cast):
    client = browser(cast.jon)
    answers = [client.post(at(cast.jon, FORM), {**lead(), "key": "k1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert runs_of(cast) == 2


def test_an_address_that_only_looks_mistyped_can_be_kept(cast):
    given = lead(email="ada@brightlooms.example", key="k1")
    page = browser(cast.jon).post(at(cast.jon, FORM), given)
    assert 'name="keep" value="ada@brightlooms.example"' in page.content.decode()
    assert browser(cast.jon).post(at(cast.jon, FORM), {**given, "keep": given["email"]}).status_code == 302


def test_enter_never_takes_a_suggestion_instead_of_what_was_written(cast):
    html = browser(cast.jon).post(at(cast.jon, FORM), lead(email="ada@brightlom.example")).content.decode()
    form = html[html.index('<form class="panel"') :]
    first = form[form.index("<button") : form.index(">", form.index("<button"))]
    assert "fill" not in first


def test_an_address_at_another_domain_is_started_with_a_word_about_it(cast):
    given = lead(email=f"ada-{uuid.uuid4().hex[:8]}@elsewhere.example")
    page = browser(cast.jon).post(at(cast.jon, FORM), given, follow=True)
    assert "The address is at elsewhere.example, not at brightloom.example." in page.content.decode()


def test_rows_added_after_a_start_are_looked_at_before_they_start(cast):
    first, second = lead(), lead()
    shown = intake.read_sheet(cast.jon, sheet_of(first))
    assert look(cast, sheet_of(first), do="start", digest=shown.digest).status_code == 302
    answer = look(cast, sheet_of(first, second), do="start", digest=shown.digest)
    assert answer.status_code == 409
    assert runs_of(cast) == 1


def test_a_lead_that_runs_already_stands_twice_in_the_file(cast):
    given = lead()
    operations.start(actor=cast.jon, workflow="outbound", given=given)
    assert [row.verdict for row in intake.check_all(cast.jon, [given, given])] == ["running", "twice"]


def test_a_head_of_many_columns_is_refused_at_once(cast):
    started = datetime.now(UTC)
    answer = look(cast, "company,domain,person," + "mail," * 150_000 + "\na,b,c,d")
    assert (answer.status_code, datetime.now(UTC) - started < timedelta(seconds=10)) == (422, True)


def test_a_saved_cell_stays_one_cell_whatever_a_spreadsheet_splits_at(cast):
    text = look(cast, sheet_of(lead(person="x;=1+1", email="no")), do="save").content.decode()
    assert '"x;=1+1"' in text


def test_a_row_is_mended_in_its_cells_and_then_starts(cast):
    text = sheet_of(lead(), lead(email="no"))
    mended = {"cell-2-email": f"ada-{uuid.uuid4().hex[:8]}@brightloom.example"}
    page = look(cast, text, **mended)
    assert "2 can start" in words(page)
    answer = look(cast, page.context["text"], do="start", digest=page.context["sheet"].digest)
    assert (answer.status_code, runs_of(cast)) == (302, 2)


def test_a_suggestion_in_a_row_is_taken_with_one_button(cast):
    page = look(cast, sheet_of(lead(email="ada@brightlom.example")))
    assert 'name="fill" value="1-email=ada@brightloom.example"' in page.content.decode()
    taken = look(cast, page.context["text"], do="", fill="1-email=ada@brightloom.example")
    assert "1 can start" in words(taken)


def test_what_is_mended_at_the_start_is_shown_first(cast):
    shown = look(cast, sheet_of(lead(), lead(email="no")))
    answer = look(
        cast, shown.context["text"], do="start", digest=shown.context["sheet"].digest, **{"cell-2-email": "a@b.example"}
    )
    assert (answer.status_code, runs_of(cast)) == (409, 0)


def test_addresses_of_a_file_can_be_taken_as_written(cast):
    text = sheet_of(lead(email="ada@brightlom.example"))
    assert "1 to mend" in words(look(cast, text))
    page = look(cast, text, as_written="1")
    assert "1 can start" in words(page)
    look(cast, text, as_written="1", do="start", digest=page.context["sheet"].digest)
    assert runs_of(cast) == 1


def test_a_page_of_500_rows_to_mend_fits_into_a_form(cast):
    page = look(cast, sheet_of(*(lead(email="no", person="") for _ in range(500))))
    assert page.content.decode().count('name="cell-') == 100
    assert "The first 50 rows to mend have fields here." in words(page)


@pytest.mark.parametrize("name", ["cell-999-email", "cell-1-shoe", "cell-0-email", "cell--email", "cell-1-email\x00"])
def test_a_cell_that_is_not_there_is_passed_over(cast, name):
    assert "1 can start" in words(look(cast, sheet_of(lead()), **{name: "x"}))


def test_another_tenants_upload_is_not_gone_on_with(cast):
    operations.set_up_workflow(actor=cast.charlie, name="outbound", note="tests")
    text = sheet_of(lead())
    for who in (cast.jon, cast.charlie):
        sheet = intake.read_sheet(who, text, upload="same")
        intake.start_all(actor=who, sheet=sheet, upload="same", digest=sheet.digest)
    assert runs_of(cast) == 1


def test_a_repeated_start_of_rows_that_became_barred_starts_nothing_more(cast):
    given = lead()
    sheet = intake.read_sheet(cast.jon, sheet_of(given, lead()), upload="u")
    operations.start(
        actor=cast.jon,
        workflow="outbound",
        given=given,
        start_key=intake._key("u", sheet.rows[0].lead),
    )
    bar(cast, given["email"])
    again = intake.read_sheet(cast.jon, sheet_of(given, lead()), upload="u")
    with pytest.raises(errors.Conflict):  # the second row is another one
        intake.start_all(actor=cast.jon, sheet=again, upload="u", digest=sheet.digest)
    assert runs_of(cast) == 1


def test_an_owner_is_found_by_name_among_the_members(cast):
    checked = intake.check(cast.jon, lead(owner_email="Bob"))
    assert checked.problems[0].meant == cast.bob.user.email


@samples(st.text(max_size=80))
def test_any_text_as_a_table_is_read_or_refused_in_words(text):
    head = "company,domain,person,email\n"
    try:
        rows, _ = intake._rows(head + text)
    except errors.Invalid as error:
        told = error.message
    else:
        told = f"{len(rows)} rows."
        assert all(set(row) <= set(intake.COLUMNS) for row in rows)
    assert told.endswith(".")


@samples(st.text(max_size=80))
def test_no_saved_cell_begins_a_formula(text):
    assert intake._inert(text)[:1] not in ("=", "+", "-", "@", "\t", "\r")


@samples(st.emails())
def test_an_address_reads_the_same_when_it_is_read_again(text):
    once = contract.address_of(text)
    assert contract.address_of(once) == once
