"""Whether the process lives, and whether it can serve. Both are cheap and need no sign-in."""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from runs.models import Worker


@require_GET
def live(request: HttpRequest) -> JsonResponse:
    """The process answers. Says nothing of the database."""
    return JsonResponse({"status": "ok"})


@require_GET
def ready(request: HttpRequest) -> JsonResponse:
    """200 when the database answers, its schema is ours and a worker was seen within 15 s; else 503 and what is missing."""
    missing = []
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            missing.append("migrations are not applied: run bin/manage migrate as the owner role")
        elif not Worker.objects.extra(where=["alive_until > clock_timestamp() - interval '5 seconds'"]).exists():
            missing.append("no worker was seen within 15 s: start bin/manage worker")
    except DatabaseError as error:
        missing.append(f"the database does not answer: {type(error).__name__}")
    body = {"status": "not ready" if missing else "ok", "missing": missing}
    return JsonResponse(body, status=503 if missing else 200)
