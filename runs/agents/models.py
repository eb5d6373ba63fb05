"""The model behind a planner, as one small Protocol: what it is asked, and what it said."""

from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a model is asked: a task by name, and the facts it may use."""

    task: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What it said, and what that took."""

    text: str  # JSON of the task's contract; untrusted until it passed a guardrail
    model: str  # the one that really answered, as the provider names it
    tokens_in: int
    tokens_out: int
    cost_micros: int | None = None  # millionths of a US dollar; None when the price is not known
    latency_ms: float = 0.0
    prompt: str = ""  # name and version of the prompt, "write_outreach@1"


class Model(Protocol):
    name: str

    def complete(self, prompt: Prompt) -> Completion:
        """Answer the prompt. Raises `errors.ToolError` when the provider does not, `errors.BrokenContract` for rubbish."""


class Spent(BaseModel):
    """What a step of the model took, as the trace shows it; the steps' own results derive from it."""

    model: str
    prompt: str
    tokens_in: int
    tokens_out: int
    cost_micros: int | None
    latency_ms: float
    note: str


def spent(said: Completion) -> dict[str, Any]:
    """The fields of `Spent`, with a line for people: "gpt-5, 812 tokens, $0.0034"."""
    cost = f", ${said.cost_micros / 1_000_000:.4f}" if said.cost_micros else ""
    return {
        "model": said.model,
        "prompt": said.prompt,
        "tokens_in": said.tokens_in,
        "tokens_out": said.tokens_out,
        "cost_micros": said.cost_micros,
        "latency_ms": said.latency_ms,
        "note": f"{said.model}, {said.tokens_in + said.tokens_out} tokens{cost}",
    }
