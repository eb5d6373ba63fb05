"""A run in words: what it is doing, what happened, what did not, and the next safe action."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runs import awaited, canonical, states
from runs.models import Action, Event, Run, Step
from runs.redaction import shown
from runs.states import ActionStatus, RunStatus, StepStatus
from runs.tools import registry
from runs.wording import PILLS, REFUSALS, SAID_BY_ERROR, counted, money, tale_of, words_of

R, A = RunStatus, ActionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A piece of the paragraph; `state` gives it the colour of a state, `strong` weight."""

    text: str
    state: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """What may be retried or undone, and what may not."""

    state: str
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """The next safe action: a sentence, and the button when there is one."""

    words: str
    button: str = ""  # approve, probe, settle, retry, resume or follow; empty for none
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the top of the run page says."""

    pill_state: str
    pill: str
    said: tuple[Said, ...]
    sorts: tuple[Sort, ...]  # at most three
    next: Next


def thing(action: Action) -> str:
    """What the action is about: "the refund of £248.00 to Priya Raman"."""
    return words_of(action.tool).thing(_arguments(action))


def pill(run: Run) -> tuple[str, str]:
    """Colour family and words of a run's state."""
    family, words = PILLS[run.status]
    if run.stop_requested_at and run.status in states.RUN_OPEN:
        return "paused", "Stop requested"
    if run.status == R.WAITING and run.waiting_for:
        return family, f"Waiting {awaited.what(run)}"
    if run.status == R.COMPENSATING and run.waiting_for:
        return family, f"Undoing, waits {awaited.what(run)}"
    return family, SAID_BY_ERROR.get((str(run.status), (run.error or {}).get("code", "")), words)


def now(run: Run, result: dict[str, Any]) -> str:
    """One line for lists: what it does now, or how it ended. `result` holds outcome, why, amount_minor, currency."""
    if run.error and run.status not in (R.DONE, R.CANCELLED, R.COMPENSATED):
        return str(run.error.get("message", ""))
    if run.status == R.DONE and result.get("outcome") == "refunded":
        return f"Refunded {money(int(result.get('amount_minor') or 0), result.get('currency') or '')}"
    if run.status == R.DONE and _outcome(run, result):
        return f"{_outcome(run, result)}. {result.get('why') or ''}".strip()
    if run.status in (R.WAITING, R.COMPENSATING) and run.waiting_for == "approval":
        return "Nothing is sent until somebody decides"
    return {
        R.QUEUED: "A worker takes it next",
        R.RUNNING: "A worker has it",
        R.RETRYING: "A step failed and is tried again by itself",
        R.COMPENSATING: "What it did is being taken back",
        R.COMPENSATED: "What it did was taken back",
        R.CANCELLED: "A person ended it",
        R.FAILED: "It goes on in another run",
    }.get(R(run.status), f"Waits {awaited.what(run)}" if run.waiting_for else "")


def _outcome(run: Run, result: dict[str, Any]) -> str:
    """How the workflow speaks of its result; empty when it has no words for it."""
    tale = tale_of(run.workflow.name)
    return tale.ended.get(result.get("outcome") or "", "") if tale else ""


def tell(
    run: Run, steps: Sequence[Step], actions: Sequence[Action], events: Sequence[Event], children: Sequence[Run]
) -> Story:
    """The story of `run` from its projection and the events that count for it."""
    family, words = pill(run)
    goes_on = run.status == R.FAILED and any(child.kind == Run.Kind.NATIVE for child in children)
    said = [Said(text=_opening(run)), *_worked(run, steps, {action.path for action in actions})]
    for action in actions:
        if run.direction == "undo" and action.run_id != run.pk:
            continue  # what is being undone is told by its undo
        said += _deed(action, [event for event in events if event.path == action.path])
    said += _ending(run, actions, events, goes_on)
    return Story(
        pill_state=family,
        pill=words,
        said=tuple(said),
        sorts=_sorts(run, steps, actions, goes_on),
        next=_next(run, actions, goes_on),
    )


def _opening(run: Run) -> str:
    if run.direction == "undo":
        return f"This run takes back what was done about {run.subject or 'its subject'}."
    tale = tale_of(run.workflow.name)
    if tale is not None and isinstance(run.input, dict):
        return tale.opening(run.input)
    return f"This run works on the {run.title[0].lower() + run.title[1:]}."


def _worked(run: Run, steps: Sequence[Step], acted: set[str]) -> list[Said]:
    kept = sum(step.inherited for step in steps)
    mine = [_name(s.path) for s in steps if s.status == StepStatus.DONE and not s.inherited and s.path not in acted]
    tale = tale_of(run.workflow.name)
    spoken = tale.steps if tale else {}
    mine = [name for name in mine if spoken.get(name, name) and not name.startswith(("keep:", "wait for "))]
    said = []
    if kept and run.direction != "undo":
        said.append(
            Said(text=f" {counted(kept, 'step was', 'steps were')} finished by the run before and not run again.")
        )
    if mine:
        did = [spoken.get(name, f"finished {name}") + _times(mine.count(name)) for name in dict.fromkeys(mine)]
        said.append(Said(text=f" It {_listed(did)}."))
    return said


