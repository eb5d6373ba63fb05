"""The HTTP API: keys, idempotency, and errors that name the field."""

import json
import uuid

import pytest

from tenants import people

TICKET = {"order": "NW-48213", "email": "priya.raman@example.net", "story": "Both tents tore on the first night."}


@pytest.fixture
def key(cast):
    return people.issue_key(actor=cast.alice, user=cast.jon.user, label="test", scopes=["runs"])


def post(client, key, body, **headers):
    given = {"HTTP_AUTHORIZATION": f"Bearer {key}", **headers}
    raw = body if isinstance(body, str) else json.dumps(body)
    return client.post("/api/v1/tickets", raw, content_type="application/json", **given)


def test_a_ticket_starts_a_run_and_the_same_key_is_the_same_run(client, cast, key):
    first = post(client, key, TICKET, HTTP_IDEMPOTENCY_KEY="k1")
    again = post(client, key, TICKET, HTTP_IDEMPOTENCY_KEY="k1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["run"] == again.json()["run"]


def test_the_same_key_with_another_body_is_refused(client, cast, key):
    post(client, key, TICKET, HTTP_IDEMPOTENCY_KEY="k1")
    answer = post(client, key, {**TICKET, "story": "Something else happened."}, HTTP_IDEMPOTENCY_KEY="k1")
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")


def test_without_an_idempotency_key_nothing_starts(client, cast, key):
    answer = post(client, key, TICKET)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"story": "It broke\u0000 on the first day."}, "story"),
        ({"story": "It broke\ud800 on the first day."}, "story"),
        ({"order": "x"}, "order"),
        ({"email": "x"}, "email"),
        ({"story": ""}, "story"),
        ({"amount_minor": -1}, "amount_minor"),
    ],
)
def test_a_bad_field_is_named_and_nothing_starts(client, cast, key, change, field):
    answer = post(client, key, {**TICKET, **change}, HTTP_IDEMPOTENCY_KEY="bad")
    assert answer.status_code == 422
    assert field in answer.json()["field"]
    assert "Correct it" in answer.json()["message"]


def test_a_body_that_is_no_json_is_told_so(client, cast, key):
    answer = post(client, key, "{nonsense", HTTP_IDEMPOTENCY_KEY="k")
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize("given", ["", "hp_wrong"])
def test_a_wrong_key_is_refused(client, cast, given):
    assert post(client, given, TICKET, HTTP_IDEMPOTENCY_KEY="k").status_code == 401


def test_a_key_without_the_scope_is_refused(client, cast):
    weak = people.issue_key(actor=cast.alice, user=cast.jon.user, label="weak", scopes=[])
    assert post(client, weak, TICKET, HTTP_IDEMPOTENCY_KEY="k").status_code == 403


def test_a_run_is_told_to_its_tenant_alone(client, cast, key):
    run = post(client, key, TICKET, HTTP_IDEMPOTENCY_KEY="k1").json()["run"]
    stranger = people.issue_key(actor=cast.charlie, user=cast.charlie.user, label="x", scopes=["runs"])
    own = client.get(f"/api/v1/runs/{run}", HTTP_AUTHORIZATION=f"Bearer {key}")
    other = client.get(f"/api/v1/runs/{run}", HTTP_AUTHORIZATION=f"Bearer {stranger}")
    none = client.get(f"/api/v1/runs/{uuid.uuid4()}", HTTP_AUTHORIZATION=f"Bearer {key}")
    assert (own.status_code, other.status_code, none.status_code) == (200, 404, 404)
    assert own.json()["status"] == "queued"
