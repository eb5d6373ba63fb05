"""One stage and one desk for a module of crash tests, and two workers that are replaced when they die."""

import itertools
import signal
from collections.abc import Callable, Iterator

import pytest

from runs.models import Run
from runs.states import RunStatus
from tests.crash import desk
from tests.crash.joined import joined
from tests.crash.stage import Stage, staged, wait_for

LEASE_S = 1.5


@pytest.fixture(scope="module")
def stage(tmp_path_factory, django_db_blocker) -> Iterator[Stage]:
    place = tmp_path_factory.mktemp("crash") / "stage"
    with staged(place, lease_s=LEASE_S) as made, django_db_blocker.unblock(), joined(made):
        yield made


@pytest.fixture(scope="module")
def people(stage: Stage) -> desk.Desk:
    return desk.opened(desk.RULES)


@pytest.fixture(scope="module")
def numbers() -> Iterator[str]:
    return (f"NW-{number}" for number in itertools.count(91_000))


@pytest.fixture
def begin(stage: Stage, people: desk.Desk, numbers: Iterator[str]) -> Iterator[Callable[[], Run]]:
    """Start a run on the next order, with two workers there. Afterwards every journal tells what its rows tell."""
    stage.keep_workers(2)
    yield lambda: people.start(next(numbers))
    stage.disarm()
    for worker in stage.workers:
        if worker.alive():
            worker.process.send_signal(signal.SIGCONT)
    assert [told for told in people.facts(stage).runs if told.row != told.journal] == []


@pytest.fixture
def held(begin: Callable[[], Run], people: desk.Desk) -> Run:
    """A run whose refund waits for a decision."""
    run = begin()
    wait_for(lambda: people.stands(run, RunStatus.WAITING), "request for a decision")
    return run
