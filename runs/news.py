"""News: "this run has a new event". Sent after the commit, coalesced; whoever hears it fetches with their own rights."""

import json
import uuid

from django.db import connection, transaction

CHANNEL = "holdpoint_news"


def announce_on_commit(*, tenant: uuid.UUID, run: uuid.UUID, seq: int, about: str) -> None:
    """Tell open pages about `run` once this transaction is durable. `about` is "run" or "approval"."""
    waiting = connection.__dict__.setdefault("holdpoint_news", {})
    if not waiting:
        transaction.on_commit(_send, robust=True)
    known = waiting.setdefault((str(tenant), str(run)), {"seq": 0, "about": set()})
    known["seq"] = max(known["seq"], seq)
    known["about"].add(about)


def _send() -> None:
    waiting, connection.__dict__["holdpoint_news"] = connection.__dict__.get("holdpoint_news", {}), {}
    frames = [
        json.dumps({"tenant": tenant, "run": run, "seq": news["seq"], "about": sorted(news["about"])})
        for (tenant, run), news in waiting.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, frame) FROM unnest(%s::text[]) AS frame", [CHANNEL, frames])
