"""A stage for each dispatcher, with two workers of its kind."""

from collections.abc import Iterator

import pytest

from tests.conformance import dispatchers
from tests.crash import desk
from tests.crash.joined import joined
from tests.crash.stage import Stage, staged

LEASE_S = 1.5
CELERY = "config.dispatch.CeleryDispatch"
KINDS = {"embedded": "runs.embedded.NotifyDispatch", "redis": CELERY, "rabbitmq": CELERY}
BROKERS = [pytest.param(name, marks=pytest.mark.celery) for name in ("redis", "rabbitmq")]


@pytest.fixture(scope="module", params=[pytest.param("embedded"), *BROKERS])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def stage(kind: str, tmp_path_factory, django_db_blocker) -> Iterator[Stage]:
    place = tmp_path_factory.mktemp("conformance") / "stage"
    if kind == "embedded":
        with staged(place, lease_s=LEASE_S) as made, django_db_blocker.unblock(), joined(made):
            yield made
        return
    with dispatchers.BROKERS[kind](place.parent / "broker") as url:
        with staged(place, lease_s=LEASE_S, worker_argv=dispatchers.WORKER, BROKER_URL=url) as made:
            with dispatchers.beat(made), django_db_blocker.unblock(), joined(made), dispatchers.speaking_to(url):
                yield made


@pytest.fixture(scope="module")
def people(stage: Stage) -> desk.Desk:
    return desk.opened(desk.ALLOW)


@pytest.fixture
def dispatch(kind: str, settings) -> str:
    """The dispatcher under test, as this process wakes workers."""
    settings.HOLDPOINT_DISPATCH = KINDS[kind]
    return KINDS[kind]


@pytest.fixture
def workers(stage: Stage, dispatch: str) -> Iterator[Stage]:
    stage.keep_workers(2)
    yield stage
    stage.disarm()
