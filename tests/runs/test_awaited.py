"""What a run waits for, told from its events: with the end of the wait, wherever the clock was moved to."""

import uuid
from datetime import datetime, timedelta
from types import SimpleNamespace

from django.utils import timezone

from runs import awaited

RUN = uuid.uuid4()


def run(waiting_for: str = "event", status: str = "waiting", workflow: str = "outbound") -> SimpleNamespace:
    display = {"event": "for an event", "timer": "for a time", "slot": "for its turn"}.get(
        waiting_for, "for a decision"
    )
    return SimpleNamespace(
        pk=RUN,
        status=status,
        waiting_for=waiting_for,
        workflow=SimpleNamespace(name=workflow),
        get_waiting_for_display=lambda: display,
    )


def opened(due: datetime | None) -> SimpleNamespace:
    return SimpleNamespace(run_id=RUN, kind="wait.opened", body={"due": due.isoformat() if due else None})


def moved(days: int) -> SimpleNamespace:
    return SimpleNamespace(run_id=RUN, kind="clock.moved", body={"by_s": days * 86400})


def test_an_event_is_called_what_its_workflow_calls_it():
    assert awaited.what(run()) == "for a reply"
    assert awaited.what(run(workflow="refund_desk")) == "for an event"


def test_the_end_of_a_wait_stands_in_its_sentence():
    due = timezone.now() + timedelta(days=3)
    assert awaited.told(run(), [opened(due)]) == ("It waits for a reply", f" until {due:%-d %B, %H:%M} UTC.")


def test_a_clock_that_was_moved_moves_the_end():
    due = timezone.now() + timedelta(days=3)
    _, until = awaited.told(run(), [moved(1), opened(due), moved(1)])
    assert until == f" until {due - timedelta(days=1):%-d %B, %H:%M} UTC."


def test_a_wait_without_an_end_names_none():
    assert awaited.told(run(), [opened(None)]) == ("It waits for a reply", ".")


def test_a_decision_and_a_run_that_is_over_are_told_elsewhere():
    assert awaited.told(run("approval"), []) == ("", "")
    assert awaited.told(run(status="done"), []) == ("", "")


def test_who_waits_for_its_turn_is_told_why():
    assert awaited.told(run("slot"), [])[0] == "Another run works on them"
