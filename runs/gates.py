"""Where people come in. The gate is loaded from settings; unset or crashing, everything is held."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from runs import errors

ALLOW, HOLD, DENY = "allow", "hold", "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What policy says of one action, and which rule said so."""

    result: str  # allow, hold or deny
    rule: str  # "policy 3, rule refunds-over-25", or the name of what crashed
    why: str  # one sentence for people
    policy_version: int | None = None
    quorum: int = 1  # distinct eligible persons needed when held
    deciders: tuple[str, ...] = ("owner", "admin", "reviewer")  # roles that may vote
    expires_after_s: float = 86_400.0
    hold_window_s: float = 0.0  # seconds between approval and the earliest claim
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """The claim may go on. `by` are the ids of the persons whose votes counted."""

    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The claim may not go on now. `final` says that waiting will not help."""

    code: str  # mismatch, expired, stale, too_early, rejected, policy_stricter, quorum
    why: str
    final: bool = False
    not_before: datetime | None = None  # for too_early


class Gate(Protocol):
    """All calls come inside a transaction of the action's tenant; none of them may send anything."""

    def decide(self, action: Any) -> Verdict:
        """What policy says now. Reads only."""

    def hold(self, action: Any, verdict: Verdict) -> datetime:
        """Open the request that people will see; returns when it expires."""

    def lock(self, action: Any) -> None:
        """Lock whatever `permit` will read (the approval row), in its own statement."""

    def permit(self, action: Any, digest: str) -> Permit | Refusal:
        """Whether the action may be executed at this moment, in a statement after `lock`."""

    def reopen(self, action: Any, refusal: Refusal) -> Verdict:
        """Permission no longer stands: the request goes back to people (approved -> pending), under this verdict."""

    def expire(self, action: Any) -> bool:
        """Close the request if its time is over by the database's clock; True when this call did it."""

    def close(self, action: Any, reason: str) -> None:
        """Close an open request because its run ended."""


class HoldEverything:
    """What stands in when no gate is configured: everything is held and nobody can release it."""

    def decide(self, action: Any) -> Verdict:
        return Verdict(result=HOLD, rule="no gate", why="No gate is configured, so everything is held.")

    def hold(self, action: Any, verdict: Verdict) -> datetime:
        raise errors.HoldpointError("No gate is configured: set HOLDPOINT_GATE, then resume the run.")

    def lock(self, action: Any) -> None:
        return None

    def permit(self, action: Any, digest: str) -> Permit | Refusal:
        return Refusal(code="quorum", why="No gate is configured, so nobody can have approved.")

    def reopen(self, action: Any, refusal: Refusal) -> Verdict:
        return self.decide(action)

    def expire(self, action: Any) -> bool:
        return False

    def close(self, action: Any, reason: str) -> None:
        return None


@cache
def _load(path: str) -> Gate:
    return import_string(path)() if path else HoldEverything()


def gate() -> Gate:
    """The configured gate."""
    return _load(settings.HOLDPOINT_GATE)
