import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0004_scheduled_ones_start"),
    ]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="goal_days",
            field=models.PositiveSmallIntegerField(
                default=7,
                help_text="Days in which that counts.",
                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(90)],
            ),
        ),
        migrations.AddField(
            model_name="campaign",
            name="goal_event",
            field=models.CharField(blank=True, help_text="The event that it is to bring about.", max_length=200),
        ),
        migrations.AddField(
            model_name="campaign",
            name="original_name",
            field=models.CharField(default="Original", help_text="Of `content` among its variants.", max_length=60),
        ),
        migrations.AddField(
            model_name="campaign",
            name="test_share",
            field=models.PositiveSmallIntegerField(
                default=100,
                help_text="Percent of the audience who try the variants; the others get the winner.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(100),
                ],
            ),
        ),
        migrations.AddField(
            model_name="campaign",
            name="winner_after",
            field=models.PositiveIntegerField(
                default=240,
                help_text="Minutes from the last test message to the choice.",
                validators=[django.core.validators.MinValueValidator(1)],
            ),
        ),
        migrations.AddField(
            model_name="campaign",
            name="winner_by",
            field=models.CharField(
                choices=[("clicked", "Clicks"), ("opened", "Opens"), ("hand", "I choose by hand")],
                default="clicked",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="decides_at",
            field=models.DateTimeField(help_text="When the winner is chosen.", null=True),
        ),
        migrations.AddField(
            model_name="run",
            name="decision",
            field=models.TextField(blank=True, help_text="How the winner was chosen, in words."),
        ),
        migrations.CreateModel(
            name="Variant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(help_text="A letter; the original is a.", max_length=1)),
                ("name", models.CharField(max_length=60)),
                (
                    "weight",
                    models.PositiveSmallIntegerField(
                        help_text="Percent of those who try; the original gets what is left."
                    ),
                ),
                ("content", models.JSONField(default=dict)),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="variants", to="campaigns.campaign"
                    ),
                ),
            ],
            options={
                "ordering": ["campaign", "key"],
                "constraints": [models.UniqueConstraint(fields=("campaign", "key"), name="variant_key_unique")],
            },
        ),
    ]
