"""Several steps at once, each with its own time limit. Only the calls run side by side; one thread writes the journal."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connections
from pydantic_core import to_jsonable_python

from runs import errors, journal
from runs.engine import results
from runs.engine.history import History
from runs.journal import Entry
from runs.models import Run
from runs.resilience import RetryPolicy
from runs.states import RunStatus
from tenants import scoping


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One call of a gather. An optional one that fails for good gives `Missing` instead of pausing the run."""

    name: str
    fn: Callable[..., Any]
    args: tuple[Any, ...] = ()
    within_s: float = 10.0  # after that the call is given up; its thread is left to end by itself
    optional: bool = False
    kind: str = "tool"
    retry: RetryPolicy = field(default_factory=RetryPolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What an optional branch gives when there is nothing to have: false, and it says why."""

    code: str
    why: str

    def __bool__(self) -> bool:
        return False


@dataclass(slots=True, kw_only=True)
class _Call:
    branch: Branch
    path: str
    facts: dict[str, Any]
    attempt: int
    began: float = 0.0
    ended: bool = False


def gather(
    run: Run, epoch: int, history: History, group: str, branches: Sequence[Branch], check_lease: Callable[[], None]
) -> list[Any]:
    """The typed results of `branches` in their order. Each is remembered as its own step `group/name`.

    What is worth it is tried again by each branch's policy, with the run parked in between. Raises `StepFailed`
    for the first needed branch that failed for good, once all the others are recorded.
    """
    found: dict[str, Any] = {}
    calls = []
    # Whichever came first stands in the journal, so all are asked for before any counts as new.
    pasts = {branch.name: history.visit(f"{group}/{branch.name}", ("step.",)) for branch in branches}
    for branch in branches:
        path, past = f"{group}/{branch.name}", pasts[branch.name]
        given = to_jsonable_python(list(branch.args))
        facts = {"of": branch.kind, "input": given, "input_hash": results.fingerprint(given)}
        if past is not None and past.kind == "step.done":
            results.same(path, past.body.get("input_hash"), facts["input_hash"])
            found[path] = results.read(branch.fn, past.body["result"])
        elif past is not None and past.kind == "step.failed" and branch.optional:
            found[path] = _missing(past.body["error"])
        else:
            if past is None:
                history.check_complete(path)
            calls.append(_Call(branch=branch, path=path, facts=facts, attempt=history.tries(path) + 1))
    if calls:
        check_lease()
        _carry_out(run, epoch, calls, found)
    return [found[f"{group}/{branch.name}"] for branch in branches]


def _carry_out(run: Run, epoch: int, calls: list[_Call], found: dict[str, Any]) -> None:
    answers: queue.SimpleQueue[tuple[_Call, Any, Exception | None]] = queue.SimpleQueue()
    for call in calls:
        call.began = time.perf_counter()
        threading.Thread(target=_call, args=(call, answers), daemon=True).start()
    again: list[tuple[float, Entry]] = []
    failed: errors.StepFailed | None = None
    while open_calls := [call for call in calls if not call.ended]:
        call, value, error = _next(answers, open_calls)
        if call.ended:
            continue  # an answer after its time
        call.ended = True
        body = call.facts | {"attempt": call.attempt, "ms": results.ms_since(call.began)}
        if error is None:
            _append(run, epoch, _done(call, body, value))
            found[call.path] = results.read(call.branch.fn, value)
            continue
        told = results.as_data(error)
        delay = call.branch.retry.decide(error, call.attempt).delay_s
        body |= {"error": told, "note": told["message"]}
        if delay is not None:
            again.append((delay, Entry(kind="step.retry", path=call.path, body=body | {"delay_s": round(delay, 3)})))
            continue
        _append(run, epoch, Entry(kind="step.failed", path=call.path, body=body))
        found[call.path] = _missing(told)
        if not call.branch.optional:
            failed = failed or errors.StepFailed(call.path, told)
    if failed is not None:
        raise failed
    if again:
        _park(run, epoch, again)
        raise errors.Suspend


def _call(call: _Call, answers: "queue.SimpleQueue[Any]") -> None:
    try:
        value = to_jsonable_python(call.branch.fn(*call.branch.args))
    except Exception as error:  # noqa: BLE001  it goes on to the thread that journals it
        answers.put((call, None, error))
    else:
        answers.put((call, value, None))
    finally:
        connections.close_all()


def _next(answers: "queue.SimpleQueue[Any]", waiting: list[_Call]) -> tuple[_Call, Any, Exception | None]:
    """The next answer, or the call whose time is over first."""
    soonest = min(waiting, key=lambda call: call.began + call.branch.within_s)
    left = soonest.began + soonest.branch.within_s - time.perf_counter()
    try:
        return answers.get(timeout=max(left, 0.001))
    except queue.Empty:
        late = errors.TookTooLong(f"There was no answer within {soonest.branch.within_s:g} s.")
        return soonest, None, late


def _done(call: _Call, body: dict[str, Any], value: Any) -> Entry:
    return Entry(kind="step.done", path=call.path, body=body | {"result": value, "note": results.note_of(value)})


def _append(run: Run, epoch: int, *entries: Entry) -> None:
    with scoping.tenant(run.tenant_id, durable=True):
        journal.append(run.pk, *entries, epoch=epoch)


def _park(run: Run, epoch: int, again: list[tuple[float, Entry]]) -> None:
    """Record what failed for now; the last entry gives the lease back until the first of them is due."""
    entries = [entry for _, entry in again]
    with scoping.tenant(run.tenant_id, durable=True):
        ready = journal.clock() + timedelta(seconds=min(delay for delay, _ in again))
        last = Entry(
            kind="step.retry",
            path=entries[-1].path,
            body=entries[-1].body,
            status=RunStatus.RETRYING,
            ready=ready.isoformat(),
            release=True,
        )
        journal.append(run.pk, *entries[:-1], last, epoch=epoch)


def _missing(error: dict[str, str]) -> Missing:
    return Missing(code=error.get("code", ""), why=error.get("message", ""))
