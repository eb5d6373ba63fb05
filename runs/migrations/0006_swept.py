"""When a worker last looked for what is due. Older code leaves it empty."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0005_subjects")]

    operations = [migrations.AddField("worker", "swept_at", models.DateTimeField(null=True))]
