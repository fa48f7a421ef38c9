from django.db import migrations, models

TABLES = """
CREATE TABLE interactions_bucket (
    orchestration_id integer NOT NULL,
    event smallint NOT NULL,
    length smallint NOT NULL,
    hour integer NOT NULL,
    step_id integer NOT NULL,
    channel smallint NOT NULL,
    machine boolean NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    events bigint NOT NULL,
    fold bigint NOT NULL,
    counts bytea NOT NULL,
    PRIMARY KEY (orchestration_id, event, length, hour, step_id, channel, machine)
);
-- Bitmaps are compressed already: PostgreSQL's own compression would only slow their reading.
ALTER TABLE interactions_bucket ALTER counts SET STORAGE EXTERNAL;
CREATE INDEX bucket_channel ON interactions_bucket (channel, event, length, hour);

CREATE TABLE interactions_arrival (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    events bigint NOT NULL
);

CREATE TABLE interactions_indexstate (
    id smallint PRIMARY KEY CHECK (id = 1),
    generation uuid NOT NULL DEFAULT gen_random_uuid(),
    cluster bigint NOT NULL,
    xid_offset bigint NOT NULL,
    mark bigint NOT NULL,
    fold bigint NOT NULL,
    hours_from integer NOT NULL,
    days_until integer NOT NULL,
    months_until integer NOT NULL,
    rows_from integer NOT NULL
);

-- Rows are appended, so transactions lie in the order of the pages: a few bytes a hundred pages find the youngest.
CREATE INDEX messageevent_transaction ON interactions_messageevent
    USING brin (transaction) WITH (pages_per_range = 64, autosummarize = on);
"""

STATE = [
    migrations.CreateModel(
        name="Bucket",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "orchestration_id",
                    "event",
                    "length",
                    "hour",
                    "step_id",
                    "channel",
                    "machine",
                    blank=True,
                    editable=False,
                    primary_key=True,
                    serialize=False,
                ),
            ),
            ("orchestration_id", models.IntegerField()),
            ("event", models.SmallIntegerField()),
            ("length", models.SmallIntegerField()),
            ("hour", models.IntegerField()),
            ("step_id", models.IntegerField()),
            ("channel", models.SmallIntegerField()),
            ("machine", models.BooleanField()),
            ("first_at", models.DateTimeField()),
            ("last_at", models.DateTimeField()),
            ("events", models.BigIntegerField()),
            ("fold", models.BigIntegerField()),
            ("counts", models.BinaryField()),
        ],
        options={"db_table": "interactions_bucket"},
    ),
    migrations.CreateModel(
        name="Arrival",
        fields=[
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("first_at", models.DateTimeField()),
            ("last_at", models.DateTimeField()),
            ("events", models.BigIntegerField()),
        ],
        options={"db_table": "interactions_arrival"},
    ),
    migrations.CreateModel(
        name="IndexState",
        fields=[
            ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
            ("generation", models.UUIDField()),
            ("cluster", models.BigIntegerField()),
            ("xid_offset", models.BigIntegerField()),
            ("fold", models.BigIntegerField()),
            ("hours_from", models.IntegerField()),
            ("days_until", models.IntegerField()),
            ("months_until", models.IntegerField()),
            ("rows_from", models.IntegerField()),
        ],
        options={"db_table": "interactions_indexstate"},
    ),
]


class Migration(migrations.Migration):
    dependencies = [("interactions", "0001_events")]
    operations = [
        migrations.RunSQL(
            TABLES,
            "DROP TABLE interactions_bucket, interactions_arrival, interactions_indexstate;"
            "DROP INDEX messageevent_transaction;",
            state_operations=STATE,
        ),
        # What was there before the ledger of arrivals is all still to be folded.
        migrations.RunSQL(
            "INSERT INTO interactions_arrival (transaction, first_at, last_at, events) "
            "SELECT transaction, min(occurred_at), max(occurred_at), count(*) "
            "FROM interactions_messageevent GROUP BY transaction",
            migrations.RunSQL.noop,
        ),
    ]