def _deed(action: Action, events: Sequence[Event]) -> list[Said]:
    words, what, why = words_of(action.tool), thing(action), _sentence((action.error or {}).get("message", ""))
    if action.status == A.DONE:
        return _did(action, events)
    if action.status == A.HELD:
        return [
            Said(text=" "),
            Said(text=f"{_upper(what)} waits for a decision", state="waiting"),
            Said(text=f": nothing is {words.was} until then."),
        ]
    if action.status == A.UNKNOWN:
        lost = f"Nobody knows whether {what} was {words.was}"
        return [
            Said(text=" "),
            Said(text=lost, state="unknown"),
            Said(text=f". {why} It is never sent again by itself."),
        ]
    if action.status in (A.FAILED, A.NOT_DONE):
        return [
            Said(text=f" {_upper(what)} was "),
            Said(text=f"not {words.was}", state="failed"),
            Said(text=f". {why}"),
        ]
    if action.status == A.DENIED:
        family, said = REFUSALS.get(action.refused_code, ("cancelled", "refused"))
        because = f": “{(action.error or {}).get('message', '')}”" if action.refused_code == "rejected" else ""
        return [
            Said(text=f" {_upper(what)} was "),
            Said(text=said, state=family),
            Said(text=f"{because}. Nothing was {words.was}."),
        ]
    if action.status == A.CLAIMED:
        return [Said(text=f" {_upper(what)} is "), Said(text="being executed now", state="running"), Said(text=".")]
    return [
        Said(text=f" {_permitted(events)} {what} "),
        Said(text="waits to be executed", state="running"),
        Said(text="."),
    ]


def _did(action: Action, events: Sequence[Event]) -> list[Said]:
    words = words_of(action.tool)
    seen = f" and {words.seen}" if (action.verified or {}).get("ok") else ""
    did, after = words.did(_arguments(action)), f"{_settled(events)}{seen}."
    return [Said(text=f" {_permitted(events)} it "), Said(text=did, strong=True), Said(text=after)]


def _permitted(events: Sequence[Event]) -> str:
    approved = next((event for event in reversed(events) if event.kind == "action.approved"), None)
    if approved is None:
        return "Allowed by policy,"
    return f"Approved by {_listed(approved.body.get('by') or ['somebody'])} at {approved.at:%H:%M},"


def _settled(events: Sequence[Event]) -> str:
    settled = next((event for event in reversed(events) if event.kind == "action.settled"), None)
    if settled is None:
        return ""
    how = "asked and it was found" if settled.body.get("how") == "probe" else "settled it with evidence"
    return f" (unknown until {settled.body.get('name') or 'somebody'} {how})"


def _ending(run: Run, actions: Sequence[Action], events: Sequence[Event], goes_on: bool) -> list[Said]:
    ends = ("run.cancelled", "run.stop_requested", "run.superseded")
    ended = next((event.body for event in reversed(events) if event.kind in ends and event.run_id == run.pk), {})
    who = f" by {ended['name']}" if ended.get("name") else ""
    said = f": “{ended['reason']}”." if ended.get("reason") else "."
    why = _sentence((run.error or {}).get("message", ""))
    told = any(why and why == _sentence((action.error or {}).get("message", "")) for action in actions)
    if run.status == R.CANCELLED:
        return [Said(text=" "), Said(text="It was cancelled", state="cancelled"), Said(text=who + said)]
    if run.stop_requested_at and run.status in states.RUN_OPEN:
        return [
            Said(text=" "),
            Said(text="A stop was requested", state="paused"),
            Said(text=f"{who}{said} An outcome may exist."),
        ]
    if run.status == R.FAILED:
        words = "It goes on in another run" if goes_on else "It failed"
        return [Said(text=" "), Said(text=words, state="failed"), Said(text=f"{who}{said}")]
    if run.status in (R.PAUSED, R.BLOCKED):
        return _stands(run, "" if told else why)
    if run.status == R.RETRYING:
        return [
            Said(text=" "),
            Said(text="The last step did not work and is tried again by itself", state="running"),
            Said(text=f". {why}"),
        ]
    if run.status == R.NEEDS_ATTENTION and not told:
        return [Said(text=" It "), Said(text="needs a person", state="unknown"), Said(text=f". {why}")]
    if run.status == R.COMPENSATED:
        return [Said(text=" "), Said(text="What could be undone is undone", state="compensated"), Said(text=".")]
    return _result(run, events)


def _result(run: Run, events: Sequence[Event]) -> list[Said]:
    """How it ended, or what it waits for."""
    result = run.result if isinstance(run.result, dict) else {}
    ended = _outcome(run, result) if run.status == R.DONE else ""
    if ended:
        because = f": {_sentence(str(result['why']))}" if result.get("why") else "."
        return [Said(text=" "), Said(text=ended, strong=True), Said(text=because)]
    waits, until = awaited.told(run, events)
    if waits:
        return [Said(text=" "), Said(text=waits, state="waiting"), Said(text=until)]
    return [Said(text=" It is done.")] if run.status == R.DONE else []


