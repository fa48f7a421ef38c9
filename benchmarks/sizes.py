"""What the tables take on disk."""

from __future__ import annotations

from django.db import connection

GROUPS = {
    "message events": "interactions_messageevent",
    "custom events": "interactions_customevent",
    "index": "interactions_bucket",
    "profiles": "profiles_profile",
    "addresses": "profiles_address",
}


def sizes() -> dict[str, int]:
    """Bytes by group: rows with their B-trees, and what folding again and again leaves free in between."""
    found = {name: _total(table, "pg_total_relation_size") for name, table in GROUPS.items()}
    found["message events, rows alone"] = _total(GROUPS["message events"], "pg_table_size")
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(octet_length(counts)), 0)::bigint FROM interactions_bucket")
        (found["index, counts alone"],) = cursor.fetchone()
    return found


def _total(table: str, function: str) -> int:
    """A partitioned table has nothing itself; all is in its partitions."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT coalesce(sum({function}(relid)), 0)::bigint FROM pg_partition_tree(%s) WHERE isleaf", [table]
        )
        (total,) = cursor.fetchone()
        if not total:
            cursor.execute(f"SELECT {function}(%s)", [table])
            (total,) = cursor.fetchone()
    return int(total)
