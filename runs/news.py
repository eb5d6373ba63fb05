"""News: "this run has a new event". Sent after the commit, coalesced; whoever hears it fetches with their own rights."""

import json
import uuid

from django.db import connection, transaction

CHANNEL = "holdpoint_news"
_KEY = "holdpoint_news"  # attribute of the thread's own connection: what its present transaction will announce


def announce_on_commit(*, tenant: uuid.UUID, run: uuid.UUID, seq: int, about: str) -> None:
    """Tell open pages about `run` once this transaction is durable. `about` is "run" or "approval"."""
    if not any(hook[1] is _send for hook in connection.run_on_commit):
        setattr(connection, _KEY, {})  # what a transaction left that was rolled back is no news
        transaction.on_commit(_send, robust=True)
    known = getattr(connection, _KEY).setdefault((str(tenant), str(run)), {"seq": 0, "about": set()})
    known["seq"] = max(known["seq"], seq)
    known["about"].add(about)


def _send() -> None:
    waiting = getattr(connection, _KEY)
    setattr(connection, _KEY, {})
    frames = [
        json.dumps({"tenant": tenant, "run": run, "seq": news["seq"], "about": sorted(news["about"])})
        for (tenant, run), news in waiting.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, frame) FROM unnest(%s::text[]) AS frame", [CHANNEL, frames])
