"""The embedded worker: one process, a pool of threads, woken by PostgreSQL itself."""

import logging
import signal
import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg
from django.conf import settings
from django.db import DatabaseError, OperationalError, close_old_connections, connection

from runs import agents
from runs.engine import inboxes, recovery
from runs.engine.worker import Incarnation, Lease

log = logging.getLogger(__name__)
CHANNEL = "holdpoint_work"
POLL_S = 0.5  # how long a lost message can delay a run
SWEEP_S = 1.0
WORKFLOWS = agents.__all__


class NotifyDispatch:
    """Dispatch by NOTIFY: no broker, and nothing to lose."""

    def wake(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")


class Loop:
    """Claims ready runs while a thread is free, beats, sweeps, and ends when told."""

    def __init__(self, *, threads: int, tenants: Sequence[uuid.UUID] | None = None) -> None:
        self._threads, self._tenants = threads, tenants
        self._incarnation = Incarnation()
        self._free = threading.Semaphore(threads)
        self._woken = threading.Event()
        self._ending = threading.Event()
        self._drained = threading.Event()  # nothing is in hand any more

    def end(self, *_: object) -> None:
        self._ending.set()
        self._woken.set()

    def run(self) -> None:
        """Work until `end` is called; then finish what is in hand and give the leases back."""
        self._incarnation.beat()
        beater = threading.Thread(target=self._beat, name="_beat", daemon=True)
        tasks = (self._listen, self._sweep, self._read_inboxes)
        for thread in (beater, *(threading.Thread(target=task, daemon=True) for task in tasks)):
            thread.start()
        log.info("the worker is ready", extra={"worker": self._incarnation.id, "threads": self._threads})
        with ThreadPoolExecutor(self._threads, thread_name_prefix="run") as pool:
            while not self._ending.is_set():
                if not self._claim(pool):
                    self._woken.wait(POLL_S)
                    self._woken.clear()
        self._drained.set()
        beater.join(self._incarnation.lease_s)
        self._incarnation.stop()

    def _claim(self, pool: ThreadPoolExecutor) -> bool:
        """Hand ready runs to free threads; False when there was nothing to do or no thread."""
        free = 0
        while free < self._threads and self._free.acquire(blocking=False):
            free += 1
        leases: list[Lease] = []
        if free:
            try:
                leases = self._incarnation.claim_ready(free, self._tenants)
            except DatabaseError as error:
                _tell(error)
        for _ in range(free - len(leases)):
            self._free.release()
        for lease in leases:
            pool.submit(self._work, lease)
        return bool(leases)

    def _work(self, lease: Lease) -> None:
        try:
            self._incarnation.execute(lease)
        except Exception:
            log.exception("the engine failed under a run", extra={"run": lease.run})
        finally:
            self._free.release()
            self._woken.set()

    def _beat(self) -> None:
        """Also while what is in hand is finished: a lease that ran out would make it an unknown outcome."""
        while not self._drained.wait(self._incarnation.lease_s / 4):
            self._guarded(self._incarnation.beat)

    def _sweep(self) -> None:
        while not self._ending.wait(SWEEP_S):
            self._guarded(self._look)

    def _look(self) -> None:
        recovery.sweep(self._tenants)
        self._incarnation.swept()

    def _read_inboxes(self) -> None:
        """In a thread of its own: a mail server that hangs must not delay timers."""
        while settings.HOLDPOINT_INBOXES and not self._ending.wait(settings.HOLDPOINT_INBOX_SECONDS):
            self._guarded(inboxes.read_all)

    def _guarded(self, work) -> None:  # type: ignore[no-untyped-def]
        try:
            close_old_connections()
            work()
        except DatabaseError as error:
            _tell(error)
        except Exception:  # the thread has to live: without it leases end and nothing is swept
            log.exception("a task of the worker failed; trying again")
            connection.close()

    def _listen(self) -> None:
        """Turn NOTIFY into a wake-up. Without a direct connection the poll carries on alone."""
        while not self._ending.is_set():
            try:
                with psycopg.connect(settings.DATABASE_DIRECT_URL, autocommit=True) as direct:
                    direct.execute(f"LISTEN {CHANNEL}")
                    for _ in direct.notifies():
                        self._woken.set()
            except psycopg.Error as error:
                log.warning("listening was interrupted; the poll carries on", extra={"why": error})
                self._ending.wait(POLL_S)


def _tell(error: DatabaseError) -> None:
    """Log it, and take another session next time. One that is away is told several times a second: no traceback then."""
    trace = None if isinstance(error, OperationalError) else error
    log.error("the database does not answer; trying again", exc_info=trace, extra={"why": error})
    connection.close()


def work(*, threads: int) -> None:
    """Run the loop in this process until SIGTERM or SIGINT."""
    loop = Loop(threads=threads)
    signal.signal(signal.SIGTERM, loop.end)
    signal.signal(signal.SIGINT, loop.end)
    loop.run()
