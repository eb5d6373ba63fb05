"""Keys and isolation of flags, invitations and the audit, which is append-only."""

from django.db import migrations

from tenants.keys import cross_function, isolate, tenant_key

TABLES = ("feature", "invitation", "auditentry")


class Migration(migrations.Migration):
    dependencies = [("tenants", "0003_governance")]

    operations = [
        *(tenant_key(f"tenants_{name}") for name in TABLES),
        isolate("tenants_feature", grants="SELECT, INSERT, UPDATE"),
        isolate("tenants_invitation", grants="SELECT, INSERT, UPDATE"),
        isolate("tenants_auditentry", grants="SELECT, INSERT"),
        cross_function(
            "invitation_v1(p_hash text) RETURNS TABLE (tenant_id uuid, user_id uuid) LANGUAGE sql STABLE",
            """
            SELECT i.tenant_id, i.user_id FROM tenants_invitation i
            WHERE i.hash = p_hash AND i.used_at IS NULL AND i.expires_at > clock_timestamp()
            """,
            tables="SELECT ON tenants_invitation",
        ),
        migrations.RunSQL(
            """
            CREATE INDEX invitation_by_hash ON tenants_invitation (hash);
            CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'the audit is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
            END $$;
            CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON tenants_auditentry
                FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
            CREATE TRIGGER no_truncate BEFORE TRUNCATE ON tenants_auditentry EXECUTE FUNCTION refuse_audit_change();
            """,
            "DROP TABLE tenants_auditentry CASCADE",
        ),
    ]
