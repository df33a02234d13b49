"""Silver and gold equal the reference, after a full load and after any increments."""

import pytest

from tests.python.lake import Lake
from tests.python.worlds import World, world_from_seed


def check(lake: Lake, world: World, when: str) -> None:
    differences = lake.differences()
    assert not differences, "\n".join([when, *differences[:20], world.describe()])


@pytest.mark.parametrize("seed", [1])
def test_tables_equal_the_reference_however_the_records_are_cut_into_batches(
    lake: Lake, seed: int
) -> None:
    world = world_from_seed(seed)
    for batch in range(len(world.batches)):
        world.write(batch, lake.settings.landing)
        lake.ingest()
        lake.build()
        check(lake, world, f"seed {seed}, after batch {batch}")
    lake.build("--full-refresh")
    check(lake, world, f"seed {seed}, after a full refresh")


def test_all_tests_of_the_models_pass_and_a_run_without_news_changes_no_table(lake: Lake) -> None:
    world = world_from_seed(3)
    for batch in range(len(world.batches)):
        world.write(batch, lake.settings.landing)
    lake.ingest()
    lake.build_and_test()
    check(lake, world, "seed 3, at once")
    tables = [
        f"{path.parent.name}.{path.name}"
        for layer in ("bronze", "silver", "gold", "snapshots", "ops")
        for path in (lake.settings.lakehouse / layer).iterdir()
    ]
    before = {table: lake.version(table) for table in tables}
    assert not lake.ingest()
    lake.build_and_test()
    assert {table: lake.version(table) for table in tables} == before
    lake.unit_test()
