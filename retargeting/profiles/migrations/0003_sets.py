from django.db import migrations, models

TABLES = """
CREATE TABLE profiles_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    topic text NOT NULL,
    ids integer[] NOT NULL,
    addresses text[] NOT NULL DEFAULT '{}'
);
CREATE INDEX change_topic ON profiles_change (topic, transaction);

CREATE TABLE profiles_peopleset (
    name text PRIMARY KEY,
    cluster bigint NOT NULL,
    snapshot pg_snapshot NOT NULL,
    members bytea
);
ALTER TABLE profiles_peopleset ALTER members SET STORAGE EXTERNAL;

CREATE TABLE profiles_attributevalue (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    attribute text NOT NULL,
    value jsonb,
    members bytea NOT NULL
);
ALTER TABLE profiles_attributevalue ALTER members SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX attributevalue_once ON profiles_attributevalue (attribute, md5(value::text)) NULLS NOT DISTINCT;

CREATE TABLE profiles_setstate (
    id smallint PRIMARY KEY CHECK (id = 1),
    generation uuid NOT NULL DEFAULT gen_random_uuid(),
    horizon bigint NOT NULL DEFAULT 0,
    next_horizon bigint NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO profiles_setstate (id) VALUES (1);
"""

# Each statement that changes people leaves one row with their ids, in its transaction.
TRIGGERS = """
CREATE FUNCTION profiles_note_profiles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO profiles_change (topic, ids)
    SELECT 'profile', array_agg(id) FROM changed HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE FUNCTION profiles_note_addresses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO profiles_change (topic, ids)
    SELECT channel, array_agg(DISTINCT profile_id) FROM changed GROUP BY channel;
    RETURN NULL;
END $$;
CREATE FUNCTION profiles_note_suppressions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- By address and not by person: who has the address may be told by a transaction that goes on just now.
    INSERT INTO profiles_change (topic, ids, addresses)
    SELECT channel, '{}', array_agg(address) FROM changed GROUP BY channel;
    RETURN NULL;
END $$;
CREATE FUNCTION profiles_note_members() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO profiles_change (topic, ids)
    SELECT 'list:' || list_id, array_agg(profile_id) FROM changed GROUP BY list_id;
    RETURN NULL;
END $$;
"""


def triggers(table, function):
    """What was before and what is after an update are both noted: a row may move to another person or channel."""
    return "".join(
        f"CREATE TRIGGER {table}_{name} AFTER {event} ON {table} REFERENCING {rows} TABLE AS changed "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {function}();\n"
        for name, event, rows in (
            ("inserted", "INSERT", "NEW"),
            ("updated", "UPDATE", "NEW"),
            ("was", "UPDATE", "OLD"),
            ("deleted", "DELETE", "OLD"),
        )
    )


NOTED = {
    "profiles_profile": "profiles_note_profiles",
    "profiles_address": "profiles_note_addresses",
    "profiles_suppression": "profiles_note_suppressions",
    "profiles_listmember": "profiles_note_members",
}

STATE = [
    migrations.CreateModel(
        name="ProfileChange",
        fields=[
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("topic", models.TextField()),
        ],
        options={"db_table": "profiles_change"},
    ),
    migrations.CreateModel(
        name="PeopleSet",
        fields=[
            ("name", models.TextField(primary_key=True, serialize=False)),
            ("members", models.BinaryField(null=True)),
        ],
        options={"db_table": "profiles_peopleset"},
    ),
    migrations.CreateModel(
        name="AttributeValue",
        fields=[
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("attribute", models.TextField()),
            ("value", models.JSONField(null=True)),
            ("members", models.BinaryField()),
        ],
        options={"db_table": "profiles_attributevalue"},
    ),
    migrations.CreateModel(
        name="SetState",
        fields=[
            ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
            ("generation", models.UUIDField()),
            ("horizon", models.BigIntegerField()),
            ("next_horizon", models.BigIntegerField()),
            ("next_at", models.DateTimeField()),
        ],
        options={"db_table": "profiles_setstate"},
    ),
]


class Migration(migrations.Migration):
    dependencies = [("profiles", "0002_list_imports")]
    operations = [
        migrations.RunSQL(
            TABLES,
            "DROP TABLE profiles_change, profiles_peopleset, profiles_attributevalue, profiles_setstate",
            state_operations=STATE,
        ),
        migrations.RunSQL(
            TRIGGERS + "".join(triggers(table, function) for table, function in NOTED.items()),
            "".join(f"DROP FUNCTION {function} CASCADE;" for function in NOTED.values()),
        ),
    ]
