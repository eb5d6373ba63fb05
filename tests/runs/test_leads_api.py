"""Leads and events by API: answers that a program can act on, also to what no person would send."""

import uuid

import pytest

from runs import operations
from tenants import people
from tests.runs.test_leads import call, lead, runs_of
from tests.runs.test_leads_edges import bar


@pytest.fixture(autouse=True)
def outbound(cast):
    operations.set_up_workflow(actor=cast.alice, name="outbound", note="tests")


@pytest.mark.parametrize("text", ["A\x00da", "A\ud800da", "A\x1bda"])
def test_characters_that_are_no_text_are_refused_with_words(cast, text):
    for path, body in (("leads", lead(person=text)), ("leads", lead(email=f"{text}@b.example"))):
        answer = call(cast, path, body, key=uuid.uuid4().hex)
        assert answer.status_code == 422
    event = {"subject": text, "name": "reply", "key": "k", "value": None}
    assert call(cast, "events", event).status_code == 422
    assert call(cast, "events", event | {"subject": "lead:a", "value": {"said": text}}).status_code == 422


def test_the_same_key_with_another_batch_starts_nothing(cast):
    assert call(cast, "leads/batch", {"leads": [lead(), lead()]}).status_code == 200
    answer = call(cast, "leads/batch", {"leads": [lead(email="no"), lead(email="no"), lead()]})
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")
    assert runs_of(cast) == 2


def test_a_batch_answers_the_same_when_it_is_repeated(cast):
    given = lead()
    first, again = (call(cast, "leads/batch", {"leads": [given, given]}).json() for _ in range(2))
    assert [row["status"] for row in first] == ["started", "twice"]
    assert [row["status"] for row in again] == ["known", "twice"]


def test_one_leads_key_is_not_anothers_row(cast):
    call(cast, "leads/batch", {"leads": [lead()]}, key="a")
    assert call(cast, "leads", lead(), key="a:1").status_code == 201


def test_the_api_names_every_field_and_what_to_do_next(cast):
    body = call(cast, "leads", lead(email="ada@brightlom.example", person="", due_on="soon")).json()
    assert {"email", "person", "due_on"} == {one["field"] for one in body["problems"]}
    assert body["code"] == "invalid"
    assert "ada@brightloom.example" in body["next"]


@pytest.mark.parametrize("body", [[], "x", 7, {"leads": ["a"]}, {"leads": 7}, {}])
def test_a_body_of_another_shape_is_told_in_our_words(cast, body):
    told = call(cast, "leads/batch", body).json()
    assert told["code"] == "invalid"
    assert "nput should" not in told["message"]
    assert "ield required" not in told["message"]


@pytest.mark.parametrize("path", ["leads", "leads/batch", "events"])
def test_the_api_is_shut_for_who_may_not_start_runs(cast, path):
    people.add_member(actor=cast.alice, user=cast.jon.user, role="viewer", reason="for a test")
    event = {"subject": "lead:a", "name": "reply", "key": "k"}
    body = {"leads": lead(), "leads/batch": {"leads": [lead()]}, "events": event}[path]
    assert call(cast, path, body).status_code == 403
    assert runs_of(cast) == 0


@pytest.mark.parametrize("value", [float("nan"), "x" * 20_001, {"a\x00": 1}, [["\ud800"]]])
def test_a_value_that_cannot_be_kept_is_refused(cast, value):
    answer = call(cast, "events", {"subject": "lead:a", "name": "reply", "key": "k", "value": value})
    assert (answer.status_code, answer.json()["field"]) == (422, "value")


def test_who_is_not_to_be_contacted_is_told_so_in_a_batch(cast):
    given = lead()
    bar(cast, given["email"])
    told = call(cast, "leads/batch", {"leads": [given, lead()]}).json()
    assert [row["status"] for row in told] == ["barred", "started"]
    assert (told[0]["code"], told[0]["run"]) == ("do_not_contact", None)


def test_another_tenant_may_use_the_same_key_and_lead(cast):
    operations.set_up_workflow(actor=cast.charlie, name="outbound", note="tests")
    given = lead()
    first, second = call(cast, "leads", given), call(cast, "leads", given, who="charlie")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["run"] != second.json()["run"]
