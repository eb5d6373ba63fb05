"""Leads come in by form, file and API: what is written differently is made the same, and what is wrong says what to do."""

import json
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given as samples
from hypothesis import strategies as st
from pydantic import ValidationError

from runs import errors, intake, operations
from runs.agents import leads
from runs.agents.leads import Lead
from runs.models import Run, Signal, Subject
from tenants import people, scoping
from tests.pages import at, browser, words

GOOD = {"company": "Brightloom Textiles", "domain": "brightloom.example", "person": "Ada Osei"}


@pytest.fixture(autouse=True)
def outbound(cast):
    operations.set_up_workflow(actor=cast.alice, name="outbound", note="tests")


def lead(**changed) -> dict:
    return {**GOOD, "email": f"ada-{uuid.uuid4().hex[:10]}@brightloom.example", **changed}


def runs_of(cast) -> int:
    with scoping.tenant(cast.alice.tenant.pk):
        return Run.objects.count()


def problem(**changed) -> str:
    with pytest.raises(ValidationError) as caught:
        leads.read(lead(**changed))
    return leads.problems_of(caught.value)[0].message


@pytest.mark.parametrize(
    ("field", "written", "means"),
    [
        ("domain", "https://www.Brightloom.example/about?x=1", "brightloom.example"),
        ("domain", " WWW.brightloom.example. ", "brightloom.example"),
        ("email", " <Ada@Brightloom.Example> ", "ada@brightloom.example"),
        ("email", "mailto:ada@brightloom.example", "ada@brightloom.example"),
        ("priority", "HIGH", "high"),
        ("priority", "1", "high"),
        ("priority", None, "normal"),
        ("person", "Ada \n  Osei", "Ada Osei"),
        ("due_on", "24.12.2099", date(2099, 12, 24)),
        ("due_on", "24/12/2099", date(2099, 12, 24)),
        ("due_on", "2099-12-24", date(2099, 12, 24)),
    ],
)
def test_what_is_written_differently_means_the_same(field, written, means):
    assert getattr(Lead.model_validate(lead(**{field: written})), field) == means


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"email": "ada(at)brightloom"}, "Write an address like name@example.net."),
        ({"email": "a@x.example, b@x.example"}, "Write one address only."),
        ({"email": ""}, "Write the e-mail address, like name@example.net."),
        ({"domain": "not a domain"}, "This is no web domain. Write it like example.net, without a path."),
        ({"domain": ""}, "Write the company’s web domain, like example.net."),
        ({"person": "  "}, "Write the person’s name."),
        ({"company": "x" * 121}, "Write at most 120 characters; these are 121."),
        ({"priority": "asap"}, "Write low, normal or high."),
        ({"due_on": "soon"}, "Write a day like 2026-12-24 or 24.12.2026."),
        ({"due_on": "2020-01-01"}, "1 January 2020 is over. Choose a day to come, or leave it empty."),
        ({"colour": "red"}, "There is no field called colour."),
        ({"person": 7}, "Write text here."),
    ],
)
def test_what_is_wrong_says_what_to_do(changed, told):
    assert problem(**changed).startswith(told)


@samples(st.text(max_size=60), st.text(max_size=60))
def test_no_text_breaks_the_contract_with_anything_but_words(email, domain):
    assert isinstance(leads.meant_address(email, domain), str)
    wrong = {**GOOD, "email": email, "domain": domain, "priority": "none of the three"}
    with pytest.raises(ValidationError) as caught:
        Lead.model_validate(wrong)
    assert all(found.message for found in leads.problems_of(caught.value))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ada@brightlom.example", "ada@brightloom.example"),
        ("ada@gmial.com", "ada@gmail.com"),
        ("ada@brightloom.example", ""),
        ("ada@another.example", ""),
    ],
)
def test_a_slip_of_the_finger_is_noticed(written, meant):
    assert leads.meant_address(written, "brightloom.example") == meant


def test_the_form_starts_one_run_also_when_it_is_sent_twice(cast):
    client, given = browser(cast.jon), {**lead(), "key": "k1"}
    first = client.post(at(cast.jon, "runs/new/lead/"), given)
    second = client.post(at(cast.jon, "runs/new/lead/"), given)
    assert first.status_code == 302
    assert runs_of(cast) == 1
    assert second.status_code in (302, 422)


def test_the_form_keeps_the_text_and_offers_the_value_that_was_meant(cast):
    client, given = browser(cast.jon), lead(email="ada@brightlom.example")
    page = client.post(at(cast.jon, "runs/new/lead/"), given)
    assert page.status_code == 422
    assert "Did you mean ada@brightloom.example?" in words(page)
    assert 'value="email=ada@brightloom.example"' in page.content.decode()
    filled = client.post(at(cast.jon, "runs/new/lead/"), {**given, "fill": "email=ada@brightloom.example"})
    assert 'value="ada@brightloom.example"' in filled.content.decode()
    assert runs_of(cast) == 0


