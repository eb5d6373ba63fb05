"""What a run did, in words: pure functions from facts to sentences. Names of states are here and nowhere else."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from runs.states import ACTION_FINAL, ActionStatus, RunStatus, StepStatus, WaitKind
from runs.words import counted, listed, money

A, R, S = ActionStatus, RunStatus, StepStatus
STRONG = "strong"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A state as people see it: its colour family, its word, and whether it waits for no person (outlined)."""

    kind: str
    word: str
    outlined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of the paragraph. `tone` is empty, strong, or the colour family of a state."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """An action with side effects, as far as its story goes."""

    id: Any
    path: str
    tool: str
    status: str
    arguments: dict[str, Any]
    receipt: dict[str, Any] | None = None
    error: str = ""
    refused_code: str = ""
    undoes: bool = False
    idempotent: bool = False
    can_probe: bool = False
    can_undo: bool = False
    by: tuple[str, ...] = ()  # who approved; empty when policy allowed it
    decided_at: datetime | None = None
    settled_by: str = ""  # a person, or "the service itself" after a probe
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the story of a run is told from."""

    status: str
    waiting_for: str = ""
    workflow: str = ""
    subject: str = ""
    input: dict[str, Any] = field(default_factory=dict)
    result: Any = None
    error: dict[str, Any] | None = None
    failed_path: str = ""
    failed_attempts: int = 1
    stop_requested: bool = False
    undo: bool = False
    steps: tuple[tuple[str, str, bool], ...] = ()  # path, status, kept from the run before
    deeds: tuple[Deed, ...] = ()
    ended_by: str = ""  # who cancelled it or had it go on elsewhere
    ended_why: str = ""
    goes_on: bool = False  # another run continues this one


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolWords:
    """How to speak of one tool."""

    thing: Callable[[dict[str, Any]], str]  # "the refund of £248.00 to Priya Raman"
    did: Callable[[dict[str, Any]], str]  # "refunded £248.00 to card ending 4417"
    was: str  # "paid"
    provider: str  # "the ledger"
    twice: Callable[[dict[str, Any]], str]  # what a second one would do


def _money(given: dict[str, Any]) -> str:
    return money(given.get("amount_minor", 0), given.get("currency", ""))


