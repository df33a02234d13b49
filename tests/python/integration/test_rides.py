"""Real rides from their files to gold: the summaries are those of the devices themselves."""

from datetime import timedelta

import pytest

from fitness.samples.fit import import_fit
from fitness.samples.rides import ride_files
from tests.python.lake import Lake

# By name of the ride: what its session message says, average and maximum beats a minute.
SUMMARIES = {"4078723797.fit": (165, 190), "4801048867.fit": (130, 160)}


@pytest.mark.slow
def test_gold_agrees_with_the_rides_own_summaries(lake: Lake) -> None:
    files = [path for path in ride_files() if path.name in SUMMARIES]
    imported = {ride.user_id: ride for ride in import_fit(files, lake.settings.landing)}
    assert len(imported) == len(SUMMARIES)
    lake.ingest()
    lake.build_and_test()
    summaries = lake.rows("gold.workout_bpm_summary")
    assert {row["user_id"] for row in summaries} == set(imported)
    for row in summaries:
        ride = imported[int(str(row["user_id"]))]
        average, maximum = SUMMARIES[ride.source.name]
        assert (round(float(str(row["avg_bpm"]))), row["max_bpm"]) == (average, maximum)
        assert 0 < int(str(row["num_recordings"])) <= ride.readings
    [long] = [
        row
        for row in lake.rows("silver.completed_workouts")
        if imported[int(str(row["user_id"]))].source.name == "4078723797.fit"
    ]
    length = long["end_time"] - long["start_time"]  # type: ignore[operator]
    assert length / timedelta(seconds=1) == pytest.approx(8355.6, abs=0.05)