def test_a_lead_that_is_worked_on_is_started_again_only_when_asked(cast):
    client, given = browser(cast.jon), lead()
    client.post(at(cast.jon, "runs/new/lead/"), given)
    page = client.post(at(cast.jon, "runs/new/lead/"), given)
    assert "A run works on this lead" in words(page)
    assert runs_of(cast) == 1
    assert client.post(at(cast.jon, "runs/new/lead/"), {**given, "anyway": "1"}).status_code == 302
    assert runs_of(cast) == 2


def test_whoever_asked_not_to_be_contacted_cannot_be_started(cast):
    given = lead()
    with scoping.tenant(cast.alice.tenant.pk):
        row = Subject(tenant=cast.alice.tenant, key=f"lead:{given['email']}", no_contact_why="please stop")
        row.no_contact_at = datetime(2026, 3, 3, tzinfo=UTC)
        row.save(force_insert=True)
    for more in ({}, {"anyway": "1"}):
        page = browser(cast.jon).post(at(cast.jon, "runs/new/lead/"), {**given, **more})
        assert "asked not to be contacted on 3 March 2026: please stop" in words(page)
    assert runs_of(cast) == 0


def test_an_owner_has_to_be_a_member_and_a_close_one_is_offered(cast):
    wrong = cast.bob.user.email.replace("bob", "bobb")
    checked = intake.check(cast.jon, lead(owner_email=wrong))
    assert checked.problems[0].meant == cast.bob.user.email
    assert intake.check(cast.jon, lead(owner_email=cast.bob.user.email)).verdict == "ok"


def test_the_other_tenants_leads_and_members_are_unknown_here(cast):
    operations.set_up_workflow(actor=cast.charlie, name="outbound", note="tests")
    given = lead()
    operations.start(actor=cast.jon, workflow="outbound", given=given)
    assert intake.check(cast.charlie, given).verdict == "ok"
    assert intake.check(cast.charlie, lead(owner_email=cast.bob.user.email)).verdict == "fix"


def test_who_may_not_start_runs_sees_no_form(cast):
    people.add_member(actor=cast.alice, user=cast.jon.user, role="viewer", reason="for a test")
    for path in ("runs/new/lead/", "runs/new/leads/"):
        assert browser(cast.jon).get(at(cast.jon, path)).status_code == 403
        assert browser(cast.charlie).get(at(cast.jon, path)).status_code == 404


SHEET = "Company;Website;Name;E-Mail;Shoe size\n"


def look(cast, text: str, **more):
    return browser(cast.jon).post(at(cast.jon, "runs/new/leads/"), {"text": text, "upload": "u1", "do": "look", **more})


def sheet_of(*rows: dict) -> str:
    return "company,domain,person,email\n" + "\n".join(
        f"{row['company']},{row['domain']},{row['person']},{row['email']}" for row in rows
    )


def test_a_file_is_looked_at_first_and_each_row_says_what_it_is(cast):
    good, running = lead(), lead()
    operations.start(actor=cast.jon, workflow="outbound", given=running)
    text = sheet_of(good, good, running, lead(email="no address"))
    page = words(look(cast, text))
    assert "1 can start, 1 to mend, 1 twice, 1 running already" in page
    assert runs_of(cast) == 1


def test_the_rows_that_were_shown_are_started_once_each(cast):
    text = sheet_of(lead(), lead(), lead(email="no"))
    sheet = intake.read_sheet(cast.jon, text)
    for _ in range(2):
        answer = look(cast, text, do="start", digest=sheet.digest)
        assert answer.status_code == 302
    assert runs_of(cast) == 2


def test_rows_that_changed_since_they_were_shown_are_not_started(cast):
    shown = intake.read_sheet(cast.jon, sheet_of(lead()))
    answer = look(cast, sheet_of(lead(), lead()), do="start", digest=shown.digest)
    assert answer.status_code == 409
    assert runs_of(cast) == 0


def test_a_start_that_was_cut_off_goes_on_when_it_is_repeated(cast):
    text = sheet_of(lead(), lead(), lead())
    sheet = intake.read_sheet(cast.jon, text)
    first = sheet.rows[0].lead
    operations.start(
        actor=cast.jon, workflow="outbound", given=first.model_dump(mode="json"), start_key=intake._key("u1", first)
    )
    again = intake.read_sheet(cast.jon, text, upload="u1")
    intake.start_all(actor=cast.jon, sheet=again, upload="u1", digest=sheet.digest)
    assert runs_of(cast) == 3