TOOLS = {
    "refund_payment": ToolWords(
        thing=lambda a: f"the refund of {_money(a)} to {a.get('customer', 'the customer')}",
        did=lambda a: f"refunded {_money(a)} to {a.get('paid_with', 'the way it was paid')}",
        was="paid",
        provider="the ledger",
        twice=lambda a: f"a second one could pay {_money(a)} twice",
    ),
    "reverse_refund": ToolWords(
        thing=lambda a: f"taking back the refund of {_money(a)} from {a.get('customer', 'the customer')}",
        did=lambda a: f"took back the refund of {_money(a)}",
        was="taken back",
        provider="the ledger",
        twice=lambda a: f"a second one could take {_money(a)} twice",
    ),
    "send_email": ToolWords(
        thing=lambda a: f"the e-mail to {a.get('to', 'the customer')}",
        did=lambda a: f"sent an e-mail to {a.get('to', 'the customer')}",
        was="sent",
        provider="the mail server",
        twice=lambda a: f"a second one could reach {a.get('name') or a.get('to', 'the customer')}",
    ),
}
STEPS = {
    "read_order": "read the order",
    "draft_refund": "drafted a proposal",
    "write_letter": "wrote the confirmation",
}
_RUN = {
    R.QUEUED: ("running", "Queued"),
    R.RUNNING: ("running", "Running"),
    R.RETRYING: ("running", "Trying again"),
    R.BLOCKED: ("paused", "Blocked"),
    R.PAUSED: ("paused", "Paused"),
    R.NEEDS_ATTENTION: ("unknown", "Needs attention"),
    R.COMPENSATING: ("compensated", "Being undone"),
    R.DONE: ("done", "Done"),
    R.PARTLY_DONE: ("done", "Partly done"),
    R.FAILED: ("failed", "Failed"),
    R.COMPENSATED: ("compensated", "Undone"),
    R.CANCELLED: ("cancelled", "Cancelled"),
    R.OVER_BUDGET: ("failed", "Over budget"),
}
_WAITS = {
    WaitKind.TIMER: "Waiting for a time",
    WaitKind.EVENT: "Waiting for an event",
    WaitKind.ANSWER: "Waiting for an answer",
    WaitKind.CHILD: "Waiting for another run",
    WaitKind.SLOT: "Waiting for its turn",
}
_STEP = {
    S.RUNNING: ("running", "Running"),
    S.WAITING: ("waiting", "Waiting"),
    S.RETRYING: ("running", "Trying again"),
    S.DONE: ("done", "Done"),
    S.FAILED: ("failed", "Failed"),
    S.UNKNOWN: ("unknown", "Outcome unknown"),
    S.REFUSED: ("cancelled", "Refused"),
}
_ACTION = {
    A.PROPOSED: ("running", "Proposed"),
    A.HELD: ("waiting", "Waiting for a decision"),
    A.READY: ("running", "Waiting for execution"),
    A.CLAIMED: ("running", "Being executed"),
    A.UNKNOWN: ("unknown", "Outcome unknown"),
    A.DONE: ("done", "Done"),
    A.FAILED: ("failed", "Failed"),
    A.NOT_DONE: ("failed", "Not done"),
}
_REFUSED = {
    "rejected": ("failed", "Rejected"),
    "denied": ("failed", "Denied by policy"),
    "expired": ("cancelled", "Expired"),
    "cancelled": ("cancelled", "Cancelled"),
    "stale": ("cancelled", "Stale"),
}
GROUPS: dict[str, tuple[str, str, tuple[str, ...]]] = {  # address word -> (colour family, label, states)
    "waiting": ("waiting", "Waiting", (R.WAITING,)),
    "running": ("running", "Running", (R.QUEUED, R.RUNNING, R.RETRYING)),
    "attention": ("unknown", "Need attention", (R.NEEDS_ATTENTION,)),
    "paused": ("paused", "Paused", (R.PAUSED, R.BLOCKED)),
    "failed": ("failed", "Failed", (R.FAILED, R.OVER_BUDGET)),
    "undone": ("compensated", "Undone", (R.COMPENSATING, R.COMPENSATED)),
    "cancelled": ("cancelled", "Cancelled", (R.CANCELLED,)),
    "done": ("done", "Done", (R.DONE, R.PARTLY_DONE)),
}


def of_run(status: str, *, waiting_for: str = "", error_code: str = "", stop_requested: bool = False) -> State:
    if stop_requested and status not in (R.CANCELLED, R.FAILED, R.DONE):
        return State(kind="paused", word="Stop requested")
    if status == R.WAITING:
        if waiting_for in _WAITS:
            return State(kind="waiting", word=_WAITS[WaitKind(waiting_for)], outlined=True)
        return State(kind="waiting", word="Waiting for a decision")
    if status == R.NEEDS_ATTENTION and error_code == "outcome_unknown":
        return State(kind="unknown", word="Outcome unknown")
    kind, word = _RUN[RunStatus(status)]
    return State(kind=kind, word=word)


def of_step(status: str) -> State:
    kind, word = _STEP[StepStatus(status)]
    return State(kind=kind, word=word)


def of_action(status: str, refused_code: str = "") -> State:
    if status == A.DENIED:
        kind, word = _REFUSED.get(refused_code, ("cancelled", "Refused"))
    else:
        kind, word = _ACTION[ActionStatus(status)]
    return State(kind=kind, word=word)


def words_of(tool: str) -> ToolWords:
    """How to speak of `tool`; a tool nobody described is called by its name."""
    return TOOLS.get(tool) or ToolWords(
        thing=lambda _: tool,
        did=lambda _: f"carried out {tool}",
        was="done",
        provider="the service",
        twice=lambda _: "a second one could do it twice",
    )


