"""Threads with a database connection of their own, and what the server says of them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from runs import errors
from tenants import scoping
from tests.concurrency.stops import LONGEST_S, Stop

LOCK_TIMEOUT = "15s"  # whoever waits longer fails the test instead of hanging it
PACE_S = 0.01  # between two looks at the server


class Rival:
    """One piece of work on a connection of its own. `outcome` is "ok", the code of its error, or its crash."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._began, self._ended = threading.Event(), threading.Event()
        self.pid, self.outcome, self.value = 0, "", None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._began.wait(LONGEST_S), "the rival got no connection"

    def _run(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
                cursor.execute("SELECT pg_backend_pid()")
                self.pid = cursor.fetchone()[0]
            self._began.set()
            self.value = self._work()
            self.outcome = "ok"
        except errors.LeaseLost:
            self.outcome = "lease_lost"
        except errors.HoldpointError as error:
            self.outcome = error.code
        except BaseException as error:  # noqa: BLE001  the test reads it
            self.outcome = f"{type(error).__name__}: {error}"
        finally:
            connection.close()
            self._ended.set()
            self._began.set()

    def waits_for(self, *pids: int) -> None:
        """Return once the server says that this rival is blocked by one of `pids`; fail when it ends before."""
        until(lambda: self._alive("it did not wait") and bool(set(blockers(self.pid)) & set(pids)))

    def settles(self) -> bool:
        """Return once the rival is blocked by anybody (True) or has ended (False)."""
        until(lambda: self._ended.is_set() or bool(blockers(self.pid)))
        return not self._ended.is_set()

    def reaches(self, stop: Stop) -> None:
        """Return once the rival stands at the armed point; fail when it ends before."""
        until(lambda: stop.met.is_set() or not self._alive("it never came there"))

    def _alive(self, complaint: str) -> bool:
        assert not self._ended.is_set(), f"{complaint}, it ended with {self.outcome}"
        return True

    def result(self) -> str:
        """The outcome, once it has ended."""
        assert self._ended.wait(LONGEST_S), "the rival never ended"
        self._thread.join(LONGEST_S)
        return self.outcome


def until(holds: Callable[[], bool]) -> None:
    """Return once `holds` says so; fail after the guard's time."""
    pace = threading.Event()
    for _ in range(int(LONGEST_S / PACE_S)):
        if holds():
            return
        pace.wait(PACE_S)
    raise AssertionError("it never came to be")


def blockers(pid: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_blocking_pids(%s)", [pid])
        return cursor.fetchone()[0]


def my_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


@contextmanager
def in_the_way(tenant_id: Any, take: Callable[[], Any]) -> Iterator[int]:
    """Hold what `take` locks or inserts on this connection, so that a rival stalls there; nothing of it stays."""
    with scoping.tenant(tenant_id):
        take()
        yield my_pid()
        transaction.set_rollback(True)
