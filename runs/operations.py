"""What people and programs do to runs. Each is one transaction, journalled, and harmless to repeat.

The actor is mandatory, and so is a reason for everything that changes a run. Web, API and commands are skins.
"""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError
from pydantic import ValidationError

from runs import agents, errors, gates, journal, states
from runs.engine import actions, saga, sending, subjects, waiting, workflows
from runs.journal import Entry
from runs.models import Action, Release, Run, Signal, Step, Wait, Workflow
from runs.states import ACTION_OPEN, RunStatus, WaitKind
from runs.tools import registry
from tenants import scoping
from tenants.permissions import MANAGE, OPERATE, START, Actor

LEAST_REASON = 4  # characters
NO_TEXT = re.compile("[\x00\ud800-\udfff]")  # what PostgreSQL does not keep
WORKFLOWS = agents.__all__  # importing them is what registers them


def start(*, actor: Actor, workflow: str, given: Any, start_key: str | None = None) -> Run:
    """Start a run. The same `start_key` with the same input is the same run; with other input it is a `Conflict`.

    Raises `Invalid` naming the field when the input breaks the workflow's contract.
    """
    definition = workflows.find(workflow)
    if definition is None:
        raise errors.NotFound(f"There is no workflow called {workflow}.")
    value, data = _input(definition, given)
    with scoping.tenant(actor.tenant.pk, durable=True):
        kept, release = _workflow(actor, definition)
        actor.require(START, kept)
        known = _started(start_key, data)
        if known is not None:
            return known
        run = Run(
            tenant=actor.tenant,
            workflow=kept,
            workflow_version=definition.version,
            release=release,
            title=definition.describe(value)[:200],
            subject=definition.subject(value)[:200],
            input=data,
            start_key=start_key,
            started_by=actor.user,
        )
        try:
            run.save(force_insert=True)
        except IntegrityError:
            raise errors.Conflict("The same request is being started right now. Ask again.") from None
        body = {"input": data, "title": run.title, "by": str(actor.user.pk), "version": definition.version}
        journal.append(run.pk, Entry(kind="run.created", body=body, status=RunStatus.QUEUED, ready=journal.NOW))
    return run


def _input(definition: workflows.Definition, given: Any) -> tuple[Any, dict[str, Any]]:
    """`given` through the workflow's contract, as its type and as JSON that PostgreSQL keeps. Raises `Invalid`."""
    try:
        value = definition.input.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise errors.Invalid(f"{field}: {first['msg']}.", field=field) from None
    data = value.model_dump(mode="json")
    for field, held in data.items():
        if any(NO_TEXT.search(text) for text in _texts(held)):
            raise errors.Invalid(
                f"{field}: There are characters in it that are no text. Correct it and send it again.", field=field
            )
    return value, data


def _texts(held: Any) -> Iterator[str]:
    if isinstance(held, str):
        yield held
    elif isinstance(held, dict | list):
        for part in [*held, *held.values()] if isinstance(held, dict) else held:
            yield from _texts(part)


def find_started(*, actor: Actor, start_key: str) -> Run | None:
    """The run that `start_key` began, if there is one."""
    with scoping.tenant(actor.tenant.pk):
        return Run.objects.filter(tenant=actor.tenant, start_key=start_key).first()


def set_up_workflow(*, actor: Actor, name: str, note: str) -> Workflow:
    """Make a workflow of this code known to the tenant, with a first release. Repeating it changes nothing."""
    actor.require(MANAGE)
    definition = workflows.find(name)
    if definition is None:
        raise errors.NotFound(f"There is no workflow called {name}.")
    with scoping.tenant(actor.tenant.pk, durable=True):
        kept, _ = Workflow.objects.get_or_create(tenant=actor.tenant, name=name, defaults={"title": definition.title})
        Release.objects.get_or_create(tenant=actor.tenant, workflow=kept, number=1, defaults={"note": note})
    return kept


