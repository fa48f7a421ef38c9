from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0003_when_and_how")]

    operations = [
        migrations.RunSQL(
            "UPDATE campaigns_campaign SET starts_at = send_at WHERE status = 'scheduled' AND starts_at IS NULL",
            migrations.RunSQL.noop,
        )
    ]
