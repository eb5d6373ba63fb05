"""Replies: real mails to the sales address, read and turned into events about their lead."""

import logging
import re
import uuid
from typing import Any

from django.conf import settings
from django.db import connection

from runs import errors
from runs.engine import subjects, waiting
from runs.models import Action, Signal
from runs.tools import inbox
from runs.tools.inbox import Received
from tenants import scoping

log = logging.getLogger(__name__)
_NO_MORE = re.compile(
    r"\b(unsubscribe|not interested|no interest|stop (?:writing|contacting|e-?mailing|sending)|please stop"
    r"|(?:take|remove) me (?:off|from)|(?:do not|don['’]t) (?:contact|write|e-?mail) (?:me|us)"
    r"|no (?:more|further) (?:e-?mails|mails|messages))\b",
    re.IGNORECASE,
)


def read_all() -> int:
    """One look into every configured inbox; how many new mails became events. A mailbox that is away is logged."""
    return sum(_read(slug, address) for slug, address in settings.HOLDPOINT_INBOXES.items())


def read_for(tenant: uuid.UUID) -> int:
    """One look into the inboxes of `tenant` now. Raises the tool's error when the mail server is away."""
    found = 0
    for slug, address in settings.HOLDPOINT_INBOXES.items():
        if _tenant_of(slug) == tenant:
            found += _take(tenant, address, inbox.read_new(address, f"inbox:{slug}", lambda ids: _known(tenant, ids)))
    return found


def _read(slug: str, address: str) -> int:
    tenant = _tenant_of(slug)
    if tenant is None:
        return 0
    try:
        return _take(tenant, address, inbox.read_new(address, f"inbox:{slug}", lambda ids: _known(tenant, ids)))
    except errors.ToolError as error:
        log.warning("an inbox could not be read", extra={"tenant": tenant, "why": error.message})
        return 0


def _take(tenant: uuid.UUID, address: str, mails: list[Received]) -> int:
    for received in mails:
        _deliver(tenant, received)
    if mails:
        log.info("mails came in", extra={"tenant": tenant, "inbox": address, "count": len(mails)})
    return len(mails)


def _deliver(tenant: uuid.UUID, received: Received) -> None:
    """Whoever says that they want no more is heard in the same transaction, whether a run listens or not."""
    about = _about(tenant, received)
    words = _NO_MORE.search(received.text) if received.kind == "reply" else None
    name = "auto_reply" if received.kind == "automatic" else "reply"
    value: dict[str, Any] = received.model_dump(mode="json")
    with scoping.tenant(tenant, durable=True):
        if words is not None:
            scoping.withdraw_permission()  # before any other lock: claims take it first
        waiting.deliver(tenant=tenant, subject=about, name=name, key=_key(received.uid), value=value)
        if words is not None:
            by = received.name or received.sender
            subjects.forbid_contact(tenant, about, why=f"“{_sentence(received.text, words.start())}”", by=by)


def _about(tenant: uuid.UUID, received: Received) -> str:
    """The lead: of the run whose mail it answers, else by the sender's address."""
    try:
        answered = uuid.UUID(received.answers)
    except ValueError:
        return f"lead:{received.sender}"[:200]
    with scoping.tenant(tenant):
        action = Action.objects.select_related("run").filter(tenant_id=tenant, pk=answered).first()
    return action.run.subject if action is not None else f"lead:{received.sender}"[:200]


def _known(tenant: uuid.UUID, ids: list[str]) -> set[str]:
    keys = {_key(uid): uid for uid in ids}
    with scoping.tenant(tenant):
        known = Signal.objects.filter(tenant_id=tenant, key__in=list(keys)).values_list("key", flat=True)
        return {keys[key] for key in known}


def _key(uid: str) -> str:
    return f"mail:{uid}"[:120]


def _sentence(text: str, at: int) -> str:
    begin = max(text.rfind(mark, 0, at) for mark in ".!?\n") + 1
    ends = [end for mark in ".!?\n" if (end := text.find(mark, at)) != -1]
    return text[begin : min(ends) + 1 if ends else len(text)].strip()[:300]


def _tenant_of(slug: str) -> uuid.UUID | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_by_slug_v1(%s)", [slug])
        return cursor.fetchone()[0]
