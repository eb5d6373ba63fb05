"""News: "this run has a new event", "the flags changed". Sent after the commit, coalesced; whoever hears it fetches
with their own rights."""

import json
import uuid

from django.db import connection, transaction

CHANNEL = "holdpoint_news"
_KEY = "holdpoint_news"  # attribute of the thread's own connection: what its present transaction will announce


def announce_on_commit(*, tenant: uuid.UUID, run: uuid.UUID | None, seq: int, about: str) -> None:
    """Tell open pages about `run` (None: the whole tenant) once this transaction is durable.

    `about` is run, approval, stops, flags, members or audit.
    """
    if not any(hook[1] is _send for hook in connection.run_on_commit):
        setattr(connection, _KEY, {})  # what a transaction left that was rolled back is no news
        transaction.on_commit(_send, robust=True)
    place = (str(tenant), str(run) if run is not None else None)
    known = getattr(connection, _KEY).setdefault(place, {"seq": 0, "about": set()})
    known["seq"] = max(known["seq"], seq)
    known["about"].add(about)


def announce_tenant(*, tenant: uuid.UUID, about: str) -> None:
    """Tell open pages that something of the whole tenant changed."""
    announce_on_commit(tenant=tenant, run=None, seq=0, about=about)


def _send() -> None:
    waiting = getattr(connection, _KEY)
    setattr(connection, _KEY, {})
    frames = [
        json.dumps({"tenant": tenant, "run": run, "seq": news["seq"], "about": sorted(news["about"])})
        for (tenant, run), news in waiting.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, frame) FROM unnest(%s::text[]) AS frame", [CHANNEL, frames])