def test_columns_may_be_called_differently_and_unknown_ones_are_named(cast):
    page = words(look(cast, SHEET + "Brightloom;https://www.brightloom.example;Ada Osei;ADA@brightloom.example;39"))
    assert "1 can start" in page
    assert "These columns are not used: Shoe size." in page


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "There is nothing in it."),
        ("company,domain,person,email", "There are columns and no rows."),
        ("company,person\nx,y", "Missing: domain, email."),
        ("company,domain,person,email,mail\na,b,c,d,e", "Two columns are both email."),
        ("company,domain,person,email\n" + "a,b.example,c,d@b.example\n" * 501, "501 rows; 500 go at once"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(cast, text, told):
    answer = look(cast, text)
    assert answer.status_code == 422
    assert told in words(answer)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"a\x00b", "This is no text."),
        (b"x" * 1_000_001, "larger than 1 MB"),
        ("company,domain,person,email\nB,b.example,José,j@b.example".encode("latin-1"), "read as Latin-1"),
        ("\ufeffcompany,domain,person,email\nB,b.example,José,j@b.example".encode(), "1 can start"),
    ],
)
def test_an_upload_is_read_whatever_it_is(cast, raw, told):
    file = SimpleUploadedFile("leads.csv", raw)
    assert told in words(look(cast, "", file=file))


def test_quotes_with_line_ends_stay_one_cell(cast):
    sheet = intake.read_sheet(
        cast.jon, 'company,domain,person,email,note\n"B, Ltd",b.example,A B,a@b.example,"one\ntwo"'
    )
    assert (sheet.rows[0].lead.company, sheet.rows[0].lead.note) == ("B, Ltd", "one\ntwo")


def test_the_rest_is_saved_without_formulas(cast):
    answer = look(cast, sheet_of(lead(person="=HYPERLINK(1)", email="no")), do="save")
    assert answer["Content-Type"].startswith("text/csv")
    assert "'=HYPERLINK(1)" in answer.content.decode()
    assert "Write an address like name@example.net." in answer.content.decode()


def test_the_preview_of_many_rows_takes_as_many_queries_as_of_one(cast, django_assert_max_num_queries):
    text = sheet_of(*(lead() for _ in range(60)))
    with django_assert_max_num_queries(6):
        intake.read_sheet(cast.jon, text)


def call(cast, path: str, body: dict, key: str = "one", who: str = "jon"):
    actor = getattr(cast, who)
    token = people.issue_key_for(member=actor, label="t", scopes=["runs"])
    headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
    return browser(actor).post(f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=headers)


def test_the_api_starts_a_lead_once_and_names_what_is_wrong(cast):
    given = lead()
    assert call(cast, "leads", given).status_code == 201
    assert call(cast, "leads", given).status_code == 200
    wrong = call(cast, "leads", lead(email="ada@brightlom.example"), key="two")
    assert (wrong.status_code, wrong.json()["field"], wrong.json()["meant"]) == (422, "email", "ada@brightloom.example")
    assert call(cast, "leads", given, key="").json()["code"] == "idempotency_key_missing"
    assert runs_of(cast) == 1


def test_the_api_takes_many_and_answers_for_each(cast):
    body = {"leads": [lead(), lead(email="no"), lead()]}
    for _ in range(2):
        told = call(cast, "leads/batch", body).json()
    assert [row["status"] for row in told] == ["known", "fix", "known"]
    assert runs_of(cast) == 2
    assert call(cast, "leads/batch", {"leads": []}, key="x").status_code == 422


def test_an_event_from_outside_is_kept_once(cast):
    body = {"subject": "lead:a@b.example", "name": "reply", "key": "k", "value": {"text": "yes"}}
    for _ in range(2):
        assert call(cast, "events", body).status_code == 200
    with scoping.tenant(cast.alice.tenant.pk):
        assert Signal.objects.filter(subject="lead:a@b.example").count() == 1
    assert call(cast, "events", {**body, "name": ""}).json()["field"] == "name"


def test_a_day_to_come_is_counted_from_today():
    assert Lead.model_validate(lead(due_on=str(datetime.now(UTC).date() + timedelta(days=1)))).due_on


def test_a_file_is_not_started_by_whoever_may_not(cast):
    people.add_member(actor=cast.alice, user=cast.jon.user, role="viewer", reason="for a test")
    viewer = people.actor_in(cast.jon.user, cast.jon.tenant.slug)
    sheet = intake.read_sheet(viewer, sheet_of(lead()))
    with pytest.raises(errors.Forbidden):
        intake.start_all(actor=viewer, sheet=sheet, upload="u", digest=sheet.digest)
