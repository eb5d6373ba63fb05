"""SIGSTOP of a worker past its lease, then SIGCONT: it comes back into a world that went on without it."""

import os
import signal

import pytest

from runs.states import ActionStatus, RunStatus
from tests.crash.stage import wait_for

pytestmark = pytest.mark.crash


def stopped(stage, people, run, point):
    """Approve the refund and have the worker stop at `point`; returns its process id and the effect key."""
    known = set(stage.met(point))
    stage.arm(point, signal.SIGSTOP)
    assert people.approve_run(run)
    (pid,) = wait_for(lambda: set(stage.met(point)) - known, f"stop at {point}")
    return pid, str(people.action(run).pk)


@pytest.fixture
def lost(stage, people, held):
    """Begin with `held`, stop its worker at a point, wait until another worker gave its outcome up."""

    def lose(point):
        pid, key = stopped(stage, people, held, point)
        wait_for(lambda: people.stands(held, RunStatus.NEEDS_ATTENTION), "run that needs attention")
        return pid, key

    return lose


def test_a_late_receipt_of_the_same_attempt_settles_it(stage, people, held, lost):
    pid, key = lost("send.answered")
    assert people.action(held).status == ActionStatus.UNKNOWN
    os.kill(pid, signal.SIGCONT)
    wait_for(lambda: people.stands(held, RunStatus.DONE), "run that is done")
    assert (people.action(held).status, stage.posts(key)) == (ActionStatus.DONE, (1, 1))
    assert people.story(held).count("action.unknown") == 1
    assert stage.letters(str(people.action(held, "send_email").pk)) == 1


def test_a_worker_that_wakes_after_its_claim_does_not_send(stage, people, held, lost):
    pid, key = lost("claim.committed")
    os.kill(pid, signal.SIGCONT)
    wait_for(lambda: stage.logged("stopped working on a run", str(held.pk)), "word of the worker that woke")
    assert (people.action(held).status, stage.posts(key)) == (ActionStatus.UNKNOWN, (0, 0))


def test_a_worker_that_wakes_inside_its_step_writes_nothing(stage, people, begin):
    stage.arm("step.ran", signal.SIGSTOP)
    known = set(stage.met("step.ran"))
    run = begin()
    (pid,) = wait_for(lambda: set(stage.met("step.ran")) - known, "stop at step.ran")
    wait_for(lambda: people.stands(run, RunStatus.WAITING), "request for a decision")
    os.kill(pid, signal.SIGCONT)
    wait_for(lambda: stage.logged("stopped working on a run", str(run.pk)), "word of the worker that woke")
    assert people.story(run).count("step.done") == 2
    assert people.stands(run, RunStatus.WAITING)


def test_a_worker_that_stops_inside_its_claim_loses_its_locks(stage, people, held):
    pid, key = stopped(stage, people, held, "claim.before_commit")  # in a transaction on which recovery waits
    wait_for(lambda: people.stands(held, RunStatus.DONE), "run that another worker finished")
    os.kill(pid, signal.SIGCONT)
    wait_for(lambda: stage.logged("the database failed under a run", str(held.pk)), "word of the worker that woke")
    assert stage.posts(key) == (1, 1)
    assert people.story(held).count("action.claimed") == 2  # the refund once, and the mail
