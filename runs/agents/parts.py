"""The three parts of an agent, each behind a small Protocol: what plans, what acts, and what remembers.

A workflow takes them apart, so that a planner or a model is swapped without touching tools or memory.
`runs.engine.context.Context` is tools and memory of a running run; `runs.agents.planner` is the planner.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from runs.agents.models import Completion
from runs.engine.subjects import Standing

if TYPE_CHECKING:
    from runs.engine.context import Context


class Planner(Protocol):
    def ask(self, task: str, facts: dict[str, Any]) -> Completion:
        """What to do or say next, as text that still has to pass a contract. Raises `errors.ToolError`."""


class Tools(Protocol):
    def act(
        self,
        tool: str,
        arguments: Any,
        *,
        name: str = "",
        once: str = "",
        evidence: Sequence[dict[str, Any]] = (),
        reasoning: str = "",
    ) -> Any:
        """Have a tool do something outside if policy and people permit. Raises `ActionRefused` or `ActionFailed`."""


class Memory(Protocol):
    def recall(self) -> Standing:
        """What is known of the subject now."""

    def remember(self, **facts: Any) -> None:
        """Write facts down for later runs."""

    def forbid_contact(self, why: str, by: str) -> None:
        """From now on nobody contacts the subject."""

    def events(self, event: str) -> list[Any]:
        """What came from outside and no run has taken."""

    def keep(self, name: str, content: str, *, kind: str, title: str, media_type: str = "text/plain") -> None:
        """Store something the run made or read."""


if TYPE_CHECKING:

    def _parts_of(ctx: Context) -> tuple[Tools, Memory]:
        """A running run is both, as the type checker sees to."""
        return ctx, ctx
