from django.db import migrations, models

# `transaction` is a number, not an xid8: that type knows neither sums nor BRIN.
TABLES = """
CREATE TABLE interactions_messageevent (
    occurred_at timestamptz NOT NULL,
    id uuid NOT NULL,
    transaction bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    journey_id bigint,
    profile_id integer NOT NULL,
    orchestration_id integer NOT NULL,
    step_id integer NOT NULL,
    channel smallint NOT NULL,
    event smallint NOT NULL,
    machine boolean NOT NULL DEFAULT false,
    PRIMARY KEY (id, occurred_at)
) PARTITION BY RANGE (occurred_at);
CREATE INDEX messageevent_target ON interactions_messageevent
    (orchestration_id, event, occurred_at) INCLUDE (profile_id, step_id, machine);
CREATE INDEX messageevent_channel ON interactions_messageevent
    (channel, event, occurred_at) INCLUDE (profile_id, machine);
CREATE INDEX messageevent_profile ON interactions_messageevent (profile_id, occurred_at);

CREATE TABLE interactions_customevent (
    occurred_at timestamptz NOT NULL,
    id uuid NOT NULL,
    transaction bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    profile_id integer NOT NULL,
    name text NOT NULL,
    properties jsonb NOT NULL,
    PRIMARY KEY (id, occurred_at)
) PARTITION BY RANGE (occurred_at);
CREATE INDEX customevent_name ON interactions_customevent (name, occurred_at) INCLUDE (profile_id);
CREATE INDEX customevent_profile ON interactions_customevent (profile_id, occurred_at);
"""

STATE = [
    migrations.CreateModel(
        name="CustomEvent",
        fields=[
            ("id", models.UUIDField(primary_key=True, serialize=False)),
            ("profile_id", models.IntegerField()),
            ("name", models.CharField(max_length=200)),
            ("properties", models.JSONField(default=dict)),
            ("occurred_at", models.DateTimeField()),
        ],
        options={
            "db_table": "interactions_customevent",
            "ordering": ["occurred_at"],
            "managed": False,
        },
    ),
    migrations.CreateModel(
        name="MessageEvent",
        fields=[
            ("id", models.UUIDField(primary_key=True, serialize=False)),
            ("profile_id", models.IntegerField()),
            ("orchestration_id", models.IntegerField()),
            ("step_id", models.IntegerField()),
            ("journey_id", models.BigIntegerField(null=True)),
            ("channel", models.SmallIntegerField(choices=[(1, "push"), (2, "email"), (3, "sms"), (4, "in_app")])),
            (
                "event",
                models.SmallIntegerField(
                    choices=[
                        (1, "sent"),
                        (2, "delivered"),
                        (3, "opened"),
                        (4, "clicked"),
                        (5, "bounced"),
                        (6, "unsubscribed"),
                        (7, "complained"),
                        (8, "skipped"),
                    ]
                ),
            ),
            ("machine", models.BooleanField(default=False)),
            ("occurred_at", models.DateTimeField()),
        ],
        options={
            "db_table": "interactions_messageevent",
            "ordering": ["occurred_at"],
            "managed": False,
        },
    ),
]


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL(
            TABLES, "DROP TABLE interactions_messageevent, interactions_customevent;", state_operations=STATE
        ),
        migrations.CreateModel(
            name="AcceptedId",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        primary_key=True,
                        serialize=False,
                        help_text="Digest of the kind of event and the client's id.",
                    ),
                )
            ],
            options={"db_table": "interactions_acceptedid"},
        ),
    ]
