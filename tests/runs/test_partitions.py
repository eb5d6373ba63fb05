"""The journal has a partition for the months to come before they come."""

import psycopg
import pytest
from django.db import connection

from runs.engine import recovery
from tests.runs.worlds import carry_out, started

pytestmark = pytest.mark.usefixtures("database")


def partitions() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'runs_event'::regclass")
        return {name for (name,) in cursor.fetchall()}


def test_missing_partitions_are_made_once_by_the_application_role():
    before = partitions()
    made = recovery.make_partitions(months_ahead=6)
    assert made == len(partitions() - before)
    assert len(partitions()) >= 8
    assert recovery.make_partitions(months_ahead=6) == 0


def test_a_sweep_looks_for_them_and_then_not_for_an_hour(monkeypatch):
    looked = []
    monkeypatch.setattr(recovery, "make_partitions", lambda: looked.append(1) or 0)
    monkeypatch.setitem(recovery._next_look, "partitions", 0.0)
    recovery.sweep([])
    recovery.sweep([])
    assert looked == [1]


def test_a_run_of_today_is_not_in_the_default_partition(cast, owner_url):
    run = carry_out(started(cast))
    with psycopg.connect(owner_url) as connection:
        strays = connection.execute("SELECT count(*) FROM runs_event_default WHERE run_id = %s", [run.pk]).fetchone()
        journal = connection.execute("SELECT count(*) FROM runs_event WHERE run_id = %s", [run.pk]).fetchone()
    assert (strays, journal) == ((0,), (run.head,))
