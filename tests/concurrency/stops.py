"""Stops one thread at a named point of the claim, so that a test decides what happens meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST_S = 20.0  # a guard; nothing in these tests waits for it
CLAIM_POINTS = (
    "claim.advisory",
    "claim.action_locked",
    "claim.approval_locked",
    "claim.checked",
    "claim.before_commit",
)


class Stop:
    """`met` once a thread has reached the point; it goes on after `go`."""

    def __init__(self) -> None:
        self.met, self.go = threading.Event(), threading.Event()


_armed: dict[tuple[str, str], Stop] = {}
_lock = threading.Lock()


def hook(point: str, subject: str) -> None:
    """What HOLDPOINT_BOUNDARIES names. The first thread that reaches an armed point stops; later ones pass."""
    with _lock:
        stop = _armed.pop((point, subject), None)
    if stop is None:
        return
    stop.met.set()
    if not stop.go.wait(LONGEST_S):
        raise TimeoutError(f"nobody let {point} go on")


@contextmanager
def armed(point: str, subject: object) -> Iterator[Stop]:
    """Arm `point` for `subject`. At the end the stopped thread goes on, also when the test failed."""
    stop = Stop()
    with _lock:
        _armed[point, str(subject)] = stop
    try:
        yield stop
    finally:
        stop.go.set()
        with _lock:
            _armed.pop((point, str(subject)), None)
