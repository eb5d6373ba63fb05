"""News leaves once the transaction is durable, and a transaction that was rolled back leaves nothing behind."""

import contextlib
import json
import os
from collections.abc import Iterator

import psycopg
import pytest

from tenants import news, scoping


@pytest.fixture
def heard() -> Iterator[psycopg.Connection]:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f"LISTEN {news.CHANNEL}")
        yield connection


def frames(connection: psycopg.Connection, tenant: object) -> list[int]:
    told = [json.loads(notice.payload) for notice in connection.notifies(timeout=5, stop_after=1)]
    return [frame["seq"] for frame in told if frame["tenant"] == str(tenant)]


def announce(actor, *seqs: int) -> None:
    for seq in seqs:
        news.announce_on_commit(tenant=actor.tenant.pk, run=actor.user.pk, seq=seq, about="run")


def test_one_transaction_is_one_frame_with_the_newest_sequence(cast, heard):
    with scoping.tenant(cast.alice.tenant.pk):
        announce(cast.alice, 1, 2, 3)
    assert frames(heard, cast.alice.tenant.pk) == [3]


def test_news_go_on_after_a_transaction_was_rolled_back(cast, heard):
    with contextlib.suppress(ZeroDivisionError), scoping.tenant(cast.alice.tenant.pk):
        announce(cast.alice, 7)
        raise ZeroDivisionError
    with scoping.tenant(cast.alice.tenant.pk):
        announce(cast.alice, 5)
    assert frames(heard, cast.alice.tenant.pk) == [5]


def test_what_changes_for_the_whole_tenant_names_no_run(cast, heard):
    with scoping.tenant(cast.alice.tenant.pk):
        news.announce_tenant(tenant=cast.alice.tenant.pk, about="stops")
    [notice] = heard.notifies(timeout=5, stop_after=1)
    told = json.loads(notice.payload)
    assert (told["tenant"], told["run"], told["about"]) == (str(cast.alice.tenant.pk), None, ["stops"])
