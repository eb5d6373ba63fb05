"""The system page and the bands: how the machinery stands, in words, and nothing of another tenant."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals import decisions, policies
from runs import system
from runs.engine.worker import Incarnation
from runs.models import Run, Wait, Worker
from tests.pages import at, browser, words
from tests.runs.worlds import HOLD, carry_out, inside, request_of, started

# Static files are found without being collected; the folder for collected ones need not exist.
pytestmark = pytest.mark.filterwarnings("ignore:No directory at")


@pytest.fixture(autouse=True)
def no_other_worker(database):
    """Workers of other tests are long gone for this one."""
    Worker.objects.update(alive_until=timezone.now() - timedelta(days=2), swept_at=None)


@pytest.fixture
def worker(no_other_worker):
    found = Incarnation()
    found.swept()
    found.beat()
    return found


def page(actor) -> str:
    return words(browser(actor).get(at(actor, "system/")))


def check(actor, name: str) -> system.Check:
    return next(check for check in system.system(actor, sockets=0).checks if check.name == name)


def ready_since(run: Run, seconds: float) -> None:
    then = timezone.now() - timedelta(seconds=seconds)
    inside(run, lambda: Run.objects.filter(pk=run.pk).update(ready_at=then))


def bands(actor) -> str:
    return words(browser(actor).get(at(actor, "bands/")))


def test_all_is_well_with_a_worker_that_sweeps(cast, worker):
    told = {check.name: (check.state, check.word) for check in system.system(cast.alice, sockets=3).checks}
    assert told["Workers"] == ("done", "At work")
    assert told["Queue"] == ("done", "Empty")
    assert told["Sweep"] == ("done", "On time")
    assert told["Database"] == ("done", "Answers")
    assert told["Dispatch"] == ("done", "Embedded")
    assert "Open in this web process 0" in page(cast.alice)


@pytest.mark.parametrize("who", ["alice", "dave"])
def test_who_manages_or_repairs_may_look(cast, who):
    assert browser(getattr(cast, who)).get(at(cast.alice, "system/")).status_code == 200


@pytest.mark.parametrize(("who", "status"), [("bob", 403), ("jon", 403), ("charlie", 404)])
def test_nobody_else_may(cast, who, status):
    assert browser(getattr(cast, who)).get(at(cast.alice, "system/")).status_code == status


def test_no_worker_is_said_on_the_page_and_above_every_other(cast):
    assert check(cast.alice, "Workers").word == "Away"
    assert "Start one with bin/manage worker" in page(cast.alice)
    assert "Workers are away. Runs wait and nothing is lost." in bands(cast.jon)


def test_without_any_worker_no_version_is_blamed(cast):
    started(cast)
    assert check(cast.alice, "Queue").word == "Waits for a worker"
    assert "once a worker is back" in page(cast.alice)


def test_a_worker_that_is_gone_is_struck_out_with_when_it_was_heard_last(cast, worker):
    worker.stop()
    html = browser(cast.alice).get(at(cast.alice, "system/")).content.decode()
    assert 'class="worker-gone"' in html
    assert re.search(r"gone <time", html)


def test_a_ready_run_that_nobody_takes_is_a_delay_of_its_tenant_alone(cast, worker):
    ready_since(started(cast), 45)
    assert check(cast.alice, "Queue").word == "Delayed"
    assert "Work is delayed. The oldest ready run has waited 45 s." in bands(cast.bob)
    assert "delayed" not in bands(cast.charlie)
    assert check(cast.charlie, "Queue").facts[0] == ("Ready", 0)


def test_a_version_that_no_worker_has_is_named(cast, worker):
    run = started(cast)
    inside(run, lambda: Run.objects.filter(pk=run.pk).update(workflow_version=7))
    assert check(cast.alice, "Queue").word == "No worker has the version"
    assert "no worker has this version" in page(cast.alice)


def test_a_run_that_is_blocked_for_its_version_counts_too(cast, worker):
    run = started(cast)
    inside(run, lambda: Run.objects.filter(pk=run.pk).update(workflow_version=7))
    assert carry_out(run).status == "blocked"
    assert ("No worker has their version", 1) in check(cast.alice, "Queue").facts


def test_decided_but_not_resumed_is_told_with_for_how_long(cast, worker):
    policies.publish(actor=cast.alice, rules=HOLD, note="test")
    run = carry_out(started(cast, {"do": "act"}))
    request = request_of(run)
    decisions.approve(actor=cast.bob, approval_id=request.pk, digest=request.action.digest)
    assert check(cast.alice, "Queue").word != "Decided but not resumed"
    ready_since(run, 9)
    found = check(cast.alice, "Queue")
    assert (found.word, ("Decided, not resumed", 1) in found.facts) == ("Decided but not resumed", True)
    assert ("For", "9 s") in found.facts


def test_a_timer_that_is_overdue_says_that_the_sweep_is_late(cast, worker):
    run = carry_out(started(cast, {"do": "sleep", "seconds": 3600}))
    due = timezone.now() - timedelta(seconds=90)
    inside(run, lambda: Wait.objects.filter(run_id=run.pk).update(due_at=due))
    found = check(cast.alice, "Sweep")
    assert (found.state, ("Due and not done", 1) in found.facts) == ("paused", True)


def test_a_worker_that_does_not_sweep_says_so(cast, no_other_worker):
    Incarnation().beat()
    assert (check(cast.alice, "Workers").word, check(cast.alice, "Sweep").state) == ("At work", "failed")


def test_a_later_beat_keeps_when_it_swept(worker):
    before = Worker.objects.get(pk=worker.id).swept_at
    worker.beat()
    after = Worker.objects.get(pk=worker.id).swept_at
    assert abs(after - before) < timedelta(seconds=1)


def test_a_broker_that_is_away_is_said_and_the_page_comes(cast, worker, settings):
    settings.BROKER_URL = "redis://127.0.0.1:1/0"
    found = check(cast.alice, "Dispatch")
    assert (found.word, found.state) == ("Broker away", "paused")


def test_the_page_needs_as_many_queries_for_many_runs_as_for_one(cast, worker):
    def count() -> int:
        client = browser(cast.alice)
        client.get(at(cast.alice, "system/"))
        with CaptureQueriesContext(connection) as found:
            client.get(at(cast.alice, "system/"))
        return len(found)

    started(cast)
    one = count()
    for _ in range(6):
        started(cast)
        Incarnation().beat()
    assert count() == one


def test_a_fragment_is_the_state_alone(cast, worker):
    client = browser(cast.alice, HX_Request="true")
    html = client.get(at(cast.alice, "system/")).content.decode()
    assert html.strip().startswith('<div class="stack-loose" id="system-now"')


def test_bands_are_for_members_alone(cast):
    assert browser(cast.charlie).get(at(cast.alice, "bands/")).status_code == 404
