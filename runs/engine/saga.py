"""Undoing: compensations in reverse order of completion, each an action of its own with its own key and gate."""

from collections.abc import Callable
from typing import Any

from runs import errors, journal
from runs.engine import acting
from runs.engine.history import History
from runs.journal import Entry
from runs.models import Action, Run
from runs.states import ActionStatus, RunStatus
from runs.tools import registry
from tenants import scoping


def undoable(run: Run) -> list[Action]:
    """Done actions of the run's lineage with a compensator and no undo under way or done; newest completion first."""
    ids, current = [run.pk], run
    while current.parent_id is not None:
        current = Run.objects.get(tenant_id=run.tenant_id, pk=current.parent_id)
        ids.append(current.pk)
    done = Action.objects.filter(tenant_id=run.tenant_id, run_id__in=ids, status=ActionStatus.DONE, compensates=None)
    over = {ActionStatus.FAILED, ActionStatus.NOT_DONE, ActionStatus.DENIED}
    taken = set(
        Action.objects.filter(tenant_id=run.tenant_id, compensates__in=[a.pk for a in done])
        .exclude(status__in=over)
        .values_list("compensates_id", flat=True)
    )
    return sorted(
        (a for a in done if registry.get(a.tool).compensator and a.pk not in taken),
        key=lambda a: a.finished_at or a.created_at,
        reverse=True,
    )


def undo(run: Run, epoch: int, events: list[Any], check_lease: Callable[[], None]) -> None:
    """Carry out the newest `run.compensating` order; parks by `Suspend` while people decide.

    A compensation that fails or is refused stops the rest and asks for a person.
    """
    order = next(event for event in reversed(events) if event.kind == "run.compensating").body
    history = History(event for event in events if event.path.startswith("undo/"))
    for item in order["actions"]:
        try:
            _undo_one(run, epoch, history, item, order, check_lease)
        except (errors.StepFailed, errors.ActionRefused) as error:
            _needs_person(run, epoch, item, error)
            raise errors.Suspend from error
    done = Entry(
        kind="run.compensated",
        body={"undone": [item["action"] for item in order["actions"]]},
        status=RunStatus.COMPENSATED,
        ready=journal.NEVER,
        release=True,
        run={"error": None, "failed_path": ""},
    )
    with scoping.tenant(run.tenant_id, durable=True):
        journal.append(run.pk, done, epoch=epoch)


def _undo_one(run: Run, epoch: int, history: History, item: dict, order: dict, check_lease: Callable[[], None]) -> None:
    with scoping.tenant(run.tenant_id):
        done = Action.objects.get(tenant_id=run.tenant_id, pk=item["action"])
    tool = registry.get(done.tool)
    compensator = registry.get(tool.compensator)
    build = tool.compensation
    if build is None:
        raise errors.StepFailed(item["path"], {"code": "no_compensator", "message": f"{tool.name} names no undo."})
    arguments = build(registry.parsed(tool, done.payload), tool.output.model_validate(done.receipt))
    wanted = acting.Wanted(
        path=item["path"],
        tool=compensator,
        arguments=arguments.model_dump(mode="json"),
        context={"evidence": [], "reasoning": "", "order": order.get("reason", "")},
        requested_by_id=order.get("actor"),
        compensates_id=done.pk,
    )
    acting.carry_out(run, epoch, history, wanted, check_lease)


def _needs_person(run: Run, epoch: int, item: dict, error: Any) -> None:
    told = {"code": getattr(error, "code", "failed"), "message": error.message, "path": item["path"]}
    entry = Entry(
        kind="run.attention",
        body={"error": told},
        status=RunStatus.NEEDS_ATTENTION,
        ready=journal.NEVER,
        release=True,
        run={"error": told, "failed_path": item["path"]},
    )
    with scoping.tenant(run.tenant_id, durable=True):
        journal.append(run.pk, entry, epoch=epoch)
