"""What pages read of requests. The badge and the list come from one query."""

import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from approvals import errors, plainly, render, states
from approvals.gate import asked_for_it
from approvals.models import Approval, Vote
from approvals.states import Answer, ApprovalStatus
from runs import canonical, redaction, wording
from runs.models import Action, Step
from tenants import scoping
from tenants.permissions import DECIDE, Actor

PAGE = 50
MOST_OTHERS = 20
MARKS = {
    ApprovalStatus.PENDING: "waiting",
    ApprovalStatus.APPROVED: "waiting",
    ApprovalStatus.REJECTED: "failed",
    ApprovalStatus.SENT_BACK: "cancelled",
    ApprovalStatus.EXPIRED: "cancelled",
    ApprovalStatus.CANCELLED: "cancelled",
    ApprovalStatus.STALE: "cancelled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One request in the queue, as it is now."""

    approval: Approval
    waits: str  # "you", "others", or nothing: it was decided while the queue was read
    state: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    items: list[QueueRow]
    more: bool
    others: list[QueueRow]  # pending, and for somebody else to decide
    newest: str  # id of the newest request that was listed or known
    new: int = 0  # requests for this person that came after it

    @property
    def follow(self) -> str:
        """For the address by which a page asks for exactly these rows again."""
        return f"after={self.newest}&shown={_ids(self.items)}&others={_ids(self.others)}"


def _ids(rows: list[QueueRow]) -> str:
    return ".".join(str(row.approval.pk) for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum:
    """How many approvals stand, as far as this person may see it before voting."""

    given: int
    seats: tuple[str, ...]  # one a needed approval: voted, blind (there, and not shown yet), or empty
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is read beside a request."""

    votes: list[Vote]
    steps: list[Step]
    similar: list[Approval]
    requesters: frozenset[uuid.UUID]  # who asked for it, or for what it repeats
    asks: int
    following: Approval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPage:
    """One request as a reviewer sees it."""

    approval: Approval
    action: Action
    card: render.Card
    warnings: tuple[str, ...]  # what cannot be shown plainly: opening it turns Approve on
    digest: str
    fingerprint: str
    executed: str
    votes: list[Vote]
    mine: Vote | None
    may_approve: bool
    may_reject: bool
    why_not: str
    steps: list[tuple[Step, str]]  # before the request, with the colour of their state
    asked_by: str
    asks: int
    similar: list[Approval]
    state: str
    words: str
    outcome: str  # what became of it, in words
    following: Approval | None
    version: str  # changes whenever the page would say something else
    quorum: Quorum
    receipt: Any
    held_until: datetime | None  # end of the hold window, while it can be stopped


def waiting_for(actor: Actor) -> QuerySet[Approval]:
    """Pending requests that this person may decide and has not: one query for badge and list."""
    found = pending(actor)
    if not actor.may(DECIDE):
        return found.none()
    voted = Vote.objects.filter(approval=OuterRef("pk"), voter=actor.user, withdrawn_at=None)
    found = found.filter(~Exists(voted), deciders__contains=[actor.role])
    return found.exclude(run__started_by=actor.user).exclude(action__requested_by=actor.user)


def pending(actor: Actor) -> QuerySet[Approval]:
    return Approval.objects.filter(tenant=actor.tenant, status=ApprovalStatus.PENDING, expires_at__gt=timezone.now())


def inbox(actor: Actor) -> Inbox:
    """The queue, due first, and what waits for others. Three queries at any size."""
    with scoping.tenant(actor.tenant.pk):
        items = list(_for_queue(waiting_for(actor))[: PAGE + 1])
        others = pending(actor).exclude(pk__in=waiting_for(actor).values("pk"))
        newest = Approval.objects.filter(tenant=actor.tenant).order_by("-id").values_list("id", flat=True).first()
        others_items = list(_for_queue(others)[:MOST_OTHERS])
    return Inbox(
        items=[QueueRow(approval=item, waits="you", state="waiting", words="") for item in items[:PAGE]],
        more=len(items) > PAGE,
        others=[QueueRow(approval=item, waits="others", state="waiting", words="") for item in others_items],
        newest=str(newest or ""),
    )


def follow_queue(actor: Actor, *, shown: str, others: str, after: str) -> Inbox:
    """The rows that a page shows (ids joined by dots), each in its place and as it is now, and how many came since.

    Nothing moves under whoever reads: what was decided meanwhile stays and says so. Three queries at any size.
    """
    mine, theirs = _keys(shown, PAGE), _keys(others, MOST_OTHERS)
    with scoping.tenant(actor.tenant.pk):
        rows = {row.pk: row for row in _for_queue(Approval.objects.filter(pk__in=[*mine, *theirs]))}
        waiting = set(waiting_for(actor).filter(pk__in=rows).values_list("pk", flat=True))
        newer = waiting_for(actor).exclude(pk__in=rows)
        with suppress(ValueError):
            newer = newer.filter(id__gt=uuid.UUID(after))
        new = newer.count()
    found = [_queue_row(row, row.pk in waiting) for row in rows.values()]
    by_key = {row.approval.pk: row for row in found}
    return Inbox(
        items=[by_key[key] for key in mine if key in by_key],
        more=False,
        others=[by_key[key] for key in theirs if key in by_key],
        newest=after,
        new=new,
    )


def _queue_row(row: Approval, mine: bool) -> QueueRow:
    over = row.status != ApprovalStatus.PENDING or row.expires_at <= timezone.now()
    words = "" if not over else _words(row, row.action) if row.status != ApprovalStatus.PENDING else "Expired"
    state = _state(row, row.action) if row.status != ApprovalStatus.PENDING else "cancelled" if over else "waiting"
    return QueueRow(approval=row, waits="" if over else "you" if mine else "others", state=state, words=words)


def _keys(text: str, most: int) -> list[uuid.UUID]:
    found = []
    for word in text.split(".")[:most]:
        with suppress(ValueError):
            found.append(uuid.UUID(word))
    return found


def _for_queue(found: QuerySet[Approval]) -> QuerySet[Approval]:
    return found.select_related("run__workflow", "action").order_by("expires_at", "id")


def count_waiting(actor: Actor) -> int:
    with scoping.tenant(actor.tenant.pk):
        return waiting_for(actor).count()


def card(actor: Actor, approval_id: uuid.UUID) -> CardPage:
    """The card, from the stored bytes. Raises `NotFound`."""
    with scoping.tenant(actor.tenant.pk):
        approval = (
            Approval.objects.select_related("run__workflow", "run__release", "run__started_by", "action__requested_by")
            .filter(pk=approval_id)
            .first()
        )
        if approval is None:
            raise errors.NotFound("No request with this id is here. It may belong to another tenant of yours.")
        around = Around(
            votes=list(Vote.objects.filter(approval=approval).select_related("voter").order_by("id")),
            steps=list(Step.objects.filter(tenant=actor.tenant, run=approval.run).order_by("started_at", "id")),
            similar=list(_similar(actor, approval)),
            asks=Approval.objects.filter(tenant=actor.tenant, run=approval.run).count(),
            requesters=frozenset(asked_for_it(approval.action)),
            following=waiting_for(actor).exclude(pk=approval.pk).order_by("expires_at", "id").first(),
        )
    return _page(actor, approval, approval.action, around)


def _similar(actor: Actor, approval: Approval) -> QuerySet[Approval]:
    found = Approval.objects.filter(tenant=actor.tenant, action__tool=approval.action.tool, decided_at__isnull=False)
    return found.select_related("action").exclude(pk=approval.pk).order_by("-id")[:3]


def _page(actor: Actor, approval: Approval, action: Action, around: Around) -> CardPage:
    votes = around.votes
    drawn = render.card(action)
    warnings = _warnings(action, drawn)
    mine = next((vote for vote in votes if vote.voter_id == actor.user.pk and vote.withdrawn_at is None), None)
    why_not = _why_not(actor, approval, around.requesters)
    open_now = approval.expires_at > timezone.now()
    untouched = action.status in ("held", "ready")
    return CardPage(
        approval=approval,
        action=action,
        card=drawn,
        warnings=warnings,
        digest=action.digest,
        fingerprint=canonical.fingerprint(action.digest),
        executed=canonical.fingerprint(action.digest) if action.executed_hash == action.payload_hash else "",
        votes=votes,
        mine=mine,
        may_approve=not why_not and mine is None and open_now and states.can_approve(approval),
        may_reject=not why_not and open_now and untouched and states.can_reject(approval),
        why_not=why_not,
        steps=_before(around.steps, action),
        asked_by=_asked_by(approval, action),
        asks=around.asks,
        similar=around.similar,
        state=_state(approval, action),
        words=_waiting(approval, why_not, mine) or _words(approval, action),
        outcome=_outcome(approval, action, votes),
        following=around.following,
        version=f"{approval.status}.{action.status}.{len(votes)}",
        quorum=_quorum(approval, votes, open_to_see=bool(mine or why_not)),
        receipt=redaction.shown(action.receipt),
        held_until=action.not_before if action.status == "ready" else None,
    )


def _quorum(approval: Approval, votes: list[Vote], *, open_to_see: bool) -> Quorum:
    given = sum(vote.answer == Answer.APPROVE and vote.withdrawn_at is None for vote in votes)
    blind = not open_to_see and approval.status == ApprovalStatus.PENDING
    shown = "blind" if blind else "voted"
    seats = tuple(shown if place < given else "" for place in range(approval.quorum))
    words = "Shown after your own vote" if blind and given else f"{given} of {len(seats)} approvals"
    return Quorum(given=given, seats=seats, words=words)


def _before(steps: list[Step], action: Action) -> list[tuple[Step, str]]:
    earlier = [step for step in steps if step.path != action.path and step.started_at <= action.created_at]
    return [(step, wording.STEP_STATE[step.status]) for step in earlier[-6:]]


def _waiting(approval: Approval, why_not: str, mine: Vote | None) -> str:
    """Whom a pending request waits for; empty when it is decided."""
    if approval.status != ApprovalStatus.PENDING:
        return ""
    if mine is not None:
        return "Yours is in, waiting for others"
    return "Waiting for others" if why_not else "Waiting for you"


def _warnings(action: Action, drawn: render.Card) -> tuple[str, ...]:
    arguments = canonical.parse(bytes(action.payload))
    found = [
        w
        for name, value in sorted(arguments.items())
        if isinstance(value, str)
        for w in plainly.inspect(value, name).warnings
    ]
    return tuple(found + ([drawn.error] if drawn.error else []))


def _why_not(actor: Actor, approval: Approval, requesters: frozenset[uuid.UUID]) -> str:
    if actor.user.pk in requesters:
        return "You asked for this yourself, so somebody else decides it."
    if actor.role not in approval.deciders or not actor.may(DECIDE):
        return f"It is decided by the roles {', '.join(approval.deciders)}. You can watch it."
    return ""


def _asked_by(approval: Approval, action: Action) -> str:
    person = action.requested_by or approval.run.started_by
    if action.requested_by_id:
        return f"{person}, by hand"
    return f"the agent, started by {person}" if person else "the agent"


def _state(approval: Approval, action: Action) -> str:
    if approval.status == ApprovalStatus.APPROVED:
        return {"done": "done", "failed": "failed", "not_done": "failed", "outcome_unknown": "unknown"}.get(
            action.status, "running"
        )
    return MARKS[ApprovalStatus(approval.status)]


def _words(approval: Approval, action: Action) -> str:
    if approval.status == ApprovalStatus.APPROVED:
        return {
            "ready": "Approved, not executed yet",
            "claimed": "Approved, being executed",
            "done": "Approved and executed",
            "failed": "Approved, failed",
            "not_done": "Approved, not done",
            "outcome_unknown": "Approved, outcome unknown",
        }.get(action.status, "Approved")
    return "Waiting for you" if approval.status == ApprovalStatus.PENDING else approval.get_status_display()


def _outcome(approval: Approval, action: Action, votes: list[Vote]) -> str:
    last = next((vote for vote in reversed(votes) if vote.withdrawn_at is None), None)
    who = f"{last.voter}" if last else ""
    if approval.status == ApprovalStatus.PENDING:
        return ""
    if approval.status == ApprovalStatus.REJECTED:
        return f"{who} rejected it: “{last.reason if last else ''}” Nothing was sent. The agent has the reason."
    if approval.status != ApprovalStatus.APPROVED:
        return f"It is over without a decision ({approval.get_status_display().lower()}). Nothing was sent."
    return f"{who} approved it. " + {
        "ready": "The vote is recorded. Nothing has been sent yet.",
        "claimed": "It is being executed now.",
        "done": "It was executed once, and the receipt is kept.",
        "failed": f"It was tried and refused outside: {(action.error or {}).get('message', '')}",
        "not_done": "It was settled as not done.",
        "outcome_unknown": "It left once, and nobody knows whether it was done. It is not sent again.",
        "denied": f"It was refused at the claim: {(action.error or {}).get('message', '')}",
    }.get(action.status, "")


def decided(actor: Actor, *, before: str = "", mine: bool = True) -> tuple[list[dict[str, Any]], str]:
    """What became of requests that are decided, newest first; of this person's own when `mine`. Two queries."""
    with scoping.tenant(actor.tenant.pk):
        found = Approval.objects.filter(tenant=actor.tenant, decided_at__isnull=False).select_related("action", "run")
        if mine:
            voted = Vote.objects.filter(tenant=actor.tenant, voter=actor.user).values("approval_id")
            found = found.filter(id__in=voted)
        with suppress(ValueError):
            found = found.filter(id__lt=uuid.UUID(before))
        rows = list(found.order_by("-id")[: PAGE + 1])
        votes: dict[Any, list[Vote]] = {}
        for vote in Vote.objects.filter(approval__in=[r.pk for r in rows]).select_related("voter").order_by("id"):
            votes.setdefault(vote.approval_id, []).append(vote)
    told = [
        {
            "approval": row,
            "state": _state(row, row.action),
            "words": _words(row, row.action),
            "outcome": _outcome(row, row.action, votes.get(row.pk, [])),
            "receipt": redaction.shown(row.action.receipt),
        }
        for row in rows[:PAGE]
    ]
    return told, str(rows[PAGE - 1].pk) if len(rows) > PAGE else ""


def for_run(actor: Actor, run_id: uuid.UUID) -> Approval | None:
    """The newest request of a run."""
    with scoping.tenant(actor.tenant.pk):
        return Approval.objects.filter(tenant=actor.tenant, run_id=run_id).order_by("-id").first()


def votes_of(actor: Actor, user_id: uuid.UUID) -> tuple[int, int]:
    """How many open requests hold an approval of this person, and how many of those would lack one without it."""
    with scoping.tenant(actor.tenant.pk):
        given = Vote.objects.filter(tenant=actor.tenant, voter_id=user_id, answer=Answer.APPROVE, withdrawn_at=None)
        counted = Approval.objects.filter(
            tenant=actor.tenant, status__in=states.OPEN, pk__in=given.values("approval_id")
        )
        return counted.count(), counted.filter(status=ApprovalStatus.APPROVED).count()