def now_line(status: str, waiting_for: str, error: dict[str, Any] | None, result: dict[str, Any]) -> str:
    """One line for lists: where the run stands and, when it stands still, why."""
    if status in (R.PAUSED, R.BLOCKED, R.NEEDS_ATTENTION, R.FAILED, R.RETRYING) and error:
        return str(error.get("message", ""))
    if status == R.WAITING:
        return {"": "Waits", WaitKind.APPROVAL: "Nothing is sent until somebody decides"}.get(
            waiting_for, f"Waits {WaitKind(waiting_for).label}" if waiting_for else "Waits"
        )
    if status == R.DONE and result.get("outcome") == "refunded" and result.get("amount_minor") is not None:
        return f"Refunded {money(int(result['amount_minor']), result.get('currency') or '')}"
    if status == R.DONE and result.get("outcome") == "declined":
        return f"No refund. {result.get('why') or ''}".strip()
    return {
        R.QUEUED: "A worker will take it",
        R.RUNNING: "A worker has it",
        R.RETRYING: "A step failed and is tried again by itself",
        R.COMPENSATING: "What it did is being undone",
        R.COMPENSATED: "What it did was undone",
        R.CANCELLED: "A person ended it",
        R.FAILED: "It stands at a failed step",
    }.get(RunStatus(status), "")


def paragraph(facts: Facts) -> tuple[Span, ...]:
    """The paragraph that leads the run page: what it is for, what happened, what did not."""
    spans: list[Span] = [Span(text=_intro(facts)), *_worked(facts)]
    for deed in facts.deeds:
        spans += _deed(deed)
    return tuple(spans + _ending(facts))


def _intro(facts: Facts) -> str:
    if facts.undo and not facts.input.get("story"):
        return f"This run undoes what was done about {facts.subject}."
    if facts.undo:
        return f"What was done about order {facts.subject} is being taken back."
    if facts.workflow == "refund_desk":
        return f"This run settles what {facts.input.get('email', 'a customer')} asks about order {facts.subject}."
    return f"This run is about {facts.subject}." if facts.subject else "This run has no subject."


def _worked(facts: Facts) -> list[Span]:
    mine, kept = [], []
    for path, status, inherited in facts.steps:
        if status == S.DONE:
            (kept if inherited else mine).append(path.split("#")[0])
    spans = []
    if kept:
        spans.append(Span(text=f" {counted(len(kept), 'step was', 'steps were')} finished by the run before and not run again."))
    if mine:
        spans.append(Span(text=f" It {listed([_times(name, mine) for name in dict.fromkeys(mine)])}."))
    return spans


def _times(name: str, names: list[str]) -> str:
    words, count = STEPS.get(name, f"finished {name}"), names.count(name)
    return words if count == 1 else f"{words} {count} times" if count > 2 else f"{words} twice"


def _deed(deed: Deed) -> list[Span]:
    words = words_of(deed.tool)
    thing, why = words.thing(deed.arguments), _sentence(deed.error)
    if deed.status == A.DONE:
        return [Span(text=f" {_permitted(deed)}"), Span(text=words.did(deed.arguments), tone=STRONG), Span(text=_settled(deed))]
    if deed.status == A.HELD:
        return [Span(text=" "), Span(text=f"{_upper(thing)} waits for a decision", tone="waiting"),
                Span(text=f": nothing is {words.was} until somebody approves it.")]
    if deed.status == A.UNKNOWN:
        return [Span(text=" "), Span(text=f"Nobody knows whether {thing} was {words.was}", tone="unknown"),
                Span(text=f". {why} It is never sent again by itself.")]
    if deed.status in (A.FAILED, A.NOT_DONE):
        return [Span(text=f" {_upper(thing)} was "), Span(text=f"not {words.was}", tone="failed"), Span(text=f". {why}")]
    if deed.status == A.DENIED:
        return [Span(text=f" {_upper(thing)} was "), *_refusal(deed)]
    if deed.status == A.CLAIMED:
        return [Span(text=f" {_upper(thing)} is "), Span(text="being executed now", tone="running"), Span(text=".")]
    by = f"approved by {listed(list(deed.by))}" if deed.by else "allowed by policy"
    return [Span(text=f" {_upper(thing)} was {by} and "), Span(text="waits to be executed", tone="running"), Span(text=".")]


