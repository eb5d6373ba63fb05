"""Artifacts: what a run made, stored by content."""

import hashlib
from typing import Any

from runs.models import Artifact, Blob, Run

MOST_BYTES = 2_000_000


def keep(run: Run, path: str, *, kind: str, title: str, content: str, media_type: str) -> dict[str, Any]:
    """Store `content` (cut at 2 MB) for the run page, inside the caller's transaction; what the journal tells of it."""
    raw = content.encode()[:MOST_BYTES]
    digest = hashlib.sha256(raw).hexdigest()
    Blob.objects.bulk_create([Blob(tenant_id=run.tenant_id, sha256=digest, content=raw)], ignore_conflicts=True)
    artifact = Artifact(
        tenant_id=run.tenant_id,
        run=run,
        path=path,
        kind=kind,
        title=title[:200],
        media_type=media_type,
        size=len(raw),
        blob_id=Blob.objects.values_list("pk", flat=True).get(tenant_id=run.tenant_id, sha256=digest),
    )
    artifact.save(force_insert=True)
    return {"artifact": str(artifact.pk), "sha256": digest, "size": len(raw), "note": title[:200]}
