"""What stands beside a run: what it made, and what is known of its subject. The reads of the run page's last part."""

import uuid
from dataclasses import dataclass

from runs import errors, redaction, states, story
from runs.engine import workflows
from runs.models import Artifact, Run, Subject, Wait
from runs.states import WaitKind
from tenants import scoping
from tenants.permissions import LOOK, MANAGE, OPERATE, Actor

MOST = 20  # other runs, artifacts
CALLED = {"answer": "They answered", "words": "In their words"}  # facts that the workflows of this code write


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Artifacts oldest first, the subject when the run is about one, and the other runs on it."""

    artifacts: list[Artifact]
    more: int  # artifacts that are not shown
    subject: Subject | None
    known: tuple[tuple[str, str], ...]  # what earlier runs wrote down: name, words
    others: list[tuple[Run, str, str]]  # run, colour family, words
    holder: Run | None  # the other run whose turn it is
    wait: Wait | None  # an open wait for time or an event
    may_skip: bool
    may_forbid: bool
    may_allow: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One artifact with its content as text."""

    artifact: Artifact
    run: Run
    text: str


def about(actor: Actor, run: Run) -> About:
    """Five queries."""
    with scoping.tenant(actor.tenant.pk):
        artifacts = list(Artifact.objects.filter(tenant=actor.tenant, run=run).order_by("id")[: MOST + 1])
        definition = workflows.find(run.workflow.name)
        alone = definition is not None and definition.exclusive
        subject = (
            Subject.objects.select_related("holder").filter(tenant=actor.tenant, key=run.subject).first()
            if alone
            else None
        )
        others = _others(run) if alone else []
        timed = Wait.objects.filter(tenant=actor.tenant, run=run, resolved_at=None, due_at__isnull=False)
        wait = timed.filter(kind__in=(WaitKind.TIMER, WaitKind.EVENT)).first()
        holder = subject.holder if subject is not None and subject.holder_id not in (None, run.pk) else None
        operate, open_now = actor.may(OPERATE, run.workflow), run.status in states.RUN_OPEN
    barred = subject is not None and subject.no_contact_at is not None
    return About(
        artifacts=artifacts[:MOST],
        more=max(len(artifacts) - MOST, 0),
        subject=subject,
        known=_known(subject),
        others=others,
        holder=holder,
        wait=wait if open_now else None,
        may_skip=operate and open_now and wait is not None,
        may_forbid=operate and alone and not barred,
        may_allow=actor.may(MANAGE) and barred,
    )


def artifact(actor: Actor, run_id: uuid.UUID, artifact_id: uuid.UUID) -> Kept:
    """One artifact of a run, as text. Raises `NotFound`."""
    with scoping.tenant(actor.tenant.pk):
        found = Artifact.objects.select_related("blob", "run__workflow").filter(
            tenant=actor.tenant, run_id=run_id, pk=artifact_id
        )
        kept = found.first()
        if kept is None or not actor.may(LOOK, kept.run.workflow):
            raise errors.NotFound("There is no such artifact here. It may belong to another tenant of yours.")
        text = bytes(kept.blob.content).decode("utf-8", "replace")
    return Kept(artifact=kept, run=kept.run, text=redaction.shown(text))


def _known(subject: Subject | None) -> tuple[tuple[str, str], ...]:
    """The facts in words. What they said stands once: not here, when it is why they are not contacted."""
    facts = {name: value for name, value in (subject.facts if subject else {}).items() if value is not None}
    if subject is not None and subject.no_contact_at is not None:
        facts.pop("words", None)
    lifted = facts.pop("contact allowed again", None)
    found = [(CALLED.get(name, name.capitalize()), str(value)) for name, value in facts.items()]
    if isinstance(lifted, dict):
        found.append(("Contact allowed again", f"by {lifted.get('by')}: {lifted.get('why')}"))
    return tuple(found)


def _others(run: Run) -> list[tuple[Run, str, str]]:
    found = Run.objects.filter(tenant_id=run.tenant_id, subject=run.subject).exclude(pk=run.pk)
    return [
        (other, *story.pill(other)) for other in found.select_related("workflow").defer("input").order_by("-id")[:MOST]
    ]
