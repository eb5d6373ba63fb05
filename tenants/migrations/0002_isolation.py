"""Composite keys, forced row-level security, and the two functions that open before a tenant is known."""

from django.db import migrations

from tenants.keys import APP, cross_function, isolate, tenant_key

SHARED = (
    "tenants_user, tenants_globalstop, account_emailaddress, account_emailconfirmation, auth_group,"
    " auth_group_permissions, auth_permission, django_content_type, django_session,"
    " guardian_groupobjectpermission, guardian_userobjectpermission"
)


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0001_initial"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("guardian", "0003_remove_groupobjectpermission_guardian_gr_content_ae6aec_idx_and_more"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(
            f"""
            GRANT USAGE ON SCHEMA public TO {APP};
            GRANT SELECT, INSERT, UPDATE, DELETE ON {SHARED} TO {APP};
            GRANT SELECT ON django_migrations TO {APP};
            GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APP};
            """,
            migrations.RunSQL.noop,
        ),
        *(tenant_key(table) for table in ("tenants_membership", "tenants_apikey", "tenants_stop")),
        isolate("tenants_tenant", column="id", grants="SELECT, INSERT, UPDATE"),
        isolate("tenants_membership", grants="SELECT, INSERT, UPDATE"),
        isolate("tenants_apikey", grants="SELECT, INSERT, UPDATE"),
        isolate("tenants_stop", grants="SELECT, INSERT, UPDATE"),
        cross_function(
            "my_tenants_v1(p_user uuid) RETURNS TABLE (tenant_id uuid, slug text, name text, currency text, role text)"
            " LANGUAGE sql STABLE",
            """
            SELECT t.id, t.slug, t.name, t.currency, m.role
            FROM tenants_membership m JOIN tenants_tenant t ON t.id = m.tenant_id
            WHERE m.user_id = p_user AND m.revoked_at IS NULL ORDER BY t.name
            """,
            tables="SELECT ON tenants_membership; SELECT ON tenants_tenant",
        ),
        cross_function(
            "key_owner_v1(p_hash text) RETURNS TABLE (tenant_id uuid, user_id uuid, scopes jsonb, slug text,"
            " name text, currency text, role text) LANGUAGE sql STABLE",
            """
            SELECT k.tenant_id, k.user_id, k.scopes, t.slug, t.name, t.currency, m.role
            FROM tenants_apikey k
            JOIN tenants_tenant t ON t.id = k.tenant_id
            JOIN tenants_membership m ON m.tenant_id = k.tenant_id AND m.user_id = k.user_id AND m.revoked_at IS NULL
            WHERE k.hash = p_hash AND k.revoked_at IS NULL
            """,
            tables="SELECT ON tenants_apikey",
        ),
        migrations.RunSQL(
            "CREATE INDEX apikey_by_hash ON tenants_apikey (hash); CREATE INDEX membership_by_user ON tenants_membership (user_id)",
            "DROP INDEX apikey_by_hash; DROP INDEX membership_by_user",
        ),
    ]
