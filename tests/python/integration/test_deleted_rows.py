"""Rows that are deleted from bronze: all tables follow through the change feed."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from delta import DeltaTable
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it

from tests.python.lake import Lake, differences
from tests.python.records import UNKNOWN_HEADER
from tests.python.reference import tables
from tests.python.small_project import SmallProject
from tests.python.worlds import world_from_seed


@pytest.mark.slow
@pytest.mark.parametrize("seed", [4, 5])
def test_rows_deleted_from_bronze_are_gone_everywhere(
    lake: Lake, tmp_path: Path, seed: int
) -> None:
    """Also registrations, so that lines which they released wait in quarantine again."""
    world = world_from_seed(seed)
    world.write_all(lake.settings.landing)
    lake.ingest()
    lake.build()
    # The header of a file that is not of the feed is a line too, and none of the records.
    kept = {record.line for record in world.records if record.header == UNKNOWN_HEADER}
    lines = sorted({record.line for record in world.records} - kept)
    gone = set(Random(seed).sample(lines, len(lines) // 4))  # noqa: S311 - no secret
    for folder in (lake.settings.lakehouse / "bronze").iterdir():
        DeltaTable.forPath(lake.spark, str(folder)).delete(F.col("_raw").isin(*gone))
    left = [
        replace(batch, records=tuple(i for i in batch.records if world.records[i].line not in gone))
        for batch in world.batches
    ]
    replace(world, batches=tuple(left)).write_all(tmp_path)
    messages = lake.build()
    assert not messages, "changes are followed, no model is compared whole"
    after = lake.contents()
    found = differences(tables(tmp_path), after)
    assert not found, "\n".join([f"seed {seed}", *found[:20], *sorted(gone)])
    lake.build("--full-refresh")
    assert not differences(lake.contents(), after)


SOURCES = """
    sources: [{name: bronze, tables: [{name: registered}, {name: measured}]}]
"""
DEVICES = """
    {{ config(unique_key=['device']) }}
    {%- set touched = touched_slices(['device'], [source('bronze', 'registered')]) %}
    select distinct device from {{ source('bronze', 'registered') }} where {{ in_slices(touched) }}
"""
UNITS = "{{ config(materialized='ephemeral') }} select 'a minute' as unit"
READINGS = """
    {{ config(unique_key=['id'], meta={'dimensions': {'devices': 'device'}}) }}
    select id, device, unit
    from {{ changes(source('bronze', 'measured')) }}
    inner join {{ ref('devices') }} using (device)
    cross join {{ ref('units') }}
    where _change_type in ('insert', 'update_postimage')
"""


def test_rows_that_arrive_with_a_delete_are_kept_and_only_the_deleted_ones_go(
    project: SmallProject,
) -> None:
    """Whether the row is deleted, or the key to which it refers, also below an ephemeral model."""
    project.rows("create schema bronze")
    followed = "using delta tblproperties (delta.enableChangeDataFeed = true) as select"
    project.rows(f"create table bronze.registered {followed} explode(array(1, 2)) as device")
    project.rows(f"create table bronze.measured {followed} 1 as id, 1 as device")
    project.rows("insert into bronze.measured values (2, 2), (3, 2)")
    project.write("models/bronze.yml", SOURCES)
    project.model("devices", DEVICES)
    project.model("units", UNITS)
    project.model("readings", READINGS)
    ids = "select id from silver.readings order by id"
    project.build()
    assert project.rows(ids) == [(1,), (2,), (3,)]
    project.rows("delete from bronze.registered where device = 1")
    project.rows("insert into bronze.measured values (4, 2)")
    project.build()
    assert project.rows(ids) == [(2,), (3,), (4,)]
    project.rows("delete from bronze.measured where id = 2")
    project.rows("insert into bronze.measured values (5, 2)")
    project.build()
    assert project.rows(ids) == [(3,), (4,), (5,)]
    assert not project.messages
