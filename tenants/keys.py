"""Keys that start with the tenant, and the migration operations that make the schema refuse to cross.

For Django a row's primary key is `id`. In the database it is `(tenant_id, id)`, and every foreign key
between rows of tenants is `(tenant_id, x_id)`. So the ORM stays ordinary, PostgreSQL itself refuses a
reference into another tenant, and the tables can be distributed by tenant.
"""

import secrets
import time
import uuid
from typing import Any

from django.db import migrations, models

APP, OWNER, CROSS = "holdpoint_app", "holdpoint_owner", "holdpoint_cross"
CURRENT_TENANT = "nullif(current_setting('app.tenant', true), '')::uuid"


def uuid7() -> uuid.UUID:
    """A UUID whose first 48 bits are milliseconds since 1970, the rest random (RFC 9562, section 5.7)."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


class TenantModel(models.Model):
    """A row that belongs to one tenant."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT, db_index=False, related_name="+")

    class Meta:
        abstract = True


def ref(to: Any, on_delete: Any = models.PROTECT, **options: Any) -> models.ForeignKey:
    """A foreign key between rows of one tenant. The constraint is made by `composite_fk` in a migration."""
    return models.ForeignKey(
        to, on_delete, **{"db_constraint": False, "db_index": False, "related_name": "+", **options}
    )


def tenant_key(table: str) -> migrations.RunSQL:
    """Replace Django's key on `id` by `(tenant_id, id)`."""
    return migrations.RunSQL(
        f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD CONSTRAINT {table}_pkey PRIMARY KEY (tenant_id, id)",
        migrations.RunSQL.noop,
    )


def composite_fk(table: str, column: str, to: str) -> migrations.RunSQL:
    """Constrain `(tenant_id, column)` to `to (tenant_id, id)`."""
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_fk"
        f" FOREIGN KEY (tenant_id, {column}) REFERENCES {to} (tenant_id, id)",
        f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_fk",
    )


def isolate(
    table: str, *, column: str = "tenant_id", grants: str = "SELECT, INSERT, UPDATE, DELETE"
) -> migrations.RunSQL:
    """Force row-level security on `table`: the application sees the tenant that is set, and no row when none is."""
    return migrations.RunSQL(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY owner_all ON {table} TO {OWNER} USING (true) WITH CHECK (true);
        CREATE POLICY cross_all ON {table} TO {CROSS} USING (true) WITH CHECK (true);
        CREATE POLICY own_tenant ON {table} TO {APP}
            USING ({column} = {CURRENT_TENANT}) WITH CHECK ({column} = {CURRENT_TENANT});
        GRANT {grants} ON {table} TO {APP};
        """,
        migrations.RunSQL.noop,
    )


def cross_function(signature: str, body: str, *, tables: str) -> migrations.RunSQL:
    """A SECURITY DEFINER function of the cross role: one of the few doors that open before a tenant is known.

    `signature` is everything up to RETURNS ..., `tables` the grants its owner needs ("SELECT ON a; UPDATE ON b").
    """
    name = signature.split(" RETURNS")[0]
    args = (
        name[: name.index("(")],
        ", ".join(p.split("=")[0].split(" DEFAULT")[0].split(None, 1)[1] for p in _split(name)),
    )
    grants = "".join(f"GRANT {grant.strip()} TO {CROSS};" for grant in tables.split(";") if grant.strip())
    return migrations.RunSQL(
        f"""
        {grants}
        GRANT CREATE ON SCHEMA public TO {CROSS};
        CREATE FUNCTION {signature} SECURITY DEFINER SET search_path = public, pg_temp AS $body$ {body} $body$;
        ALTER FUNCTION {args[0]}({args[1]}) OWNER TO {CROSS};
        REVOKE ALL ON FUNCTION {args[0]}({args[1]}) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION {args[0]}({args[1]}) TO {APP}, {OWNER};
        REVOKE CREATE ON SCHEMA public FROM {CROSS};
        """,
        f"DROP FUNCTION {args[0]}({args[1]})",
    )


def _split(name: str) -> list[str]:
    inside = name[name.index("(") + 1 : name.rindex(")")]
    return [part.strip() for part in inside.split(",") if part.strip()]
