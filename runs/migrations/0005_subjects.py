"""What a tenant remembers of a subject, what runs made, and one deed per subject."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models import Q

from tenants.keys import composite_fk, cross_function, isolate, ref, tenant_key, uuid7

ID = ("id", models.UUIDField(default=uuid7, editable=False, primary_key=True, serialize=False))


def _tenant() -> tuple[str, models.ForeignKey]:
    to = models.ForeignKey(
        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenants.tenant"
    )
    return ("tenant", to)


class Migration(migrations.Migration):
    dependencies = [("runs", "0003_across_tenants"), ("tenants", "0002_isolation")]

    operations = [
        migrations.AddField("action", "once", models.CharField(blank=True, default="", max_length=330), False),
        migrations.AddField("action", "verified", models.JSONField(null=True)),
        migrations.AddConstraint(
            "action",
            models.UniqueConstraint(
                condition=Q(("status__in", ["claimed", "outcome_unknown", "done"]), ~Q(("once", ""))),
                fields=("tenant", "once"),
                name="action_sent_once",
            ),
        ),
        migrations.CreateModel(
            "Subject",
            [
                ID,
                _tenant(),
                ("key", models.CharField(max_length=200)),
                ("holder", ref("runs.run", null=True)),
                ("facts", models.JSONField(default=dict)),
                ("no_contact_at", models.DateTimeField(null=True)),
                ("no_contact_why", models.CharField(blank=True, max_length=500)),
                ("no_contact_by", models.CharField(blank=True, max_length=150)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={"constraints": [models.UniqueConstraint(fields=("tenant", "key"), name="subject_key_once")]},
        ),
        migrations.CreateModel(
            "Blob",
            [
                ID,
                _tenant(),
                ("sha256", models.CharField(max_length=64)),
                ("content", models.BinaryField()),
            ],
            options={"constraints": [models.UniqueConstraint(fields=("tenant", "sha256"), name="blob_once")]},
        ),
        migrations.CreateModel(
            "Artifact",
            [
                ID,
                _tenant(),
                ("run", ref("runs.run")),
                ("path", models.CharField(max_length=300)),
                (
                    "kind",
                    models.CharField(
                        choices=[("draft", "Draft"), ("mail", "Sent mail"), ("reply", "Reply"), ("file", "File")],
                        max_length=10,
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("media_type", models.CharField(max_length=80)),
                ("size", models.PositiveIntegerField()),
                ("blob", ref("runs.blob")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("tenant", "run", "path"), name="artifact_path_once")]
            },
        ),
        *(tenant_key(f"runs_{name}") for name in ("subject", "blob", "artifact")),
        composite_fk("runs_subject", "holder_id", "runs_run"),
        composite_fk("runs_artifact", "run_id", "runs_run"),
        composite_fk("runs_artifact", "blob_id", "runs_blob"),
        isolate("runs_subject", grants="SELECT, INSERT, UPDATE"),
        isolate("runs_blob", grants="SELECT, INSERT"),
        isolate("runs_artifact", grants="SELECT, INSERT"),
        cross_function(
            "tenant_by_slug_v1(p_slug text) RETURNS uuid LANGUAGE sql STABLE",
            "SELECT id FROM tenants_tenant WHERE slug = p_slug",
            tables="SELECT ON tenants_tenant",
        ),
        # A finished run lets go of its subject here, so that no way of ending can forget it; the longest waiting
        # run is woken in the same transaction.
        migrations.RunSQL(
            """
            CREATE FUNCTION let_subject_go() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                UPDATE runs_subject SET holder_id = NULL
                    WHERE tenant_id = NEW.tenant_id AND key = NEW.subject AND holder_id = NEW.id;
                IF FOUND THEN
                    UPDATE runs_run SET ready_at = clock_timestamp() WHERE tenant_id = NEW.tenant_id AND id = (
                        SELECT id FROM runs_run WHERE tenant_id = NEW.tenant_id AND subject = NEW.subject
                            AND status = 'waiting' AND waiting_for = 'slot' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED);
                END IF;
                RETURN NULL;
            END $$;
            CREATE TRIGGER subject_free AFTER UPDATE OF status ON runs_run FOR EACH ROW
                WHEN (OLD.status <> NEW.status AND NEW.status IN
                    ('done', 'partly_done', 'failed', 'compensated', 'cancelled', 'over_budget'))
                EXECUTE FUNCTION let_subject_go();
            CREATE INDEX run_waits_for_slot ON runs_run (tenant_id, subject, id)
                WHERE status = 'waiting' AND waiting_for = 'slot';
            """,
            "DROP INDEX run_waits_for_slot; DROP TRIGGER subject_free ON runs_run; DROP FUNCTION let_subject_go()",
        ),
    ]
