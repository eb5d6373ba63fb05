"""A run in words: what it is doing, what happened, what did not, and the next safe action."""

from collections.abc import Sequence
from dataclasses import dataclass

from runs import states
from runs.models import Action, Run, Step
from runs.states import ActionStatus, RunStatus, StepStatus
from runs.tools import registry

R, A = RunStatus, ActionStatus

# status -> (family of colour and icon, words)
PILLS: dict[str, tuple[str, str]] = {
    R.QUEUED: ("running", "Queued"),
    R.RUNNING: ("running", "Running"),
    R.WAITING: ("waiting", "Waiting"),
    R.RETRYING: ("running", "Retrying"),
    R.BLOCKED: ("paused", "Blocked"),
    R.PAUSED: ("paused", "Paused"),
    R.NEEDS_ATTENTION: ("unknown", "Needs attention"),
    R.COMPENSATING: ("compensated", "Undoing"),
    R.DONE: ("done", "Done"),
    R.PARTLY_DONE: ("done", "Partly done"),
    R.FAILED: ("failed", "Failed"),
    R.COMPENSATED: ("compensated", "Undone"),
    R.CANCELLED: ("cancelled", "Cancelled"),
    R.OVER_BUDGET: ("failed", "Over budget"),
}
STEP_STATE: dict[str, str] = {
    StepStatus.RUNNING: "running",
    StepStatus.WAITING: "waiting",
    StepStatus.RETRYING: "running",
    StepStatus.DONE: "done",
    StepStatus.FAILED: "failed",
    StepStatus.UNKNOWN: "unknown",
    StepStatus.REFUSED: "failed",
}
ACTION_STATE: dict[str, str] = {
    A.PROPOSED: "running",
    A.HELD: "waiting",
    A.READY: "running",
    A.CLAIMED: "running",
    A.UNKNOWN: "unknown",
    A.DONE: "done",
    A.FAILED: "failed",
    A.NOT_DONE: "failed",
    A.DENIED: "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A piece of the paragraph; `state` gives it the colour of a state, `strong` weight."""

    text: str
    state: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """The next safe action: a sentence, and the button when there is one."""

    words: str
    button: str = ""  # approve, probe, retry or resume; empty for none
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the top of the run page says."""

    pill_state: str
    pill: str
    said: tuple[Said, ...]
    safe: str  # what may be retried
    ask: str  # what must be asked about first
    not_sent: str
    next: Next


def pill(run: Run) -> tuple[str, str]:
    """Colour family and words of a run's state."""
    family, words = PILLS[run.status]
    if run.stop_requested_at and run.status in states.RUN_OPEN:
        return "paused", "Stop requested"
    if run.status == R.WAITING and run.waiting_for:
        return family, f"Waiting {run.get_waiting_for_display()}"
    if run.status == R.COMPENSATING and run.waiting_for:
        return family, f"Undoing, waits {run.get_waiting_for_display()}"
    if run.status == R.NEEDS_ATTENTION and (run.error or {}).get("code") == "outcome_unknown":
        return family, "Outcome unknown"
    return family, words


def now(run: Run) -> str:
    """One line for lists: what it does now, or how it ended."""
    if run.error and run.status not in (R.DONE, R.CANCELLED, R.COMPENSATED):
        return str(run.error.get("message", ""))
    if run.status == R.DONE and isinstance(run.result, dict):
        return str(run.result.get("why") or run.result.get("outcome", "")).capitalize()
    if run.status in (R.WAITING, R.COMPENSATING) and run.waiting_for:
        return f"Parked, waits {run.get_waiting_for_display()}"
    return ""


def tell(run: Run, steps: Sequence[Step], actions: Sequence[Action], undoable: int) -> Story:
    """The story of `run` from its projection."""
    family, words = pill(run)
    done = [a for a in actions if a.status == A.DONE]
    unknown = [a for a in actions if a.status == A.UNKNOWN]
    said = [Said(text=_opening(run)), *_happened(done)]
    said += [Said(text=_unknown(a), state="unknown") for a in unknown]
    said += _standing(run, actions)
    reads = [s.path for s in steps if s.status == StepStatus.FAILED and s.kind in ("tool", "model")]
    failed = [a.tool for a in actions if a.status in (A.FAILED, A.NOT_DONE)]
    unsent = [a.tool for a in actions if a.status in (A.HELD, A.READY, A.DENIED)]
    return Story(
        pill_state=family,
        pill=words,
        said=tuple(said),
        safe=_listed(reads, "it only reads") or _listed(failed, "certainly nothing was done"),
        ask=_listed([a.tool for a in unknown], "a second one could do it twice"),
        not_sent=_listed(unsent, "nothing left"),
        next=_next(run, actions, unknown, undoable),
    )


def _opening(run: Run) -> str:
    if run.kind == Run.Kind.UNDO:
        return "This run undoes what another one did. "
    return f"This run works on the {run.title[0].lower() + run.title[1:]}. "


def _happened(done: Sequence[Action]) -> list[Said]:
    if not done:
        return [Said(text="Nothing outside has been changed by it so far. ")]
    said = [Said(text="It has ")]
    for place, action in enumerate(done):
        joint = " and " if 0 < place == len(done) - 1 else ", " if place else ""
        said += [Said(text=joint), Said(text=_effect(action), strong=True)]
    return [*said, Said(text=". ")]


def _effect(action: Action) -> str:
    receipt = action.receipt or {}
    if "amount_minor" in receipt:
        money = f"{receipt['amount_minor'] / 100:,.2f} {receipt.get('currency', '')}".strip()
        return f"taken back {money}" if action.tool == "reverse_refund" else f"refunded {money}"
    if action.tool == "send_email":
        return f"sent an e-mail to {receipt.get('to', 'the customer')}"
    return f"carried out {action.tool}"


def _unknown(action: Action) -> str:
    return f"Nobody knows whether {action.tool} was done: {(action.error or {}).get('message', '')} "


def _standing(run: Run, actions: Sequence[Action]) -> list[Said]:
    message = str((run.error or {}).get("message", ""))
    if run.status in (R.QUEUED, R.RUNNING):
        return [Said(text="It is going on by itself.")]
    if run.waiting_for and run.status in (R.WAITING, R.COMPENSATING):
        held = [a.tool for a in actions if a.status == A.HELD]
        what = f" {' and '.join(held)} is held until then." if held else ""
        return [Said(text=f"It waits {run.get_waiting_for_display()} and costs nothing meanwhile.{what}")]
    if run.status == R.RETRYING:
        return [Said(text="A step failed and is tried again by itself.")]
    if run.status in (R.PAUSED, R.BLOCKED, R.FAILED) and message:
        path = (run.error or {}).get("path")
        where = f"At {path} it stopped: " if path else "It stopped: "
        return [Said(text=where), Said(text=message, state="paused" if run.status == R.BLOCKED else "failed")]
    if run.status == R.NEEDS_ATTENTION and (run.error or {}).get("code") != "outcome_unknown":
        return [Said(text="Undoing stopped: "), Said(text=message, state="failed")]
    if run.status == R.CANCELLED:
        return [Said(text="A person cancelled it. Nothing more was sent.")]
    if run.status == R.DONE and isinstance(run.result, dict) and run.result.get("why"):
        return [Said(text=f"It ended without more: {run.result['why']}")]
    return []


def _next(run: Run, actions: Sequence[Action], unknown: Sequence[Action], undoable: int) -> Next:
    if unknown:
        return _ask_or_settle(unknown[0])
    if run.status in states.RUN_OPEN and any(a.status == A.HELD for a in actions):
        words = "Somebody decides the request. The run goes on by itself afterwards."
        return Next(words=words, button="approve", label="Open the request")
    if states.can_retry(run):
        words = "Mend the cause, then go on from the failed step. Finished steps are not run again."
        return Next(words=words, button="retry", label="Retry from the failed step…")
    if states.can_resume(run):
        return Next(words="When the cause is gone, let it go on where it stands.", button="resume", label="Resume…")
    if run.status in states.RUN_OPEN:
        return Next(words="Nothing to do. It goes on by itself.")
    if undoable:
        return Next(words="Nothing to do. If it was wrong, what it did can be undone, last first.")
    return Next(words="Nothing to do. It is over.")


def _ask_or_settle(action: Action) -> Next:
    if registry.get(action.tool).probe is None:
        return Next(words="Look it up by hand, then settle it below with what you found.")
    words = "Ask the service whether it did this. Reading only: nothing is sent."
    return Next(words=words, button="probe", label="Ask the service")


def _listed(names: Sequence[str], why: str) -> str:
    return f"{', '.join(dict.fromkeys(names))}: {why}" if names else ""
