from django.db import migrations


class Migration(migrations.Migration):
    """Events of one way through an automation are found by it; those of campaigns are not in this index."""

    dependencies = [("interactions", "0004_one_digest")]
    operations = [
        migrations.RunSQL(
            "CREATE INDEX messageevent_journey ON interactions_messageevent (journey_id, step_id, event)"
            " WHERE journey_id IS NOT NULL",
            "DROP INDEX messageevent_journey",
        )
    ]
