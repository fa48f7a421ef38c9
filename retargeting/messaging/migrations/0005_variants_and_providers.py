from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0004_held_clicks"),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="provider",
            field=models.CharField(
                blank=True, db_default="", default="", help_text="Who was to send it.", max_length=20
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="variant",
            field=models.CharField(
                blank=True, db_default="", default="", help_text="Key; see `variants`.", max_length=1
            ),
        ),
        migrations.AddField(
            model_name="dispatch",
            name="test_share",
            field=models.PositiveSmallIntegerField(
                db_default=100,
                default=100,
                help_text="Percent of people who try the variants; the others get the winner.",
            ),
        ),
        migrations.AddField(
            model_name="dispatch",
            name="variants",
            field=models.JSONField(
                blank=True,
                db_default=[],
                default=list,
                help_text="See `variants`; empty where everybody gets `content`.",
            ),
        ),
        migrations.AddField(
            model_name="dispatch",
            name="winner",
            field=models.CharField(blank=True, db_default="", default="", help_text="Key of a variant.", max_length=1),
        ),
        migrations.AddField(
            model_name="dispatch",
            name="winner_at",
            field=models.DateTimeField(blank=True, help_text="When the winner was chosen.", null=True),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("status", "sent"), models.Q(("variant", ""), _negated=True)),
                fields=["dispatch", "variant", "profile_id"],
                name="delivery_by_variant",
            ),
        ),
    ]
