"""Composite keys, forced row-level security, and final states that stay."""

from django.db import migrations

from tenants.keys import composite_fk, isolate, tenant_key

TABLES = ("policy", "approval", "revision", "vote")


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_initial"), ("runs", "0003_across_tenants")]

    operations = [
        *(tenant_key(f"approvals_{name}") for name in TABLES),
        composite_fk("approvals_approval", "action_id", "runs_action"),
        composite_fk("approvals_approval", "run_id", "runs_run"),
        composite_fk("approvals_revision", "approval_id", "approvals_approval"),
        composite_fk("approvals_vote", "approval_id", "approvals_approval"),
        isolate("approvals_policy", grants="SELECT, INSERT"),
        isolate("approvals_approval", grants="SELECT, INSERT, UPDATE"),
        isolate("approvals_revision", grants="SELECT, INSERT"),
        isolate("approvals_vote", grants="SELECT, INSERT, UPDATE"),
        migrations.RunSQL(
            """
            CREATE TRIGGER final_stays BEFORE UPDATE OF status ON approvals_approval FOR EACH ROW
                WHEN (OLD.status <> NEW.status AND OLD.status IN ('rejected', 'expired', 'cancelled'))
                EXECUTE FUNCTION refuse_leaving_final();
            """,
            migrations.RunSQL.noop,
        ),
    ]
