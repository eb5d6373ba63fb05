"""What people do on the pages about runs: every form works as a plain POST and says what it did."""

import uuid

import pytest

from approvals import policies
from runs import errors
from runs.engine import sending
from runs.models import Action, Run
from tests.pages import at, browser, words
from tests.runs.worlds import ALLOW, carry_out, fresh, inside, outside, started

TICKET = {"order": "NW-48213", "email": "priya@example.net", "story": "Both tents tore on the first night.", "key": "k"}

# Static files are found without being collected; the folder for collected ones need not exist.
pytestmark = pytest.mark.filterwarnings("ignore:No directory at")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(sending, "pause", lambda seconds: None)


def stopped(cast, name, failure):
    policies.publish(actor=cast.alice, rules=ALLOW, note="test")
    outside.fail(name, failure)
    return carry_out(started(cast, {"do": "act", "note": name}))


def post(actor, path, **data):
    return browser(actor).post(at(actor, path), data, follow=True)


def action_of(run):
    return inside(run, lambda: Action.objects.get(run_id=run.pk))


def test_a_ticket_starts_one_run_however_often_it_is_sent(cast):
    ticket = TICKET | {"key": uuid.uuid4().hex}
    first = post(cast.jon, "runs/new/", **ticket)
    again = post(cast.jon, "runs/new/", **ticket)
    assert first.redirect_chain[0][0] == again.redirect_chain[0][0]
    assert "Refund for order NW-48213" in words(first)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("order", "48213", "An order number is two letters, a dash and 4 to 8 digits"),
        ("email", "priya", "This is no e-mail address."),
        ("story", "torn", "Too short to decide on."),
        ("amount", "much", "Write an amount like 40.50, or leave it empty."),
    ],
)
def test_a_ticket_with_an_error_keeps_the_text_and_says_what_to_do(cast, field, value, said):
    answer = post(cast.jon, "runs/new/", **{**TICKET, field: value})
    assert answer.status_code == 422
    assert said in words(answer)
    assert f'value="{value}"' in answer.content.decode() or f">{value}</textarea>" in answer.content.decode()


def test_a_retry_leads_to_the_run_that_goes_on(cast):
    run = stopped(cast, "closed", errors.Declined("closed"))
    answer = post(cast.dave, f"runs/{run.pk}/retries/", reason="the ledger works again")
    assert str(run.pk) not in answer.redirect_chain[0][0]
    assert "It goes on here. Finished steps were not run again." in words(answer)


def test_a_retry_without_a_reason_changes_nothing(cast):
    run = stopped(cast, "shut", errors.Declined("shut"))
    answer = post(cast.dave, f"runs/{run.pk}/retries/", reason="")
    assert "Say why in a few words" in words(answer)
    assert inside(run, lambda: Run.objects.filter(parent_id=run.pk).count()) == 0


def test_a_cancelled_run_says_that_nothing_more_is_sent(cast):
    run = started(cast, {"do": "step", "name": "read"})
    assert "Cancelled. Nothing more is sent." in words(
        post(cast.dave, f"runs/{run.pk}/cancellations/", reason="wrong order")
    )
    assert fresh(run).status == "cancelled"


def test_a_colleague_without_the_right_is_told_so(cast):
    run = started(cast, {"do": "step", "name": "read"})
    answer = post(cast.jon, f"runs/{run.pk}/cancellations/", reason="because I can")
    assert answer.status_code == 403
    assert "may not repair runs" in words(answer)
    assert fresh(run).status == "queued"


def test_a_stranger_cannot_cancel(cast):
    run = started(cast, {"do": "step", "name": "read"})
    assert post(cast.charlie, f"runs/{run.pk}/cancellations/", reason="not mine").status_code == 404


def test_settling_needs_evidence(cast):
    run = stopped(cast, "lost", errors.Unclear("lost"))
    answer = post(
        cast.dave, f"actions/{action_of(run).pk}/settlements/", outcome="done", reason="I looked", evidence=""
    )
    assert "Say where you saw it" in words(answer)
    assert action_of(run).status == "outcome_unknown"


def test_settling_as_not_done_sends_nothing(cast):
    run = stopped(cast, "gone", errors.Unclear("gone"))
    key = f"actions/{action_of(run).pk}/settlements/"
    answer = post(cast.dave, key, outcome="not_done", reason="I looked", evidence="no entry in the ledger")
    assert "Settled as not done. Nothing was sent again." in words(answer)
    assert (action_of(run).status, outside.called["gone"]) == ("not_done", 1)


def test_asking_the_service_reads_and_says_that_a_no_is_no_permission(cast):
    run = stopped(cast, "mute", errors.Unclear("mute"))
    answer = post(cast.dave, f"actions/{action_of(run).pk}/probes/")
    assert "That is evidence, not permission: it may still be under way." in words(answer)
    assert "Ask the service again" in words(answer)
    assert outside.called["mute"] == 1


def test_a_get_changes_nothing(cast):
    run = stopped(cast, "quiet", errors.Unclear("quiet"))
    for path in (f"runs/{run.pk}/cancellations/", f"runs/{run.pk}/retries/", f"actions/{action_of(run).pk}/probes/"):
        assert browser(cast.dave).get(at(cast.dave, path)).status_code == 405