def _workflow(actor: Actor, definition: workflows.Definition) -> tuple[Workflow, Release]:
    kept = Workflow.objects.filter(tenant=actor.tenant, name=definition.name).first()
    if kept is None:
        raise errors.NotFound(f"The workflow {definition.name} is not set up for {actor.tenant}. An admin can add it.")
    release = Release.objects.filter(tenant=actor.tenant, workflow=kept).order_by("-number").first()
    if release is None:
        raise errors.NotFound(f"{kept.title} has no release yet.")
    return kept, release


def _started(start_key: str | None, data: Any) -> Run | None:
    if start_key is None:
        return None
    known = Run.objects.filter(tenant_id=scoping.current(), start_key=start_key).first()
    if known is not None and known.input != data:
        raise errors.Invalid(
            "This Idempotency-Key began a run with other input. Use a new key.", field="Idempotency-Key"
        )
    return known


def cancel(*, actor: Actor, run_id: uuid.UUID, reason: str) -> Run:
    """End the run. Open requests close; whoever works on it can write no more.

    While an action is being executed nobody is told "cancelled": the stop is requested and an outcome may exist.
    """
    with _operation(actor, run_id, reason) as run:
        if run.status == RunStatus.CANCELLED or run.stop_requested_at:
            return run
        if not states.can_cancel(run):
            raise errors.Conflict(f"This run is {run.get_status_display().lower()}; there is nothing to cancel.")
        open_actions = list(
            Action.objects.filter(tenant=actor.tenant, run=run, status__in=states.ACTION_SENT | ACTION_OPEN)
        )
        body = _by(actor, reason)
        if any(action.status in states.ACTION_SENT for action in open_actions):
            journal.append(run.pk, Entry(kind="run.stop_requested", body=body, run={"stop_requested": True}))
        else:
            _close(open_actions, "cancelled", f"The run was cancelled: {reason}")
            ended = Entry(
                kind="run.cancelled",
                body=body,
                status=RunStatus.CANCELLED,
                ready=journal.NEVER,
                release=True,
                fence_off=True,
                expect=states.RUN_OPEN,
                about="approval" if open_actions else "run",
            )
            journal.append(run.pk, ended)
    return reload(actor, run_id)


def _close(open_actions: list[Action], code: str, reason: str) -> None:
    for action in open_actions:
        gates.gate().lock(action)
        gates.gate().close(action, code)
        actions.deny(action, code=code, reason=reason, wake=False)


def resume(*, actor: Actor, run_id: uuid.UUID, reason: str) -> Run:
    """Let a paused or blocked run go on where it stands, in its own journal."""
    with _operation(actor, run_id, reason) as run:
        if run.status in (RunStatus.QUEUED, RunStatus.RUNNING):
            return run
        if not states.can_resume(run):
            raise errors.Conflict(f"This run is {run.get_status_display().lower()} and cannot be resumed.")
        status = actions.going_status(run)
        entry = Entry(
            kind="run.resumed",
            body=_by(actor, reason),
            status=status,
            ready=journal.NOW,
            expect={RunStatus.PAUSED, RunStatus.BLOCKED},
            run={"error": None, "failed_path": ""},
        )
        journal.append(run.pk, entry)
    return reload(actor, run_id)


def retry(*, actor: Actor, run_id: uuid.UUID, reason: str) -> Run:
    """Go on from the failed step in a linked run. Finished steps are not run again; the original never changes.

    Repeating it returns the run that already goes on.
    """
    with _operation(actor, run_id, reason) as run:
        following = Run.objects.filter(tenant=actor.tenant, parent=run, kind=Run.Kind.NATIVE).order_by("id").first()
        if following is not None and run.status == RunStatus.FAILED:
            return following
        if not states.can_retry(run):
            raise errors.Conflict(f"This run is {run.get_status_display().lower()}; no failed step to retry from.")
        first = Step.objects.get(tenant=actor.tenant, run=run, path=run.failed_path)
        following = _fork(actor, run, seq=first.first_seq - 1, kind=Run.Kind.NATIVE, title=run.title)
        body = {"from": str(run.pk), "seq": first.first_seq - 1, "path": run.failed_path, **_by(actor, reason)}
        journal.append(following.pk, Entry(kind="run.retried", body=body, status=RunStatus.QUEUED, ready=journal.NOW))
        if run.status != RunStatus.FAILED:
            _supersede(run, following, actor, reason)
    return reload(actor, following.pk)


