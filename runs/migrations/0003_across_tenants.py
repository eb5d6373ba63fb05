"""What workers ask before they know a tenant."""

from django.db import migrations

from tenants.keys import cross_function


class Migration(migrations.Migration):
    dependencies = [("runs", "0002_journal")]

    operations = [
        # SKIP LOCKED: two workers never wait for each other. `p_tenants` null means all of them.
        cross_function(
            "claim_ready_v1(p_worker uuid, p_limit int, p_tenants uuid[]) RETURNS TABLE (tenant_id uuid, run_id uuid,"
            " epoch bigint) LANGUAGE sql VOLATILE",
            """
            WITH picked AS (
                SELECT r.tenant_id, r.id FROM runs_run r
                WHERE r.ready_at IS NOT NULL AND r.ready_at <= clock_timestamp() AND r.lease_worker_id IS NULL
                    AND (p_tenants IS NULL OR r.tenant_id = ANY (p_tenants))
                ORDER BY r.priority, r.ready_at LIMIT p_limit FOR UPDATE SKIP LOCKED
            )
            UPDATE runs_run r SET
                status = CASE r.direction WHEN 'undo' THEN 'compensating' ELSE 'running' END, waiting_for = '',
                lease_worker_id = p_worker, lease_epoch = r.lease_epoch + 1, ready_at = NULL
            FROM picked WHERE r.tenant_id = picked.tenant_id AND r.id = picked.id
            RETURNING r.tenant_id, r.id, r.lease_epoch
            """,
            tables="SELECT, UPDATE ON runs_run",
        ),
        cross_function(
            "due_waits_v1(p_limit int, p_tenants uuid[]) RETURNS TABLE (tenant_id uuid, wait_id uuid, kind text)"
            " LANGUAGE sql STABLE",
            """
            SELECT w.tenant_id, w.id, w.kind FROM runs_wait w
            WHERE w.resolved_at IS NULL AND w.due_at <= clock_timestamp()
                AND (p_tenants IS NULL OR w.tenant_id = ANY (p_tenants))
            ORDER BY w.due_at LIMIT p_limit
            """,
            tables="SELECT ON runs_wait",
        ),
        cross_function(
            "lost_leases_v1(p_limit int, p_tenants uuid[]) RETURNS TABLE (tenant_id uuid, run_id uuid, epoch bigint)"
            " LANGUAGE sql STABLE",
            """
            SELECT r.tenant_id, r.id, r.lease_epoch FROM runs_run r
            JOIN runs_worker w ON w.id = r.lease_worker_id
            WHERE r.lease_worker_id IS NOT NULL AND w.alive_until < clock_timestamp()
                AND (p_tenants IS NULL OR r.tenant_id = ANY (p_tenants))
            ORDER BY w.alive_until LIMIT p_limit
            """,
            tables="",
        ),
    ]
