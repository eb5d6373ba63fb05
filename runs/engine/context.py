"""What a workflow holds in its hands: `ctx`. Everything it does through it is remembered in the journal."""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import to_jsonable_python

from runs import errors, journal
from runs.engine import acting, boundaries, keeping, parallel, results, subjects, waiting
from runs.engine.history import History
from runs.engine.parallel import Branch
from runs.engine.subjects import Standing
from runs.journal import Entry
from runs.models import Run
from runs.resilience import RetryPolicy
from runs.states import RunStatus, WaitKind
from runs.tools import registry
from tenants import features, scoping

DEFAULT_RETRY = RetryPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What a step does."""

    fn: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    kind: str = "tool"
    retry: RetryPolicy = DEFAULT_RETRY
    also: Callable[[], None] = lambda: None  # written in the transaction that journals the result


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
        return self._remembered(path, _Work(fn=fn, args=args, kwargs=kwargs, kind=kind, retry=retry))

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
        """Have `tool` do something outside, once, if policy and people permit; returns its typed receipt.

        `once` names a deed that may be done once about the subject, by whatever run. A tool that can verify its
        effect does so before this returns. Parks while people decide. Raises `ActionRefused` (nothing was sent:
        rejected, expired, denied, stale, do_not_contact, repeated) or `ActionFailed` (the outside said no). An
        unknown outcome parks the run until a person settles it.
        """
        path = self._path(name or tool)
        known = registry.get(tool)
        wanted = acting.Wanted(
            path=path,
            tool=known,
            arguments=arguments,
            context={"evidence": list(evidence), "reasoning": reasoning},
            once=f"{self.subject} {once}" if once else "",
        )
        receipt = acting.carry_out(self.run, self.epoch, self._history, wanted, self._check_lease)
        if known.verify is not None:
            self._verify(path)
        return receipt

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

    def gather(self, name: str, *branches: Branch) -> list[Any]:
        """Call the branches side by side, each within its own time; their typed results in order.

        An optional branch that failed for good gives `Missing`; a needed one raises `StepFailed`.
        """
        return parallel.gather(
            self.run, self.epoch, self._history, self._path(name), branches, check_lease=self._check_lease
        )

    def recall(self) -> Standing:
        """What is known of the subject now: what was done, what runs wrote down, whether it may be contacted."""
        return self._noted("recall", lambda path: self._standing(), Standing)

    def remember(self, **facts: Any) -> None:
        """Write facts about the subject down for later runs, in the transaction that journals it."""

        def write(path: str) -> dict[str, Any]:
            subjects.remember(self.run.tenant_id, self.subject, facts)
            return facts | {"note": ", ".join(facts)}

        self._noted("remember", write)

    def forbid_contact(self, why: str, by: str) -> None:
        """From now on nobody contacts the subject, whatever run asks."""

        def write(path: str) -> dict[str, str]:
            subjects.forbid_contact(self.run.tenant_id, self.subject, why=why, by=by)
            return {"why": why, "by": by, "note": f"{by}: no contact"}

        self._noted("forbid_contact", write)

    def events(self, event: str) -> list[Any]:
        """The values of all events `event` about the subject that came and that no run has taken."""
        return self._noted(f"events:{event}", lambda path: subjects.take_events(self.run, event, path), kind="event")

    def keep(self, name: str, content: str, *, kind: str, title: str, media_type: str = "text/plain") -> None:
        """Store an artifact for the run page: a draft, a mail, a reply, a file."""
        self._noted(
            f"keep:{name}",
            lambda path: keeping.keep(self.run, path, kind=kind, title=title, content=content, media_type=media_type),
        )

    def flag(self, name: str) -> bool:
        """Whether the feature flag is on for this subject now; the answer stays the same at every replay."""
        return self._noted(
            f"flag:{name}", lambda path: features.is_on(name, unit=self.subject, user=self.run.started_by_id)
        )

    def now(self) -> datetime:
        """The time of the first execution, the same at every replay."""
        return datetime.fromisoformat(self.step("now", _now))

    def random(self) -> float:
        """A number from [0, 1), the same at every replay."""
        return self.step("random", _random)

    def _path(self, name: str) -> str:
        count = self._seen[name] = self._seen.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"

    def _noted(self, name: str, write: Callable[[str], Any], shape: Any = None, kind: str = "tool") -> Any:
        """A step inside the database: `write` and the event that remembers its result are one transaction."""
        path = self._path(name)
        past = self._history.visit(path, ("step.",))
        if past is None:
            self._history.check_complete(path)
            self._check_lease()
            with scoping.tenant(self.run.tenant_id, durable=True):
                result = to_jsonable_python(write(path))
                body = {"of": kind, "result": result, "note": results.note_of(result)}
                journal.append(self.run.pk, Entry(kind="step.done", path=path, body=body), epoch=self.epoch)
        else:
            result = past.body["result"]
        return shape.model_validate(result) if shape is not None else result

    def _standing(self) -> Standing:
        found = subjects.standing(self.run.tenant_id, self.subject)
        found.note = "not to be contacted" if found.no_contact else f"{len(found.deeds)} done before"
        return found

    def _verify(self, path: str) -> None:
        """The tool sees for itself that its effect is there, tried a few times; what is not there pauses the run."""
        tenant, action = self.run.tenant_id, acting.done_action(self.run, self._history, path)
        work = _Work(
            fn=acting.check,
            args=(str(tenant), action),
            kind="check",
            retry=acting.VERIFY_AGAIN,
            also=lambda: acting.mark_verified(tenant, action),
        )
        self._remembered(f"{path}/verified", work)

    def _remembered(self, path: str, work: "_Work") -> Any:
        given = to_jsonable_python({"args": work.args, "kwargs": work.kwargs})
        fingerprint = results.fingerprint(given)
        past = self._history.visit(path, ("step.",))
        if past is not None and past.kind == "step.done":
            results.same(path, past.body.get("input_hash"), fingerprint)
            return results.read(work.fn, past.body["result"])
        if past is None:
            self._history.check_complete(path)
        return self._run_step(path, work, given, fingerprint)

    def _run_step(self, path: str, work: "_Work", given: Any, fingerprint: str) -> Any:
        self._check_lease()
        boundaries.reached("step.before", path)
        began = time.perf_counter()
        attempt = self._history.tries(path) + 1
        facts = {"of": work.kind, "attempt": attempt, "input": given, "input_hash": fingerprint}
        try:
            result = to_jsonable_python(work.fn(*work.args, **work.kwargs))
        except Exception as error:
            self._step_failed(path, error, facts | {"ms": results.ms_since(began)}, work.retry, attempt)
            raise errors.Suspend from error
        boundaries.reached("step.ran", path)
        body = facts | {"result": result, "ms": results.ms_since(began), "note": results.note_of(result)}
        with scoping.tenant(self.run.tenant_id, durable=True):
            work.also()
            journal.append(self.run.pk, Entry(kind="step.done", path=path, body=body), epoch=self.epoch)
        boundaries.reached("step.done", path)
        return results.read(work.fn, result)

    def _step_failed(self, path: str, error: Exception, facts: dict, retry: RetryPolicy, attempt: int) -> None:
        told = results.as_data(error)
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


def _now() -> str:
    return datetime.now().astimezone().isoformat()


def _random() -> float:
    return uuid.uuid4().int / 2**128
