"""A build corrects all rows that late records affect, and writes no others."""

from tests.python.corrections import SCENARIOS
from tests.python.lake import TABLE_KEYS, Key, Lake, key_of, layer_of, rows_by_key
from tests.python.record_factory import RecordFactory, Row, write_records


def test_a_correction_repairs_every_row_that_it_touches_and_writes_no_other(built: Lake) -> None:
    """All corrections in one build.

    Delta's change feed of each silver and gold table has the rows that the build wrote.
    """
    lake = built
    assert not lake.differences()
    before = all_rows(lake)
    versions = {table: version(lake, table) for table in TABLE_KEYS}
    late = [record for correction, own in SCENARIOS for record in correction.records(own)]
    write_records(lake.settings.landing, late)
    lake.ingest()
    lake.build()
    after = all_rows(lake)
    assert not lake.differences()
    differing = {table: differing_keys(before[table], after[table]) for table in TABLE_KEYS}
    written = {table: written_keys(lake, table, versions[table]) for table in TABLE_KEYS}
    assert written == differing
    for table in ("workout_bpm_summary", "gym_summary", "workout_zones"):
        expected = {
            own_key(own, key): (values, correction.name)
            for correction, own in SCENARIOS
            for key, values in correction.gold.get(table, {}).items()
        }
        if table != "workout_zones":  # Not all of its rows that change are named.
            assert differing[table] == set(expected)
        for key, (values, name) in expected.items():
            row = after[table].get(key)
            found = row and values and {column: row[column] for column in values}
            assert found == values, f"{name}: {table} {key}"


def own_key(own: RecordFactory, key: Key) -> Key:
    """Return the key of a scenario's row, for the key in the scenario numbered 0."""
    first = key[0]
    return (own.id(first) if isinstance(first, int) else own.mac(int(str(first)[3:])), *key[1:])


def all_rows(lake: Lake) -> dict[str, dict[Key, Row]]:
    return {table: rows_by_key(lake, table) for table in TABLE_KEYS}


def differing_keys(before: dict[Key, Row], after: dict[Key, Row]) -> set[Key]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def version(lake: Lake, table: str) -> int:
    return lake.version(f"{layer_of(table)}.{table}")


def written_keys(lake: Lake, table: str, since: int) -> set[Key]:
    """Return the keys of all rows written after version `since`, whether or not they changed."""
    if version(lake, table) == since:  # Delta refuses to start beyond the newest version.
        return set()
    feed = lake.spark.read.format("delta").option("readChangeFeed", "true")
    path = lake.settings.lakehouse / layer_of(table) / table
    changes = feed.option("startingVersion", since + 1).load(str(path))
    return {key_of(table, row.asDict()) for row in changes.collect()}
