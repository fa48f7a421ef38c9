from django.db import migrations

# One key, not three: without statistics PostgreSQL would rather find a value among all those of its property.
FORWARD = """
ALTER TABLE interactions_eventvalue DROP CONSTRAINT interactions_eventvalue_name_id_property_digest_key;
UPDATE interactions_eventvalue SET digest = md5(name_id || E'\\x1f' || property || E'\\x1f' || value)::uuid;
ALTER TABLE interactions_eventvalue ADD UNIQUE (digest);
"""
BACKWARD = """
ALTER TABLE interactions_eventvalue DROP CONSTRAINT interactions_eventvalue_digest_key;
UPDATE interactions_eventvalue SET digest = md5(value::text)::uuid;
ALTER TABLE interactions_eventvalue ADD UNIQUE (name_id, property, digest);
"""


class Migration(migrations.Migration):
    dependencies = [("interactions", "0003_event_columns")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
