"""kill -9 of a worker at each point of a step and of an action, and what the outside world then knows."""

import pytest

from runs.states import ActionStatus, RunStatus
from tests.crash.stage import wait_for

pytestmark = pytest.mark.crash


def approved_and_killed(stage, people, run, point, *, passes=1):
    """Approve the refund, have the worker killed at `point` (the mail passes it second); returns the refund's effect key."""
    known = len(stage.met(point))
    stage.arm(point, passes=passes)
    assert people.approve_run(run)
    wait_for(lambda: len(stage.met(point)) > known, f"kill at {point}")
    return str(people.action(run).pk)


def stands(people, run, status):
    return wait_for(lambda: people.stands(run, status), f"run that is {status}")


@pytest.mark.parametrize(("point", "readings"), [("step.before", 1), ("step.ran", 2), ("step.done", 1)])
def test_another_worker_goes_on_from_the_last_finished_step(point, readings, stage, people, begin):
    stage.arm(point)
    run = begin()
    wait_for(lambda: stage.met(point), f"kill at {point}")
    stands(people, run, RunStatus.WAITING)
    assert (
        stage.readings(run.subject) == readings
    )  # a step that ended without a record is run again, a finished one is not
    assert people.story(run).count("run.lease_lost") == 1
    assert people.story(run).count("step.done") == 2


def test_a_kill_before_the_claim_commits_leaves_the_claim_to_another(stage, people, held):
    key = approved_and_killed(stage, people, held, "claim.before_commit")
    stands(people, held, RunStatus.DONE)
    assert stage.posts(key) == (1, 1)
    assert people.story(held).count("action.claimed") == 2  # the refund once, and the mail


def test_a_kill_between_claim_and_sending_is_unknown_and_never_sent_again(stage, people, held, begin):
    key = approved_and_killed(stage, people, held, "claim.committed")
    stands(people, held, RunStatus.NEEDS_ATTENTION)
    other = begin()  # while others go on, nobody takes this one up
    wait_for(lambda: people.approve_run(other), "request for a decision")
    stands(people, other, RunStatus.DONE)
    assert people.action(held).status == ActionStatus.UNKNOWN
    assert stage.posts(key) == (0, 0)
    assert not people.settle(people.action(held))
    stands(people, held, RunStatus.PAUSED)
    assert (people.action(held).status, stage.posts(key)) == (ActionStatus.NOT_DONE, (0, 0))


def test_a_kill_between_sending_and_receipt_is_unknown_until_a_probe_finds_the_effect(stage, people, held):
    key = approved_and_killed(stage, people, held, "send.answered")
    stands(people, held, RunStatus.NEEDS_ATTENTION)
    assert (people.action(held).status, stage.posts(key)) == (ActionStatus.UNKNOWN, (1, 1))
    assert people.settle(people.action(held))
    stands(people, held, RunStatus.DONE)
    assert people.action(held).receipt["order"] == held.subject
    assert stage.posts(key) == (1, 1)
    assert stage.letters(str(people.action(held, "send_email").pk)) == 1


@pytest.mark.parametrize(("point", "letters"), [("claim.committed", 0), ("send.answered", 1)])
def test_a_mail_whose_worker_was_killed_is_unknown_and_never_sent_twice(point, letters, stage, people, held):
    approved_and_killed(stage, people, held, point, passes=2)
    stands(people, held, RunStatus.NEEDS_ATTENTION)
    mail = people.action(held, "send_email")
    assert (mail.status, stage.letters(str(mail.pk))) == (ActionStatus.UNKNOWN, letters)
    assert people.settle(mail) == bool(letters)
    stands(people, held, RunStatus.DONE if letters else RunStatus.PAUSED)
    assert stage.letters(str(mail.pk)) == letters


def test_a_kill_after_the_receipt_repeats_nothing(stage, people, held):
    key = approved_and_killed(stage, people, held, "receipt.committed")
    stands(people, held, RunStatus.DONE)
    assert stage.posts(key) == (1, 1)
    assert "action.unknown" not in people.story(held)
    assert people.story(held).count("run.lease_lost") == 1
