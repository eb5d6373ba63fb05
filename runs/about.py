"""What stands beside a run: what it made, and what is known of its subject. The reads of the run page's last part."""

import uuid
import zlib
from dataclasses import dataclass

from runs import errors, redaction, states, story
from runs.engine import subjects, workflows
from runs.engine.subjects import Deed
from runs.models import Artifact, Run, Step, Subject, Wait
from runs.states import WaitKind
from tenants import features, scoping
from tenants.permissions import LOOK, MANAGE, OPERATE, Actor

Flags = list[tuple[features.Declared, features.Answer]]

MOST = 20  # other runs, artifacts
CALLED = {"answer": "They answered", "words": "In their words"}  # facts that the workflows of this code write


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Artifacts oldest first, the subject when the run is about one, and the other runs on it."""

    artifacts: list[Artifact]
    more: int  # artifacts that are not shown
    subject: Subject | None
    deeds: list[Deed]  # what was done about them, by whatever run
    known: tuple[tuple[str, str], ...]  # what earlier runs wrote down: name, words
    others: list[tuple[Run, str, str]]  # run, colour family, words
    holder: Run | None  # the other run whose turn it is
    wait: Wait | None  # an open wait for time or an event
    flags: Flags  # that an open run will ask about, and what they say now
    state: str  # what a page that follows the run compares
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
    """At most eight queries."""
    with scoping.tenant(actor.tenant.pk):
        artifacts = list(Artifact.objects.filter(tenant=actor.tenant, run=run).order_by("id")[: MOST + 1])
        subject, flags = _beside(run)
        alone = _alone(run)
        others = _others(run) if alone else []
        deeds = subjects.deeds(actor.tenant.pk, run.subject) if alone else []
        timed = Wait.objects.filter(tenant=actor.tenant, run=run, resolved_at=None, due_at__isnull=False)
        wait = timed.filter(kind__in=(WaitKind.TIMER, WaitKind.EVENT)).first()
        holder = subject.holder if subject is not None and subject.holder_id not in (None, run.pk) else None
        operate, open_now = actor.may(OPERATE, run.workflow), run.status in states.RUN_OPEN
    barred = subject is not None and subject.no_contact_at is not None
    return About(
        artifacts=artifacts[:MOST],
        more=max(len(artifacts) - MOST, 0),
        subject=subject,
        deeds=deeds,
        known=_known(subject),
        others=others,
        holder=holder,
        wait=wait if open_now else None,
        flags=flags,
        state=_state(run, subject, flags),
        may_skip=operate and open_now and wait is not None,
        may_forbid=operate and alone and not barred,
        may_allow=actor.may(MANAGE) and barred,
    )


def state(actor: Actor, run_id: uuid.UUID) -> str:
    """Changes with every event of the run, and with what stands beside it. At most four queries; raises `NotFound`."""
    with scoping.tenant(actor.tenant.pk):
        run = Run.objects.select_related("workflow").filter(tenant=actor.tenant, pk=run_id).first()
        if run is None or not actor.may(LOOK, run.workflow):
            raise errors.NotFound("There is no such run here. It may belong to another tenant of yours.")
        return _state(run, *_beside(run))


def _state(run: Run, subject: Subject | None, flags: Flags) -> str:
    if subject is None and not flags:
        return str(run.head)
    told = [subject and (subject.no_contact_at, subject.holder_id, subject.facts), [says.why for _, says in flags]]
    return f"{run.head}-{zlib.crc32(repr(told).encode()):x}"


def _alone(run: Run) -> bool:
    definition = workflows.find(run.workflow.name)
    return definition is not None and definition.exclusive


def _beside(run: Run) -> tuple[Subject | None, Flags]:
    """The subject of the run, and the flags that it may still ask about; what it was told once stays so."""
    known = Subject.objects.select_related("holder").filter(tenant_id=run.tenant_id, key=run.subject)
    subject = known.first() if _alone(run) else None
    definition = workflows.find(run.workflow.name)
    if definition is None or not definition.flags or run.status not in states.RUN_OPEN:
        return subject, []
    asked = Step.objects.filter(
        tenant_id=run.tenant_id, run=run, path__in=[f"flag:{name}" for name in definition.flags]
    )
    told = set(asked.values_list("path", flat=True))
    names = [name for name in definition.flags if f"flag:{name}" not in told]
    return subject, features.answers(names, unit=run.subject, user=run.started_by_id)


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