def _stands(run: Run, why: str) -> list[Said]:
    stands = (run.failed_path or "its own code").split("#")[0]
    words = f"It is paused at {stands}" if run.status == R.PAUSED else "It cannot go on by itself"
    if _stopped(run):
        words = "A stop holds it back"
    return [Said(text=" "), Said(text=words, state="paused"), Said(text=f". {why}".rstrip())]


def _stopped(run: Run) -> bool:
    return run.status == R.BLOCKED and (run.error or {}).get("code") == "stopped"


def _sorts(run: Run, steps: Sequence[Step], actions: Sequence[Action], goes_on: bool) -> tuple[Sort, ...]:
    """The most pressing first."""
    found = []
    unknown = [f"{a.tool}: {words_of(a.tool).twice(_arguments(a))}" for a in actions if a.status == A.UNKNOWN]
    if unknown:
        found.append(Sort(state="unknown", title="Ask before retrying", text="; ".join(unknown)))
    failed = next((action for action in actions if action.path == run.failed_path), None)
    if states.can_retry(run) and not goes_on:
        safe = (
            "it changes nothing outside"
            if failed is None
            else f"nothing was {words_of(failed.tool).was}, and it asks anew"
        )
        found.append(Sort(state="done", title="Safe to retry", text=f"{run.failed_path.split('#')[0]}: {safe}"))
    waiting = [action.tool for action in actions if action.status in states.ACTION_OPEN]
    if waiting:
        found.append(Sort(state="waiting", title="Not sent", text=f"{_listed(waiting)}: nothing has left here yet"))
    done = list(dict.fromkeys(action.tool for action in actions if action.status == A.DONE))
    undo = [tool for tool in done if registry.get(tool).compensator]
    if undo:
        found.append(
            Sort(
                state="compensated",
                title="Can be undone",
                text=f"{_listed(undo)}: by an action with a decision of its own",
            )
        )
    if len(undo) < len(done):
        final = [tool for tool in done if tool not in undo]
        found.append(
            Sort(state="cancelled", title="Cannot be undone", text=f"{_listed(final)}: it is outside, and stays there")
        )
    finished = sum(step.status == StepStatus.DONE for step in steps)
    if finished:
        found.append(
            Sort(state="done", title="Not run again", text=f"{counted(finished, 'finished step')}, whatever is retried")
        )
    return tuple(found[:3])


def _next(run: Run, actions: Sequence[Action], goes_on: bool) -> Next:
    unknown = next((action for action in actions if action.status == A.UNKNOWN), None)
    if unknown is not None:
        return _ask_or_settle(unknown)
    if goes_on:
        return Next(
            words="Another run goes on from the failed step. This one stays as it was.",
            button="follow",
            label="Open that run",
        )
    if run.status in states.RUN_OPEN and any(action.status == A.HELD for action in actions):
        return Next(
            words="Somebody decides the request. Until then nothing is sent.",
            button="approve",
            label="Open the request",
        )
    if states.can_retry(run):
        name = run.failed_path.split("#")[0]
        words = f"A new run goes on from {name}. What is finished is not run again, and this run stays as it is."
        return Next(words=words, button="retry", label=f"Retry from {name}…")
    if _stopped(run):
        return Next(words="An admin lifts the stop. Then it goes on by itself, after its own check.")
    if states.can_resume(run):
        return Next(words="When the cause is gone, let it go on where it stands.", button="resume", label="Resume…")
    if run.status == R.NEEDS_ATTENTION and run.direction == "undo":
        return Next(words="The undo stopped here. Compensate… asks for what is left again, each with its own decision.")
    if run.status == R.NEEDS_ATTENTION:
        return Next(words="Look at the step that failed, and mend it outside of this run.")
    if run.status in states.RUN_OPEN:
        return Next(words="Nothing to do. It goes on by itself, and this page follows.")
    return Next(words="Nothing to do. This run is over.")


def _ask_or_settle(action: Action) -> Next:
    words = words_of(action.tool)
    if registry.get(action.tool).probe is None:
        return Next(
            words=f"Look up by hand whether it was {words.was}, then settle it.", button="settle", label="Settle it"
        )
    said = f"Ask {words.provider} whether it has this. Reading only: nothing is sent."
    return Next(words=said, button="probe", label=f"Ask {words.provider}")


def _arguments(action: Action) -> dict[str, Any]:
    return shown(canonical.parse(bytes(action.payload)))


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _name(path: str) -> str:
    """The step without its occurrence: send_outreach#2/verified is send_outreach/verified."""
    return re.sub(r"#\d+", "", path)


def _times(count: int) -> str:
    return "" if count == 1 else " twice" if count == 2 else f" {count} times"


def _sentence(words: str) -> str:
    words = words.strip()
    return words if not words or words[-1] in ".?”" else words + "."


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]
