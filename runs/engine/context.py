"""What a workflow holds in its hands: `ctx`. Everything it does through it is remembered in the journal."""

import inspect
import json
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from runs import canonical, errors, journal
from runs.engine import acting, boundaries, waiting
from runs.engine.history import History
from runs.journal import Entry
from runs.models import Run
from runs.resilience import RetryPolicy
from runs.states import RunStatus, WaitKind
from runs.tools import registry
from tenants import scoping

DEFAULT_RETRY = RetryPolicy()


class Context:
    """One execution of one run by one lease. A step's identity is its path: name and occurrence."""

    def __init__(self, *, run: Run, epoch: int, history: History, check_lease: Callable[[], None]) -> None:
        self.run, self.epoch, self._history, self._check_lease = run, epoch, history, check_lease
        self._seen: dict[str, int] = {}

    @property
    def subject(self) -> str:
        return self.run.subject

    def step(
        self,
        name: str,
        fn: Callable[..., Any],
        *args: Any,
        kind: str = "tool",
        retry: RetryPolicy = DEFAULT_RETRY,
        **kwargs: Any,
    ) -> Any:
        """Call `fn` once in the life of the run and remember its result (JSON; typed by its return annotation).

        Errors that say `retryable` are tried again by `retry`, with the run parked in between; a step that
        failed for good raises `StepFailed` and pauses the run.
        """
        path = self._path(name)
        given = to_jsonable_python({"args": args, "kwargs": kwargs})
        fingerprint = _hash(given)
        past = self._history.visit(path, ("step.",))
        if past is not None and past.kind == "step.done":
            _same(path, past.body.get("input_hash"), fingerprint)
            return _read(fn, past.body["result"])
        if past is None:
            self._history.check_complete(path)
        return self._run_step(path, fn, args, kwargs, given, fingerprint, kind, retry)

    def act(
        self,
        tool: str,
        arguments: Any,
        *,
        name: str = "",
        evidence: Sequence[dict[str, Any]] = (),
        reasoning: str = "",
    ) -> Any:
        """Have `tool` do something outside, once, if policy and people permit; returns its typed receipt.

        Parks while people decide. Raises `ActionRefused` (nothing was sent: rejected, expired, denied, stale)
        or `ActionFailed` (the outside said no). An unknown outcome parks the run until a person settles it.
        """
        path = self._path(name or tool)
        wanted = acting.Wanted(
            path=path,
            tool=registry.get(tool),
            arguments=arguments,
            context={"evidence": list(evidence), "reasoning": reasoning},
        )
        return acting.carry_out(self.run, self.epoch, self._history, wanted, self._check_lease)

    def sleep(self, duration: timedelta, *, name: str = "sleep") -> None:
        """Park until `duration` has passed. Survives everything; fires once."""
        path = self._path(name)
        waiting.wait(self.run, self.epoch, self._history, path, kind=WaitKind.TIMER, key="", within=duration)

    def wait_for(self, event: str, *, timeout: timedelta | None = None, name: str = "") -> Any:
        """Park until the event `event` about this run's subject arrives; its value, or None after `timeout`.

        An event that came earlier and that no run has taken counts.
        """
        path = self._path(name or f"wait_for:{event}")
        return waiting.wait(self.run, self.epoch, self._history, path, kind=WaitKind.EVENT, key=event, within=timeout)

    def now(self) -> datetime:
        """The time of the first execution, the same at every replay."""
        return datetime.fromisoformat(self.step("now", _now))

    def random(self) -> float:
        """A number from [0, 1), the same at every replay."""
        return self.step("random", _random)

    def _path(self, name: str) -> str:
        count = self._seen[name] = self._seen.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"

    def _run_step(
        self,
        path: str,
        fn: Callable[..., Any],
        args: Any,
        kwargs: Any,
        given: Any,
        fingerprint: str,
        kind: str,
        retry: RetryPolicy,
    ) -> Any:
        self._check_lease()
        boundaries.reached("step.before", path)
        began = time.perf_counter()
        attempt = self._history.tries(path) + 1
        facts = {"of": kind, "attempt": attempt, "input": given, "input_hash": fingerprint}
        try:
            result = to_jsonable_python(fn(*args, **kwargs))
        except Exception as error:
            self._step_failed(path, error, facts | {"ms": _ms(began)}, retry, attempt)
            raise errors.Suspend from error
        boundaries.reached("step.ran", path)
        note = result.get("note", "") if isinstance(result, dict) else ""
        body = facts | {"result": result, "ms": _ms(began), "note": note}
        with scoping.tenant(self.run.tenant_id, durable=True):
            journal.append(self.run.pk, Entry(kind="step.done", path=path, body=body), epoch=self.epoch)
        boundaries.reached("step.done", path)
        return _read(fn, result)

    def _step_failed(self, path: str, error: Exception, facts: dict, retry: RetryPolicy, attempt: int) -> None:
        told = _as_data(error)
        delay = retry.decide(error, attempt).delay_s
        with scoping.tenant(self.run.tenant_id, durable=True):
            if delay is None:
                failed = Entry(kind="step.failed", path=path, body=facts | {"error": told, "note": told["message"]})
                journal.append(self.run.pk, failed, epoch=self.epoch)
                raise_after = errors.StepFailed(path, told)
            else:
                ready = journal.clock() + timedelta(seconds=delay)
                again = Entry(
                    kind="step.retry",
                    path=path,
                    body=facts | {"error": told, "delay_s": round(delay, 3), "note": told["message"]},
                    status=RunStatus.RETRYING,
                    ready=ready.isoformat(),
                    release=True,
                )
                journal.append(self.run.pk, again, epoch=self.epoch)
                raise_after = None
        if raise_after is not None:
            raise raise_after


def _as_data(error: Exception) -> dict[str, str]:
    if isinstance(error, errors.HoldpointError):
        return {"code": error.code, "message": error.message}
    return {"code": "crashed", "message": f"{type(error).__name__}: {error}"[:500]}


def _same(path: str, then: Any, now: str) -> None:
    if then is not None and then != now:
        raise errors.Nondeterministic(
            f"The step {path} was asked for with other input than the journal holds. The code has changed."
        )


def _hash(given: Any) -> str:
    return canonical.payload_hash(json.dumps(given, sort_keys=True, separators=(",", ":")).encode())


@cache
def _adapter(fn: Callable[..., Any]) -> TypeAdapter[Any] | None:
    target = fn if inspect.isroutine(fn) else type(fn).__call__
    hint = get_type_hints(target).get("return", Any)
    return None if hint in (Any, None, type(None)) else TypeAdapter(hint)


def _read(fn: Callable[..., Any], result: Any) -> Any:
    """A stored result in the shape that `fn` promises. The first execution gets it through the same door."""
    adapter = _adapter(fn)
    if adapter is None:
        return result
    try:
        return adapter.validate_python(result)
    except ValidationError as error:
        name = getattr(fn, "__name__", "the step")
        raise errors.Nondeterministic(
            f"The stored result of {name} has another shape: {error.errors()[0]['msg']}."
        ) from None


def _ms(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)


def _now() -> str:
    return datetime.now().astimezone().isoformat()


def _random() -> float:
    return uuid.uuid4().int / 2**128
