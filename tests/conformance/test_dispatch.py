"""What every dispatcher owes the engine: each ready run is carried out once, whatever becomes of the messages."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.utils.module_loading import import_string

from runs.states import RunStatus
from tests import servers
from tests.conformance import dispatchers
from tests.crash.stage import ROOT, wait_for

LOADED = "import django; django.setup(); from runs import dispatch as d; d._load(d.settings.HOLDPOINT_DISPATCH)"
NUMBERS = (f"NW-{number}" for number in itertools.count(92_000))


def carried_out(stage, people, run):
    wait_for(lambda: people.stands(run, RunStatus.DONE), "run that is done", within_s=30)
    assert stage.posts(str(people.action(run).pk)) == (1, 1)
    assert stage.letters(str(people.action(run, "send_email").pk)) == 1
    assert people.story(run).count("run.done") == 1
    return True


def test_a_started_run_is_carried_out(workers, people):
    assert carried_out(workers, people, people.start(next(NUMBERS)))


def test_a_run_whose_message_is_lost_is_found(workers, people, settings):
    settings.HOLDPOINT_DISPATCH = "tests.conformance.dispatchers.Loses"
    assert carried_out(workers, people, people.start(next(NUMBERS)))


def test_ten_messages_for_one_run_are_one_execution(workers, people, dispatch):
    run = people.start(next(NUMBERS))
    for _ in range(10):
        import_string(dispatch)().wake()
    assert carried_out(workers, people, run)
    assert workers.readings(run.subject) == 1
    assert people.story(run).count("action.claimed") == 2


def test_another_worker_takes_over_from_one_that_was_killed(workers, people):
    workers.arm("step.ran", signal.SIGSTOP)
    run = people.start(next(NUMBERS))
    (held,) = wait_for(lambda: workers.met("step.ran"), "worker in the middle of the run")
    main = next(worker.process for worker in workers.workers if worker.process.pid in (held, parent(held)))
    main.kill()
    main.wait(10)
    if held != main.pid:
        os.kill(held, signal.SIGKILL)
    assert carried_out(workers, people, run)
    assert workers.readings(run.subject) == 2
    assert "run.lease_lost" in people.story(run)


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def test_a_broker_that_is_away_costs_time_and_nothing_else(workers, people, kind):
    scheme = "amqp" if kind == "rabbitmq" else "redis"
    away = f"{scheme}://127.0.0.1:{servers.free_port()}/"
    with dispatchers.speaking_to(away):
        began = time.monotonic()
        run = people.start(next(NUMBERS))
        assert time.monotonic() - began < 3
    assert carried_out(workers, people, run)


@pytest.mark.celery
@pytest.mark.parametrize("first", ["import config.asgi", LOADED])
def test_every_process_sends_its_messages_to_the_configured_broker(first):
    url = "redis://127.0.0.1:1/7"
    look = "from runs import tasks; print(tasks.look.app.conf.broker_url)"
    env = os.environ | {"BROKER_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"}
    said = subprocess.run(
        [sys.executable, "-c", f"{first}; {look}"], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == url
