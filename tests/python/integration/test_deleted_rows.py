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
from tests.python.scenarios import ALL, NodeError, Scenario, Steps, scenario
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
    {{ config(
        unique_key=['id'], meta={'dimensions': {'devices': 'device'}, 'newest_by': ['sent']}
    ) }}
    select id, device, sent, unit
    from {{ changes(source('bronze', 'measured')) }}
    inner join {{ ref('devices') }} using (device)
    cross join {{ ref('units') }}
    where _change_type in ('insert', 'update_postimage')
    qualify row_number() over (partition by id order by sent desc) = 1
"""


def test_rows_that_arrive_with_a_delete_are_kept_and_only_the_deleted_ones_go(
    project: SmallProject,
) -> None:
    """Whether the row is deleted, or the key to which it refers, also below an ephemeral model."""
    project.rows("create schema bronze")
    followed = "using delta tblproperties (delta.enableChangeDataFeed = true) as select"
    project.rows(f"create table bronze.registered {followed} explode(array(1, 2)) as device")
    project.rows(f"create table bronze.measured {followed} 1 as id, 1 as device, 1 as sent")
    project.rows("insert into bronze.measured values (2, 2, 1), (3, 2, 1), (3, 2, 2)")
    project.write("models/bronze.yml", SOURCES)
    project.model("devices", DEVICES)
    project.model("units", UNITS)
    project.model("readings", READINGS)
    readings = "select id, sent from silver.readings order by id"
    project.build()
    assert project.rows(readings) == [(1, 1), (2, 1), (3, 2)]
    project.rows("delete from bronze.registered where device = 1")
    project.rows("insert into bronze.measured values (4, 2, 1)")
    project.build()
    assert project.rows(readings) == [(2, 1), (3, 2), (4, 1)]
    project.rows("delete from bronze.measured where id = 2 or sent = 2")
    project.rows("insert into bronze.measured values (5, 2, 1)")
    project.build()
    assert project.rows(readings) == [(3, 1), (4, 1), (5, 1)]
    assert not project.messages


KNOWN = """
    {{ config(unique_key=['device']) }}
    select * from values (1), (2) as known (device)
"""
WAITING = """
    {{ config(unique_key=['id']) }}
    {%- set lines = source('raw', 'lines') %}
    {%- set changed = changes(ref('known')) %}
    {%- set touched = touched_slices(['id'], [
        lines, (ref('known'), 'select id from ' ~ lines ~ ' join ' ~ changed ~ ' using (device)')
    ]) %}
    select id, device from {{ lines }}
    where {{ in_slices(touched) }} and device not in (select device from {{ ref('known') }})
"""
ADMITTED = """
    {{ config(unique_key=['id'], meta={'gate': 'waiting', 'dimensions': {'known': 'device'}}) }}
    select id, device from (
        select id, device from {{ changes(source('raw', 'lines')) }}
        union all
        select id, device from {{ changes(ref('waiting')) }} where _change_type = 'delete'
    ) join {{ ref('known') }} using (device)
"""
IDS = "select id from silver.admitted order by id"


def refused(project: Scenario) -> Steps:
    """Build the model alone: it refuses, and its rows stay."""
    with pytest.raises(
        NodeError, match=r"known has lost: build it first, with .* --select waiting"
    ):
        yield "admitted"
    assert project.rows(IDS) == [(1,), (2,)]


@scenario
def test_rows_of_a_lost_key_stay_until_the_gate_has_read_the_loss(project: Scenario) -> Steps:
    """Built alone, the model would delete rows that nothing releases if the key returns at once."""
    project.source("lines", "select * from values (1, 1), (2, 2) as line (id, device)")
    for name, sql in (("known", KNOWN), ("waiting", WAITING), ("admitted", ADMITTED)):
        project.model(name, sql)
    yield ALL
    project.rows("delete from silver.known where device = 1")
    yield from refused(project)
    project.model("admitted", ADMITTED + " -- compared whole")
    yield from refused(project)
    yield ALL
    assert project.rows("select id from silver.admitted") == [(2,)]
    assert project.rows("select id from silver.waiting") == [(1,)]
    project.rows("insert into silver.known values (1)")
    yield ALL
    assert project.rows(IDS) == [(1,), (2,)]
    project.table("known", "select 1 as device")
    yield from refused(project)
    yield ALL
    assert project.rows("select id from silver.admitted") == [(1,)]
