"""The stop page: what is stopped from when it is saved, who may, and what had left before."""

import pytest

from approvals import decisions, policies
from tenants.models import Stop
from tests.pages import at, browser, words
from tests.runs.worlds import HOLD, carry_out, inside, outside, request_of, started

# Static files are found without being collected; the folder for collected ones need not exist.
pytestmark = pytest.mark.filterwarnings("ignore:No directory at")


def stop(actor, reach="tool:test_pay", reason="the ledger pays twice"):
    return browser(actor).post(at(actor, "stops/"), {"reach": reach, "reason": reason}, follow=True)


def approved(cast):
    policies.publish(actor=cast.alice, rules=HOLD, note="test")
    run = carry_out(started(cast, {"do": "act", "note": "stopped"}))
    request = request_of(run)
    decisions.approve(actor=cast.bob, approval_id=request.pk, digest=request.action.digest)
    return run


def test_nothing_is_executed_once_a_stop_is_saved(cast):
    run = approved(cast)
    assert "Stopped. Nothing of it is executed from now on" in words(stop(cast.dave))
    assert carry_out(run).status == "blocked"
    assert outside.called["stopped"] == 0


def test_every_page_says_that_a_stop_is_on_and_why(cast):
    stop(cast.dave)
    html = browser(cast.jon).get(at(cast.jon, "runs/")).content.decode()
    assert 'class="kill-banner"' in html
    assert "Tool test_pay: “the ledger pays twice”" in html


def test_a_stop_needs_a_reach_and_a_reason(cast):
    answer = stop(cast.dave, reason="")
    assert answer.status_code == 422
    assert "Say why in a few words" in words(answer)
    assert "Choose what to stop." in words(stop(cast.dave, reach=""))
    assert inside_stops(cast) == 0


def test_who_only_starts_runs_cannot_stop_them(cast):
    page = browser(cast.jon).get(at(cast.jon, "stops/"))
    assert "Stop agents" in words(page)
    assert "<textarea" not in page.content.decode()
    assert stop(cast.jon).status_code == 403
    assert inside_stops(cast) == 0


def test_an_admin_lifts_a_stop_and_nobody_below(cast):
    stop(cast.dave)
    found = inside(started(cast), lambda: Stop.objects.get(lifted_at=None))
    path = f"stops/{found.pk}/lifts/"
    assert browser(cast.dave).post(at(cast.dave, path)).status_code == 403
    assert "Lifted." in words(browser(cast.alice).post(at(cast.alice, path), {"reason": "it is mended"}, follow=True))
    assert inside_stops(cast) == 0


def test_a_stranger_neither_sees_nor_lifts_a_stop(cast):
    stop(cast.dave)
    found = inside(started(cast), lambda: Stop.objects.get(lifted_at=None))
    assert browser(cast.charlie).post(at(cast.charlie, f"stops/{found.pk}/lifts/")).status_code == 404
    assert "kill-banner" not in browser(cast.charlie).get(at(cast.charlie, "runs/")).content.decode()
    assert inside_stops(cast) == 1


def inside_stops(cast):
    return inside(started(cast), lambda: Stop.objects.filter(lifted_at=None).count())
