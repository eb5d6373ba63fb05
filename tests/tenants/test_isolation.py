"""H1: raw SQL as the application role cannot cross tenants. The test finds the tables by itself."""

import os
import re

import psycopg
import pytest
from django.apps import apps
from psycopg import sql

from runs.models import Run
from tenants import scoping
from tenants.keys import TenantModel
from tenants.registers import CROSS, EXEMPT
from tests.runs.worlds import started

pytestmark = pytest.mark.usefixtures("database")


def rows(statement: str, *values: object) -> list[tuple]:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        return connection.execute(statement, values).fetchall()


def tables() -> list[str]:
    found = rows(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
    )
    return [name for (name,) in found]


def tenant_tables() -> list[str]:
    return [name for name in tables() if name not in EXEMPT]


def test_every_table_is_isolated_or_registered_with_a_reason():
    forced = rows("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
    isolated = {name for (name,) in forced}
    assert set(tables()) == isolated | set(EXEMPT)
    assert not isolated & set(EXEMPT)
    assert all(len(reason) > 10 for reason in EXEMPT.values())


def test_every_security_definer_function_is_registered():
    found = rows("SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace")
    assert {name for (name,) in found} == set(CROSS) | {"ensure_partitions_v1"}


def test_without_a_tenant_no_row_of_any_table_is_seen(cast):
    started(cast)
    for table in tenant_tables():
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            count = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        assert count == (0,), table


def test_with_a_tenant_only_its_own_rows_are_seen_in_every_table(cast):
    started(cast)
    for table in tenant_tables():
        column = "id" if table == "tenants_tenant" else "tenant_id"
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            connection.execute("SELECT set_config('app.tenant', %s, true)", [str(cast.charlie.tenant.pk)])
            query = sql.SQL("SELECT count(*) FROM {} WHERE {} <> %s").format(
                sql.Identifier(table), sql.Identifier(column)
            )
            assert connection.execute(query, [cast.charlie.tenant.pk]).fetchone() == (0,), table


def test_no_table_takes_a_row_or_a_change_for_another_tenant(cast):
    started(cast)
    for table in tenant_tables():
        column = "id" if table == "tenants_tenant" else "tenant_id"
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            connection.execute("SELECT set_config('app.tenant', %s, true)", [str(cast.charlie.tenant.pk)])
            change = sql.SQL("UPDATE {0} SET {1} = {1} WHERE {1} = %s").format(
                sql.Identifier(table), sql.Identifier(column)
            )
            try:
                assert connection.execute(change, [cast.alice.tenant.pk]).rowcount == 0, table
            except psycopg.errors.InsufficientPrivilege:
                connection.rollback()  # the application may not change this table at all


def test_an_insert_for_another_tenant_is_refused(cast):
    statement = (
        "INSERT INTO runs_workflow (id, tenant_id, name, title) VALUES (gen_random_uuid(), %s, 'stolen', 'Stolen')"
    )
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("SELECT set_config('app.tenant', %s, true)", [str(cast.charlie.tenant.pk)])
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            connection.execute(statement, [cast.alice.tenant.pk])


def test_the_schema_refuses_a_reference_into_another_tenant(cast, owner_url):
    run = started(cast)
    statement = (
        "INSERT INTO runs_wait (id, tenant_id, run_id, path, kind, key)"
        " VALUES (gen_random_uuid(), %s, %s, 'x', 'timer', '')"
    )
    with psycopg.connect(owner_url) as connection, pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.execute(statement, [cast.charlie.tenant.pk, run.pk])


def test_the_tenant_of_a_transaction_does_not_outlive_it(cast):
    with scoping.tenant(cast.alice.tenant.pk):
        assert scoping.current() == cast.alice.tenant.pk
    assert Run.objects.count() == 0


def test_no_partition_of_the_journal_can_be_reached_directly(cast):
    parts = rows("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND relname LIKE 'runs_event%%'")
    assert len(parts) >= 4
    for (name,) in parts:
        with (
            psycopg.connect(os.environ["DATABASE_URL"]) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(sql.SQL("SELECT 1 FROM {}").format(sql.Identifier(name)))


def test_every_key_unique_and_foreign_key_of_a_tenants_table_starts_with_the_tenant():
    found = rows(
        "SELECT c.conrelid::regclass::text, c.contype, pg_get_constraintdef(c.oid) FROM pg_constraint c"
        " JOIN pg_class t ON t.oid = c.conrelid WHERE c.contype IN ('p', 'u', 'f') AND NOT t.relispartition"
        " AND c.conparentid = 0 AND c.connamespace = 'public'::regnamespace"
    )
    for table, kind, definition in found:
        if table in EXEMPT or table == "tenants_tenant":
            continue
        columns = re.search(r"\((.*?)\)", definition)[1].split(", ")
        outside = re.search(r"REFERENCES (\w+)", definition)
        if kind == "f" and outside[1] in set(EXEMPT) | {"tenants_tenant"}:
            continue
        assert columns[0] == "tenant_id", (table, definition)


def test_every_reference_of_the_models_is_a_composite_foreign_key_in_the_database():
    found = rows(
        "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'f' AND conparentid = 0 AND connamespace = 'public'::regnamespace"
    )
    have = {(table, definition.split(" DEFERRABLE")[0]) for table, definition in found}
    wanted = set()
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            target = field.related_model
            if target is not None and issubclass(target, TenantModel):
                reference = f"REFERENCES {target._meta.db_table}(tenant_id, id)"
                wanted.add((model._meta.db_table, f"FOREIGN KEY (tenant_id, {field.column}) {reference}"))
    assert len(wanted) >= 15
    assert wanted - have == set()
