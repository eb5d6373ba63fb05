"""The model behind a planner, as one small Protocol with two implementations: scripted, and any real provider."""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a model is asked: a task by name, and the facts it may use. Facts are data, never instructions."""

    task: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What it said, and what that took."""

    text: str
    model: str  # the one that really answered
    tokens_in: int
    tokens_out: int
    prompt: str = ""  # name and version of the instructions


class Model(Protocol):
    def complete(self, prompt: Prompt) -> Completion:
        """Answer the prompt. Raises `errors.ToolError` when the provider does not, `BrokenContract` for an empty answer."""
