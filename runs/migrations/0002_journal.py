"""The journal as a partitioned, append-only table, and the one function that writes it."""

from django.db import migrations

from tenants.keys import APP, CROSS, composite_fk, isolate, tenant_key

TABLES = ("workflow", "release", "run", "step", "action", "attempt", "wait", "signal")

EVENT = """
DROP TABLE runs_event;
CREATE TABLE runs_event (
    tenant_id uuid NOT NULL,
    run_id uuid NOT NULL,
    seq bigint NOT NULL,
    parent_seq bigint NOT NULL,
    kind varchar(40) NOT NULL,
    path varchar(300) NOT NULL,
    status varchar(16) NOT NULL,
    waiting_for varchar(10) NOT NULL,
    body jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, run_id, seq)
) PARTITION BY RANGE (run_id);
CREATE UNIQUE INDEX event_final_once ON runs_event (tenant_id, run_id)
    WHERE status IN ('done', 'partly_done', 'failed', 'compensated', 'cancelled', 'over_budget');
CREATE TABLE runs_event_default PARTITION OF runs_event DEFAULT;

CREATE FUNCTION refuse_journal_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user = 'holdpoint_owner' AND current_setting('holdpoint.maintenance', true) = 'on' THEN
        RETURN coalesce(NEW, OLD);
    END IF;
    RAISE EXCEPTION 'the journal is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON runs_event
    FOR EACH ROW EXECUTE FUNCTION refuse_journal_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON runs_event EXECUTE FUNCTION refuse_journal_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON runs_event_default EXECUTE FUNCTION refuse_journal_change();
"""

# A partition holds the runs of one month, because the first 48 bits of a run's id are its time.
PARTITIONS = """
CREATE FUNCTION ensure_partitions_v1(p_from date, p_months int) RETURNS int LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    month date; made int := 0; part text;
BEGIN
    FOR i IN 0 .. least(greatest(p_months, 0), 36) LOOP
        month := date_trunc('month', p_from)::date + make_interval(months => i);
        part := 'runs_event_' || to_char(month, 'YYYY_MM');
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I PARTITION OF runs_event FOR VALUES FROM (%L) TO (%L)', part,
            month_floor_v1(month), month_floor_v1((month + interval '1 month')::date));
        EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON %I EXECUTE FUNCTION refuse_journal_change()', part);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;
"""

FLOOR = """
CREATE FUNCTION month_floor_v1(p_month date) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM (p_month::timestamp AT TIME ZONE 'UTC')) * 1000)::bigint), 12, '0')
            || '00000000000000000000')::uuid
$$;
"""

# One item = one event: fence and move the head, insert the row, project the step. An item that may not be
# written is left out of the answer; it never raises, so it cannot roll back its neighbours.
APPEND = """
CREATE FUNCTION append_v1(p_tenant uuid, p_items json) RETURNS TABLE (item int, seq bigint) LANGUAGE plpgsql AS $$
DECLARE
    it json; i int := -1; h bigint; s json; r json;
BEGIN
    FOR it IN SELECT value FROM json_array_elements(p_items) LOOP
        i := i + 1;
        r := it->'run';
        UPDATE runs_run AS u SET
            head = u.head + 1,
            status = coalesce(it->>'status', u.status),
            waiting_for = CASE WHEN it->>'status' IS NULL THEN u.waiting_for ELSE coalesce(it->>'waiting_for', '') END,
            ready_at = CASE coalesce(it->>'ready', 'keep') WHEN 'keep' THEN u.ready_at WHEN 'never' THEN NULL
                WHEN 'now' THEN clock_timestamp() ELSE (it->>'ready')::timestamptz END,
            lease_worker_id = CASE WHEN (it->>'release')::boolean THEN NULL ELSE u.lease_worker_id END,
            lease_epoch = u.lease_epoch + CASE WHEN (it->>'fence_off')::boolean THEN 1 ELSE 0 END,
            finished_at = CASE WHEN (it->>'final')::boolean THEN clock_timestamp() ELSE u.finished_at END,
            result = CASE WHEN r->'result' IS NULL THEN u.result ELSE (r->'result')::jsonb END,
            error = CASE WHEN r->'error' IS NULL THEN u.error ELSE nullif((r->'error')::jsonb, 'null') END,
            failed_path = coalesce(r->>'failed_path', u.failed_path),
            direction = coalesce(r->>'direction', u.direction),
            stop_requested_at = CASE WHEN (r->>'stop_requested')::boolean THEN clock_timestamp() ELSE u.stop_requested_at END,
            updated_at = clock_timestamp()
        WHERE u.tenant_id = p_tenant AND u.id = (it->>'run_id')::uuid
            AND (it->>'epoch' IS NULL OR (u.lease_epoch = (it->>'epoch')::bigint AND u.lease_worker_id IS NOT NULL))
            AND (it->'expect' IS NULL OR u.status = ANY (ARRAY(SELECT json_array_elements_text(it->'expect'))))
        RETURNING u.head INTO h;
        CONTINUE WHEN NOT FOUND;
        INSERT INTO runs_event (tenant_id, run_id, seq, parent_seq, kind, path, status, waiting_for, body)
        VALUES (p_tenant, (it->>'run_id')::uuid, h, coalesce((it->>'parent_seq')::bigint, h - 1), it->>'kind',
            coalesce(it->>'path', ''), coalesce(it->>'status', ''), coalesce(it->>'waiting_for', ''), (it->'body')::jsonb);
        s := it->'step';
        IF s IS NOT NULL AND json_typeof(s) = 'object' THEN
            INSERT INTO runs_step AS t (id, tenant_id, run_id, path, kind, status, attempt, note, first_seq, last_seq,
                started_at, finished_at, inherited)
            VALUES ((s->>'id')::uuid, p_tenant, (it->>'run_id')::uuid, it->>'path', s->>'kind', s->>'status',
                (s->>'attempt')::smallint, s->>'note', h, h,
                clock_timestamp() - make_interval(secs => (s->>'ms')::float / 1000),
                CASE WHEN (s->>'over')::boolean THEN clock_timestamp() END, false)
            ON CONFLICT (tenant_id, run_id, path) DO UPDATE SET status = excluded.status, attempt = excluded.attempt,
                note = excluded.note, last_seq = excluded.last_seq, finished_at = excluded.finished_at;
        END IF;
        item := i; seq := h;
        RETURN NEXT;
    END LOOP;
END $$;
"""

