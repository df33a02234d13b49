"""Records that come late, each with the rows of gold that it must correct."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.python.lake import Key
from tests.python.record_factory import RecordFactory, Row, at
from tests.python.records import Record


@dataclass(frozen=True)
class Correction:
    """Records that come late, and the gold rows that they affect, as they become; None: deleted.

    Keys are those of the scenario numbered 0.
    """

    name: str
    records: Callable[[RecordFactory], list[Record]]
    gold: dict[str, dict[Key, Row | None]]


def first_records(c: RecordFactory) -> list[Record]:
    """Return the records of users 1, 2 and 3, whose devices are 11, 12 and 13 and macs 1, 2 and 3.

    Beside the rows that a correction affects there are others, which it must not change.
    """
    return [
        c.registration(1, 11, 1, 0),
        c.registration(2, 12, 2, 50),
        c.registration(3, 13, 3, 0),
        c.profile(1, 0, "Oakland"),
        c.profile(2, 0, "Fresno"),
        *(c.workout(1, 1, "start", 10), c.workout(1, 1, "stop", 30)),
        *(c.reading(11, 12, 100), c.reading(11, 20, 120), c.reading(11, 28, 140)),
        c.visit(1, 1, 5, 40),
        c.workout(1, 2, "start", 100),
        *(c.reading(11, 110, 130), c.reading(11, 125, 90)),
        c.visit(1, 1, 95, 130),
        *(c.workout(1, 3, "start", 200), c.workout(1, 3, "stop", 240)),
        *(c.reading(11, 205, 110), c.reading(11, 230, 170)),
        c.visit(1, 1, 195, 250),
        *(c.workout(2, 1, "start", 10), c.workout(2, 1, "stop", 30)),
        *(c.reading(12, 15, 105), c.reading(12, 25, 115)),
        c.visit(2, 1, 5, 20),
        *(c.workout(2, 2, "start", 300), c.workout(2, 2, "stop", 320)),
        *(c.reading(12, 305, 125), c.reading(12, 311, 135), c.reading(12, 315, 145)),
        c.visit(2, 2, 295),
        *(c.workout(3, 7, "start", 302), c.workout(3, 7, "stop", 312)),
        *(c.reading(13, 304, 95), c.reading(13, 310, 85)),
        *(c.workout(3, 8, "start", 8), c.workout(3, 8, "stop", 18)),
        c.reading(13, 9, 75),
        c.visit(3, 2, 500, 510),
        # Recoveries: of the first of these workouts the readings after its end are missing.
        *(c.workout(3, 9, "start", 600), c.workout(3, 9, "stop", 610)),
        *c.five_readings(13, 609.9, 160),
        *(c.workout(3, 10, "start", 700), c.workout(3, 10, "stop", 710)),
        *(*c.five_readings(13, 709.9, 160), *c.five_readings(13, 711, 130)),
    ]


CORRECTIONS = [
    Correction(
        "a changed profile",
        lambda c: [c.profile(1, 600, "San Diego")],
        {
            "workout_bpm_summary": {
                (1, 1, 1): {"city": "San Diego", "num_recordings": 3},
                (1, 3, 1): {"city": "San Diego", "num_recordings": 2},
            }
        },
    ),
    Correction(
        "a changed date of birth",
        lambda c: [c.profile(1, 600, "Oakland", born="01/06/1950")],
        {
            "workout_bpm_summary": {(1, 1, 1): {"age": 75}, (1, 3, 1): {"age": 75}},
            "workout_zones": {(1, 1, 1): {"hr_max": 155.5}, (1, 3, 1): {"hr_max": 155.5}},
        },
    ),
    Correction(
        "readings of the minute after a workout",
        lambda c: c.five_readings(13, 611, 120),
        {"workout_zones": {(3, 9, 1): {"recovery_60": 40.0, "seconds_measured": 6.0}}},
    ),
    Correction(
        "another workout within a minute",
        lambda c: [c.workout(3, 11, "start", 710.5), c.workout(3, 11, "stop", 710.6)],
        {
            "workout_bpm_summary": {(3, 11, 1): {"num_recordings": 0}},
            "workout_zones": {(3, 10, 1): {"recovery_60": None}},
        },
    ),
    Correction(
        "a stop nearer the start",
        lambda c: [c.workout(1, 3, "stop", 220)],
        {
            "workout_bpm_summary": {(1, 3, 1): {"max_bpm": 110.0, "num_recordings": 1}},
            "gym_summary": {("aa:01", 1, at(195), 3, 1): {"minutes_exercising": 20.0}},
        },
    ),
    Correction(
        "a stop of an open session",
        lambda c: [c.workout(1, 2, "stop", 120)],
        {
            "workout_bpm_summary": {(1, 2, 1): {"avg_bpm": 130.0, "num_recordings": 1}},
            "gym_summary": {
                ("aa:01", 1, at(95), None, None): None,
                ("aa:01", 1, at(95), 2, 1): {"minutes_exercising": 20.0},
            },
        },
    ),
    Correction(
        "a logout of an open visit",
        lambda c: [c.visit(2, 2, 295, 330)],
        {
            "gym_summary": {
                ("aa:02", 2, at(295), 2, 1): {"minutes_in_gym": 35.0, "minutes_exercising": 20.0}
            }
        },
    ),
    Correction(
        "a later logout of a closed visit",
        lambda c: [c.visit(2, 1, 5, 25)],
        {
            "gym_summary": {
                ("aa:02", 1, at(5), 1, 1): {"minutes_in_gym": 20.0, "minutes_exercising": 15.0}
            }
        },
    ),
    Correction(
        "a reading resent with another value, and another by an older message",
        lambda c: [c.reading(11, 12, 70, sent=600), c.reading(11, 20, 200, sent=19)],
        {"workout_bpm_summary": {(1, 1, 1): {"min_bpm": 70.0, "avg_bpm": 110.0, "max_bpm": 140.0}}},
    ),
    Correction(
        "a device passed on before readings that are here",
        lambda c: [c.registration(3, 12, 4, 290)],
        {
            "workout_bpm_summary": {
                (2, 2, 1): {"num_recordings": 0, "avg_bpm": None},
                (3, 7, 1): {"num_recordings": 4, "avg_bpm": 110.0},
            }
        },
    ),
    Correction(
        "a mac address owned by another before the first owner known",
        lambda c: [c.registration(3, 14, 2, 40)],
        {
            "gym_summary": {
                ("aa:02", 1, at(5), 1, 1): None,
                ("aa:02", 1, at(5), 8, 1): {"minutes_in_gym": 15.0, "minutes_exercising": 10.0},
            }
        },
    ),
]
# Each correction is of a scenario of its own.
SCENARIOS = [(correction, RecordFactory(n)) for n, correction in enumerate(CORRECTIONS, 1)]
