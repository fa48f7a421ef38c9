from django.db import migrations, models

TABLES = """
CREATE TABLE interactions_eventname (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE
);
CREATE TABLE interactions_eventvalue (
    name_id integer NOT NULL,
    property text NOT NULL,
    code integer NOT NULL,
    digest uuid NOT NULL,
    value jsonb NOT NULL,
    PRIMARY KEY (name_id, property, code),
    UNIQUE (name_id, property, digest)
);
CREATE TABLE interactions_eventpiece (
    name_id integer NOT NULL,
    day integer NOT NULL,
    number bigint NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    events integer NOT NULL,
    profiles bytea NOT NULL,
    moments bytea NOT NULL,
    PRIMARY KEY (name_id, day, number)
);
CREATE TABLE interactions_eventcolumn (
    name_id integer NOT NULL,
    day integer NOT NULL,
    number bigint NOT NULL,
    property text NOT NULL,
    codes bytea NOT NULL,
    PRIMARY KEY (name_id, property, day, number)
);
-- PostgreSQL's own compression costs more than it saves where whole columns are read.
ALTER TABLE interactions_eventpiece ALTER profiles SET STORAGE EXTERNAL, ALTER moments SET STORAGE EXTERNAL;
ALTER TABLE interactions_eventcolumn ALTER codes SET STORAGE EXTERNAL;

ALTER TABLE interactions_indexstate ADD event_mark bigint NOT NULL DEFAULT 0;
ALTER TABLE interactions_arrival ADD custom boolean NOT NULL DEFAULT false;
CREATE INDEX customevent_transaction ON interactions_customevent
    USING brin (transaction) WITH (pages_per_range = 64, autosummarize = on);
"""

# Where the index has moved to another cluster, transactions are counted on in all tables.
OFFSET = """
DO $$ DECLARE moved bigint := (SELECT xid_offset FROM interactions_indexstate); BEGIN
    IF moved > 0 THEN EXECUTE format(
        'ALTER TABLE interactions_customevent ALTER transaction SET DEFAULT pg_current_xact_id()::text::bigint + %s',
        moved
    ); END IF;
END $$;
"""

# What was there before is all still to be folded.
ARRIVALS = """
INSERT INTO interactions_arrival (transaction, first_at, last_at, events, custom)
SELECT transaction, min(occurred_at), max(occurred_at), count(*), true
FROM interactions_customevent GROUP BY transaction;
"""

STATE = [
    migrations.CreateModel(
        name="EventName",
        fields=[
            ("id", models.AutoField(primary_key=True, serialize=False)),
            ("name", models.TextField(unique=True)),
        ],
        options={"db_table": "interactions_eventname"},
    ),
    migrations.CreateModel(
        name="EventValue",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "name_id", "property", "code", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("name_id", models.IntegerField()),
            ("property", models.TextField()),
            ("code", models.IntegerField()),
            ("digest", models.UUIDField()),
            ("value", models.JSONField()),
        ],
        options={"db_table": "interactions_eventvalue"},
    ),
    migrations.CreateModel(
        name="EventPiece",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "name_id", "day", "number", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("name_id", models.IntegerField()),
            ("day", models.IntegerField()),
            ("number", models.BigIntegerField()),
            ("first_at", models.DateTimeField()),
            ("last_at", models.DateTimeField()),
            ("events", models.IntegerField()),
            ("profiles", models.BinaryField()),
            ("moments", models.BinaryField()),
        ],
        options={"db_table": "interactions_eventpiece"},
    ),
    migrations.CreateModel(
        name="EventColumn",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "name_id",
                    "property",
                    "day",
                    "number",
                    blank=True,
                    editable=False,
                    primary_key=True,
                    serialize=False,
                ),
            ),
            ("name_id", models.IntegerField()),
            ("property", models.TextField()),
            ("day", models.IntegerField()),
            ("number", models.BigIntegerField()),
            ("codes", models.BinaryField()),
        ],
        options={"db_table": "interactions_eventcolumn"},
    ),
    migrations.AddField("IndexState", "event_mark", models.BigIntegerField(default=0)),
    migrations.AddField("Arrival", "custom", models.BooleanField(default=False)),
]


class Migration(migrations.Migration):
    dependencies = [("interactions", "0002_index")]
    operations = [
        migrations.RunSQL(
            TABLES,
            "DROP TABLE interactions_eventname, interactions_eventvalue, interactions_eventpiece,"
            " interactions_eventcolumn; DROP INDEX customevent_transaction;"
            "DELETE FROM interactions_arrival WHERE custom; ALTER TABLE interactions_arrival DROP custom;"
            "ALTER TABLE interactions_indexstate DROP event_mark;",
            state_operations=STATE,
        ),
        migrations.RunSQL(OFFSET, migrations.RunSQL.noop),
        migrations.RunSQL(ARRIVALS, migrations.RunSQL.noop),
    ]