def _supersede(run: Run, following: Run, actor: Actor, reason: str) -> None:
    open_actions = list(Action.objects.filter(tenant=actor.tenant, run=run, status__in=ACTION_OPEN))
    _close(open_actions, "cancelled", "The run goes on in a new one.")
    subjects.hand_over(run, following)
    entry = Entry(
        kind="run.superseded",
        body={"run": str(following.pk), **_by(actor, reason)},
        status=RunStatus.FAILED,
        ready=journal.NEVER,
        release=True,
        fence_off=True,
        expect={RunStatus.PAUSED, RunStatus.BLOCKED},
    )
    journal.append(run.pk, entry)


def _fork(actor: Actor, run: Run, *, seq: int, kind: str, title: str) -> Run:
    """A new run over the first `seq` events of `run`, with its finished steps copied into the trace."""
    following = Run(
        tenant=actor.tenant,
        kind=kind,
        workflow_id=run.workflow_id,
        workflow_version=run.workflow_version,
        release_id=run.release_id,
        title=title[:200],
        subject=run.subject,
        input=run.input,
        started_by=actor.user,
        parent=run,
        forked_seq=seq,
    )
    following.save(force_insert=True)
    kept = Step.objects.filter(tenant=actor.tenant, run=run).exclude(first_seq__gt=seq, inherited=False)
    for step in kept:
        step.pk, step.run, step.inherited = None, following, True
        step._state.adding = True
        step.pk = Step._meta.get_field("id").get_default()
    Step.objects.bulk_create(kept)
    return following


def compensate(*, actor: Actor, run_id: uuid.UUID, reason: str) -> Run:
    """Undo what the run did, last first. Each undo is an action with a key and a gate of its own.

    A run that is over is undone by a linked run; one that stands still is undone in place.
    """
    with _operation(actor, run_id, reason) as run:
        if run.status == RunStatus.COMPENSATING:
            return run
        undoing = Run.objects.filter(tenant=actor.tenant, parent=run, kind=Run.Kind.UNDO).order_by("-id").first()
        if undoing is not None and undoing.status in states.RUN_OPEN:
            return undoing
        targets = saga.undoable(run)
        if not states.can_compensate(run, len(targets)):
            raise errors.Conflict(
                "Nothing here can be undone now: no finished action names an undo, or it is undone already."
            )
        if run.status in states.RUN_FINAL:
            run = _fork(actor, run, seq=run.head, kind=Run.Kind.UNDO, title=f"Undo: {run.title}")
        items = [{"action": str(a.pk), "path": _undo_path(a), "tool": a.tool} for a in targets]
        entry = Entry(
            kind="run.compensating",
            body={"actions": items, "actor": str(actor.user.pk), **_by(actor, reason)},
            status=RunStatus.COMPENSATING,
            ready=journal.NOW,
            run={"direction": "undo", "error": None},
        )
        journal.append(run.pk, entry)
    return reload(actor, run.pk)


def _undo_path(action: Action) -> str:
    tries = Action.objects.filter(tenant_id=action.tenant_id, compensates=action).count()
    return f"undo/{action.path}" + (f"#{tries + 1}" if tries else "")


def settle(*, actor: Actor, action_id: uuid.UUID, outcome: str, evidence: str, reason: str) -> Action:
    """Say what became of an unknown outcome: `done` or `not_done`. Needs evidence; the run goes on accordingly."""
    if outcome not in ("done", "not_done"):
        raise errors.Invalid("Say whether it was done or not done.", field="outcome")
    if len(evidence.strip()) < LEAST_REASON:
        raise errors.Invalid("Say where you saw it: a receipt number, an account, who told you.", field="evidence")
    _check_reason(reason)
    with scoping.tenant(actor.tenant.pk, durable=True):
        action = actions.lock(action_id)
        actor.require(OPERATE, action.run.workflow)
        if action.status == outcome:
            return action
        if not states.can_settle(action):
            raise errors.Conflict(f"It is {action.get_status_display().lower()} already.")
        told = {"evidence": evidence, **_by(actor, reason)}
        sending.settle(action, outcome=outcome, receipt=None, told=told)
    return action


