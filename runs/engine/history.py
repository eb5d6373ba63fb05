"""What the journal remembers of a run, by path, for one replay."""

from collections.abc import Iterable
from typing import Any

from runs import errors

DONE = ("step.done", "action.done", "wait.resolved")


def _finished(event: Any) -> bool:
    return event.kind in DONE or (event.kind == "action.settled" and event.body["outcome"] == "done")


class History:
    """Loaded once when a lease begins. Finished steps are answered from here."""

    def __init__(self, events: Iterable[Any]) -> None:
        self._last: dict[str, Any] = {}
        self._tries: dict[str, int] = {}
        self._unvisited: set[str] = set()
        for event in events:
            if not event.path:
                continue
            self._last[event.path] = event
            if event.kind == "step.retry":
                self._tries[event.path] = self._tries.get(event.path, 0) + 1
            else:
                self._tries.pop(event.path, None)
            if _finished(event) and not event.path.startswith("undo/"):
                self._unvisited.add(event.path)

    def visit(self, path: str, kinds: tuple[str, ...]) -> Any | None:
        """The last event of `path`. Raises `Nondeterministic` when it belongs to another kind of step."""
        self._unvisited.discard(path)
        event = self._last.get(path)
        if event is not None and not event.kind.startswith(kinds):
            raise errors.Nondeterministic(
                f"The journal holds {event.kind} at {path}, and the code asks for {kinds[0].rstrip('.')} there."
            )
        return event

    def tries(self, path: str) -> int:
        """How often the step at `path` failed since it last ended."""
        return self._tries.get(path, 0)

    def check_complete(self, path: str) -> None:
        """Called before something new happens: all that was finished must have been asked for by now."""
        if self._unvisited:
            left = ", ".join(sorted(self._unvisited)[:3])
            raise errors.Nondeterministic(
                f"The code asks for the new step {path} before {left}, which the journal holds."
            )
