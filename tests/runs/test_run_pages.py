"""The pages about runs: what they say, who may see them, and how many queries they need."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import decisions, policies
from runs import errors, operations
from runs.engine import sending
from tests.pages import at, browser, words
from tests.runs.worlds import ALLOW, HOLD, carry_out, outside, request_of, started

ACT = {"do": "act", "amount_minor": 4200}
READ = {"do": "step", "name": "read"}

# Static files are found without being collected; the folder for collected ones need not exist.
pytestmark = pytest.mark.filterwarnings("ignore:No directory at")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(sending, "pause", lambda seconds: None)


def run_of(cast, *plan, rules=ALLOW):
    policies.publish(actor=cast.alice, rules=rules, note="test")
    return carry_out(started(cast, *plan))


def page_of(actor, run, query=""):
    return browser(actor).get(at(actor, f"runs/{run.pk}/{query}"))


def unknown_run(cast):
    outside.fail("silent", errors.Unclear("The line dropped."))
    return run_of(cast, READ, {"do": "act", "note": "silent"})


def queries_of(actor, path):
    client = browser(actor)
    client.get(at(actor, path))
    with CaptureQueriesContext(
        connection,
    ) as found:
        assert client.get(at(actor, path)).status_code == 200
    return len(found)


def test_a_done_run_says_what_it_did_and_that_nothing_is_left(cast):
    page = words(page_of(cast.dave, run_of(cast, READ, ACT)))
    assert "It finished read. Allowed by policy, it carried out test_pay. It is done." in page
    assert "Nothing to do. This run is over." in page


def test_a_held_action_leads_to_its_request(cast):
    run = run_of(cast, ACT, rules=HOLD)
    page = page_of(cast.dave, run)
    assert "Test_pay waits for a decision" in words(page)
    link = re.search(r'class="button button-primary" href="([^"]+)"', page.content.decode())
    assert link is not None
    assert browser(cast.dave).get(link[1]).url == at(cast.dave, f"review/{request_of(run).pk}/")


def test_the_page_names_who_approved(cast):
    run = run_of(cast, ACT, rules=HOLD)
    request = request_of(run)
    decisions.approve(actor=cast.bob, approval_id=request.pk, digest=request.action.digest)
    assert "Approved by Bob at" in words(page_of(cast.dave, carry_out(run)))


def test_an_unknown_outcome_offers_to_ask_before_anything_else(cast):
    page = words(page_of(cast.dave, unknown_run(cast)))
    assert "Nobody knows whether test_pay was done. The line dropped. It is never sent again by itself." in page
    assert "Ask the service whether it has this. Reading only: nothing is sent." in page


def test_who_may_not_operate_sees_the_run_and_no_button(cast):
    run = unknown_run(cast)
    html = page_of(cast.jon, run).content.decode()
    assert "Outcome unknown" in html
    assert "/probes/" not in html
    assert "/settlements/" not in html
    assert "/cancellations/" not in html


def test_a_failed_action_can_be_retried_but_not_resumed(cast):
    outside.fail("declined", errors.Declined("The card is closed."))
    run = run_of(cast, {"do": "act", "note": "declined"})
    html = page_of(cast.dave, run).content.decode()
    assert "Retry from test_pay…" in html
    assert "/resumptions/" not in html


def test_a_retried_run_tells_the_effects_that_it_keeps(cast):
    outside.fail("late", errors.Declined("closed"))
    run = run_of(cast, ACT, {"do": "act", "note": "late"})
    following = carry_out(operations.retry(actor=cast.dave, run_id=run.pk, reason="it works again"))
    page = words(page_of(cast.dave, following))
    assert page.count("it carried out test_pay") == 2
    assert "kept from the run before" in page
    assert "It goes on in another run by Dave: “it works again”." in words(page_of(cast.dave, run))


def test_the_filter_says_how_many_steps_it_leaves_out(cast):
    page = words(page_of(cast.dave, unknown_run(cast), "?show=unknown"))
    assert "1 step left out by the filter." in page


@pytest.mark.parametrize("tab", ["", "input", "attempts", "raw"])
def test_every_part_of_a_step_has_an_address(cast, tab):
    page = page_of(cast.dave, unknown_run(cast), f"?step=test_pay&tab={tab}")
    assert page.status_code == 200
    assert 'aria-current="true"' in page.content.decode()


def test_the_raw_journal_leaves_secrets_out(cast):
    run = run_of(cast, READ)
    html = page_of(cast.dave, run, "?step=read&tab=raw").content.decode()
    assert "step.done" in html
    assert "input_hash" in html


def test_a_fragment_without_news_is_empty(cast):
    run = run_of(cast, READ)
    client = browser(cast.dave, HX_Request="true")
    assert client.get(at(cast.dave, f"runs/{run.pk}/?after={run.head}")).status_code == 204
    fragment = client.get(at(cast.dave, f"runs/{run.pk}/?after=0"))
    assert fragment.content.decode().strip().startswith("<div")


def test_bars_are_attributes_and_the_page_holds_no_inline_style_or_script(cast):
    html = page_of(cast.dave, unknown_run(cast)).content.decode()
    assert re.search(r'<rect class="bar[^>]* x="[\d.]+%"[^>]* width="[\d.]+%"', html)
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)", html)


def test_the_list_counts_and_filters_by_state(cast):
    unknown_run(cast)
    run_of(cast, READ)
    page = words(browser(cast.dave).get(at(cast.dave, "runs/?state=unknown")))
    assert page.count("plan of") == 1
    assert "The line dropped." in page


def test_a_list_without_a_match_offers_to_drop_the_filters(cast):
    run_of(cast, READ)
    assert "No run matches" in words(browser(cast.dave).get(at(cast.dave, "runs/?text=nothing-like-it")))


def test_older_runs_follow_by_key(cast, monkeypatch):
    monkeypatch.setattr("runs.queries.PAGE", 2)
    for _ in range(3):
        run_of(cast, READ)
    client = browser(cast.dave)
    first = client.get(at(cast.dave, "runs/"))
    older = re.search(r'href="(\?[^"]*before=[^"]+)"', first.content.decode())
    assert older is not None
    assert words(client.get(at(cast.dave, f"runs/{older[1]}"))).count("plan of") == 1


def test_the_list_needs_as_many_queries_for_five_runs_as_for_one(cast):
    run_of(cast, READ)
    one = queries_of(cast.dave, "runs/")
    for _ in range(4):
        run_of(cast, READ, ACT)
    assert queries_of(cast.dave, "runs/") == one


def test_the_run_page_needs_as_many_queries_for_ten_steps_as_for_two(cast):
    few = run_of(cast, READ, ACT)
    many = run_of(cast, *[{"do": "step", "name": f"read{n}"} for n in range(6)], ACT, ACT, ACT, ACT)
    assert queries_of(cast.dave, f"runs/{many.pk}/") == queries_of(cast.dave, f"runs/{few.pk}/")


def test_the_lane_of_unknown_outcomes_says_why_and_for_how_long(cast):
    unknown_run(cast)
    page = words(browser(cast.dave).get(at(cast.dave, "unknown/")))
    assert "Test_pay" in page
    assert "The line dropped." in page
    assert "None of these is ever sent again by itself." in page


def test_an_empty_lane_says_that_every_outcome_is_known(cast):
    assert "Every outcome is known" in words(browser(cast.dave).get(at(cast.dave, "unknown/")))


@pytest.mark.parametrize("path", ["runs/", "runs/new/", "unknown/", "review/", "decided/"])
def test_a_stranger_learns_nothing_of_a_page(cast, path):
    assert browser(cast.charlie).get(at(cast.alice, path)).status_code == 404


def test_a_run_of_another_tenant_is_not_found(cast):
    run = run_of(cast, READ)
    answer = browser(cast.charlie).get(at(cast.charlie, f"runs/{run.pk}/"))
    assert answer.status_code == 404
    assert run.title not in words(answer)


def test_nobody_is_shown_a_page_without_signing_in(client, cast):
    answer = client.get(at(cast.alice, "runs/"))
    assert (answer.status_code, answer.url.split("?")[0]) == (302, "/accounts/login/")


def test_news_never_move_the_rows_that_somebody_reads(cast):
    first = run_of(cast, READ)
    html = browser(cast.dave).get(at(cast.dave, "runs/")).content.decode()
    follow = re.search(r'hx-get="(\?[^"]*shown=[^"]+)"', html)
    assert follow is not None
    second = run_of(cast, READ)
    fragment = browser(cast.dave, HX_Request="true").get(at(cast.dave, f"runs/{follow[1]}")).content.decode()
    assert f"run-{first.pk}" in fragment
    assert f"run-{second.pk}" not in fragment
    assert "1 new run " in fragment
    assert 'id="run-counts"' in fragment
    assert 'type="search"' not in fragment


def test_a_row_stays_when_its_run_leaves_the_filter(cast):
    run = unknown_run(cast)
    fragment = browser(cast.dave, HX_Request="true").get(at(cast.dave, f"runs/?state=done&shown={run.pk}"))
    assert "Outcome unknown" in words(fragment)


def test_ids_of_another_tenant_show_nothing(cast):
    run = run_of(cast, READ)
    fragment = browser(cast.charlie, HX_Request="true").get(at(cast.charlie, f"runs/?shown={run.pk}"))
    assert str(run.pk)[:13] not in fragment.content.decode().replace(f"shown={run.pk}", "")
