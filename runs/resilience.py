"""What is worth trying again, and when. A policy returns a decision; it never sleeps, writes or dispatches."""

import random
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDecision:
    """Try again after `delay_s` seconds, or give up when it is None."""

    delay_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Up to `attempts` tries, waiting `first_s`, twice that, and so on, each with jitter; Retry-After wins when longer."""

    attempts: int = 3
    first_s: float = 1.0
    most_s: float = 60.0
    jitter: float = 0.2  # share of the delay that is random

    def decide(self, error: Any, attempt: int) -> RetryDecision:
        """`error` is retried when it says `retryable`; `attempt` counts from 1."""
        if not getattr(error, "retryable", False) or attempt >= self.attempts:
            return RetryDecision(delay_s=None)
        delay = self.first_s * 2 ** (attempt - 1) * (1 + random.uniform(0, self.jitter))  # noqa: S311
        asked = getattr(error, "retry_after", None) or 0.0
        return RetryDecision(delay_s=min(max(delay, asked), self.most_s))