FINAL = """
CREATE FUNCTION refuse_leaving_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% % is final: % cannot become %', TG_TABLE_NAME, OLD.id, OLD.status, NEW.status
        USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER final_stays BEFORE UPDATE OF status ON runs_run FOR EACH ROW
    WHEN (OLD.status <> NEW.status AND OLD.status IN
        ('done', 'partly_done', 'failed', 'compensated', 'cancelled', 'over_budget'))
    EXECUTE FUNCTION refuse_leaving_final();
CREATE TRIGGER final_stays BEFORE UPDATE OF status ON runs_action FOR EACH ROW
    WHEN (OLD.status <> NEW.status AND OLD.status IN ('done', 'failed', 'not_done', 'denied'))
    EXECUTE FUNCTION refuse_leaving_final();
"""


class Migration(migrations.Migration):
    dependencies = [("runs", "0001_initial"), ("tenants", "0002_isolation")]

    operations = [
        *(tenant_key(f"runs_{name}") for name in TABLES),
        migrations.RunSQL(EVENT, migrations.RunSQL.noop),
        composite_fk("runs_release", "workflow_id", "runs_workflow"),
        composite_fk("runs_run", "workflow_id", "runs_workflow"),
        composite_fk("runs_run", "release_id", "runs_release"),
        composite_fk("runs_run", "parent_id", "runs_run"),
        composite_fk("runs_event", "run_id", "runs_run"),
        composite_fk("runs_step", "run_id", "runs_run"),
        composite_fk("runs_action", "run_id", "runs_run"),
        composite_fk("runs_action", "compensates_id", "runs_action"),
        composite_fk("runs_attempt", "action_id", "runs_action"),
        composite_fk("runs_wait", "run_id", "runs_run"),
        composite_fk("runs_signal", "taken_by_id", "runs_wait"),
        *(isolate(f"runs_{name}", grants="SELECT, INSERT, UPDATE") for name in TABLES),
        isolate("runs_event", grants="SELECT, INSERT"),
        migrations.RunSQL(
            f"""
            {FLOOR} {PARTITIONS} {APPEND} {FINAL}
            REVOKE ALL ON FUNCTION ensure_partitions_v1(date, int) FROM PUBLIC;
            GRANT EXECUTE ON FUNCTION ensure_partitions_v1(date, int) TO {APP};
            GRANT SELECT, INSERT, UPDATE, DELETE ON runs_worker TO {APP};
            GRANT SELECT ON runs_worker TO {CROSS};
            ALTER TABLE runs_run SET (fillfactor = 70);
            ALTER TABLE runs_step SET (fillfactor = 80);
            SELECT ensure_partitions_v1(current_date, 3);
            """,
            migrations.RunSQL.noop,
        ),
    ]