def probe(*, actor: Actor, action_id: uuid.UUID) -> tuple[Action, registry.Probe]:
    """Ask the outside world about an unknown outcome. A yes settles it; a no is evidence and changes nothing."""
    with scoping.tenant(actor.tenant.pk):
        action = Action.objects.select_related("run__workflow").filter(pk=action_id).first()
        if action is None:
            raise errors.NotFound("There is no action with this id here.")
        actor.require(OPERATE, action.run.workflow)
    tool = registry.get(action.tool)
    if tool.probe is None:
        raise errors.Conflict(f"{tool.title} cannot be asked about. Look it up by hand and settle it.")
    answer = tool.probe(registry.parsed(tool, action.payload), str(action.pk))
    with scoping.tenant(actor.tenant.pk, durable=True):
        action = actions.lock(action_id)
        if not states.can_settle(action):
            return action, answer
        told = {"found": answer.found, "detail": answer.detail, "by": str(actor.user.pk), "name": str(actor.user)}
        asked = Entry(kind="action.probed", path=action.path, body={"action": str(action.pk), **told})
        journal.append(action.run_id, asked)
        if answer.found and answer.receipt is not None:
            receipt = tool.output.model_validate(answer.receipt).model_dump(mode="json")
            sending.settle(action, outcome="done", receipt=receipt, told=told | {"how": "probe"})
    return action, answer


def deliver(*, actor: Actor, subject: str, name: str, key: str, value: Any) -> Signal:
    """Hand an event from outside to the run that waits for it, or keep it for the next one."""
    actor.require(START)
    with scoping.tenant(actor.tenant.pk, durable=True):
        return waiting.deliver(tenant=actor.tenant.pk, subject=subject, name=name, key=key, value=value)


def skip_wait(*, actor: Actor, run_id: uuid.UUID, reason: str) -> Run:
    """Wait no longer: an open timer, or a wait for an event, ends as if its time were over."""
    with _operation(actor, run_id, reason) as run:
        open_waits = Wait.objects.filter(tenant=actor.tenant, run=run, resolved_at=None)
        row = open_waits.filter(kind__in=(WaitKind.TIMER, WaitKind.EVENT)).first()
        if row is None and run.status in (RunStatus.QUEUED, RunStatus.RUNNING):
            return run
        if row is None:
            raise errors.Conflict("This run waits for no time and no event.")
        journal.append(run.pk, Entry(kind="wait.skipped", path=row.path, body=_by(actor, reason)))
        waiting.resolve(row, how="skipped", value=None)
    return reload(actor, run_id)


def release_action(action: Action, *, by: list[str], hold_window_s: float) -> None:
    """A quorum approved it: it may be claimed after the hold window. Inside the decision's transaction."""
    actions.release(action, by=by, hold_window_s=hold_window_s)


def refuse_action(action: Action, *, code: str, reason: str, by: str) -> None:
    """A person or the clock refused it; the workflow learns the reason. Inside the decision's transaction."""
    actions.deny(action, code=code, reason=reason, by=by)


@contextmanager
def _operation(actor: Actor, run_id: uuid.UUID, reason: str) -> Iterator[Run]:
    """One transaction with the run's open actions and then the run locked, in the house's lock order."""
    _check_reason(reason)
    with scoping.tenant(actor.tenant.pk, durable=True):
        run = actions.lock_unfinished(run_id)
        if run is None:
            raise errors.NotFound("There is no run with this id here.")
        actor.require(OPERATE, run.workflow)
        yield run


def reload(actor: Actor, run_id: uuid.UUID) -> Run:
    with scoping.tenant(actor.tenant.pk):
        return Run.objects.select_related("workflow", "release").get(pk=run_id)


def _by(actor: Actor, reason: str) -> dict[str, str]:
    return {"by": str(actor.user.pk), "name": str(actor.user), "reason": reason.strip()}


def _check_reason(reason: str) -> None:
    if len(reason.strip()) < LEAST_REASON:
        raise errors.Invalid("Say why in a few words: it stands in the journal beside your name.", field="reason")