def _refusal(deed: Deed) -> list[Span]:
    words = {"rejected": "rejected by a reviewer", "expired": "not decided in time", "denied": "denied by policy",
             "stale": "closed because its target changed", "cancelled": "closed with the run"}
    tone = "failed" if deed.refused_code in ("rejected", "denied") else "cancelled"
    said = f": “{deed.error}”. " if deed.refused_code == "rejected" and deed.error else ". "
    return [Span(text=words.get(deed.refused_code, "refused"), tone=tone), Span(text=f"{said}Nothing was {words_of(deed.tool).was}.")]


def _permitted(deed: Deed) -> str:
    if not deed.by:
        return "Policy allowed it, and it "
    at = f" at {deed.decided_at:%H:%M}" if deed.decided_at else ""
    return f"Approved by {listed(list(deed.by))}{at}, it "


def _settled(deed: Deed) -> str:
    return f"; that was settled by {deed.settled_by}." if deed.settled_by else "."


def _ending(facts: Facts) -> list[Span]:
    why = _sentence(str((facts.error or {}).get("message", "")))
    who = f" by {facts.ended_by}" if facts.ended_by else ""
    said = f": “{facts.ended_why}”." if facts.ended_why else "."
    unknown = any(deed.status == A.UNKNOWN for deed in facts.deeds)
    stands = facts.failed_path.split("#")[0] or "its own code"
    if facts.stop_requested and facts.status not in (R.CANCELLED,):
        return [Span(text=" "), Span(text="A stop was requested", tone="paused"), Span(text=f"{who}{said} An outcome may exist.")]
    endings: dict[str, list[Span]] = {
        R.PAUSED: [Span(text=" It is "), Span(text=f"paused at {stands}", tone="paused"), Span(text=f". {_unsaid(why, facts)}")],
        R.BLOCKED: [Span(text=" It "), Span(text="cannot go on by itself", tone="paused"), Span(text=f". {why}")],
        R.RETRYING: [Span(text=f" {_upper(stands)} "), Span(text="did not work and is tried again by itself", tone="running"),
                     Span(text=f". {why}")],
        R.FAILED: [Span(text=" "), Span(text="It goes on in another run" if facts.goes_on else "It failed", tone="failed"),
                   Span(text=f"{who}{said} {'' if facts.goes_on else why}".rstrip())],
        R.CANCELLED: [Span(text=" "), Span(text="It was cancelled", tone="cancelled"), Span(text=f"{who}{said}")],
        R.COMPENSATED: [Span(text=" "), Span(text="All that could be undone is undone", tone="compensated"), Span(text=".")],
        R.QUEUED: [Span(text=" A worker takes it next.")],
    }
    if facts.status == R.NEEDS_ATTENTION and not unknown:
        return [Span(text=" It "), Span(text="needs a person", tone="unknown"), Span(text=f". {_unsaid(why, facts)}")]
    if facts.status == R.DONE and isinstance(facts.result, dict):
        return _outcome(facts.result)
    return endings.get(facts.status, [])


def _outcome(result: dict[str, Any]) -> list[Span]:
    if result.get("outcome") == "declined":
        return [Span(text=" It ended "), Span(text="without a refund", tone=STRONG), Span(text=f". {_sentence(result.get('why', ''))}")]
    return [Span(text=" The ticket is settled.")]


def _unsaid(why: str, facts: Facts) -> str:
    """The reason, unless an action has told it already."""
    return "" if any(why == _sentence(deed.error) and deed.status in ACTION_FINAL for deed in facts.deeds) else why


def _sentence(words: str) -> str:
    words = words.strip()
    return words if not words or words[-1] in ".?”" else words + "."


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]
