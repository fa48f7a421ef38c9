from django.db import migrations

import retargeting.channels.secrets


def seal(apps, schema_editor):
    """Writing a row seals it: what was kept in clear is not any more."""
    for config in apps.get_model("channels", "ChannelConfig").objects.all():
        config.save(update_fields=["settings"])


class Migration(migrations.Migration):
    dependencies = [
        ("channels", "0003_provider_health"),
    ]

    operations = [
        migrations.AlterField(
            model_name="channelconfig",
            name="settings",
            field=retargeting.channels.secrets.SealedJSONField(blank=True, default=dict),
        ),
        migrations.RunPython(seal, migrations.RunPython.noop),
    ]
