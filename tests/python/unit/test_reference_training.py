"""The reference's training_days against examples worked by hand from the contract."""

from datetime import date
from math import exp
from typing import Any

import pytest

from tests.python.unit.reference_lines import ONE, T0, Land, Tables, bpm, training, values

DAY = 86400
# A workout of one minute with a reading at its start is a minute in zone 5: a load of 5.
RULES: dict[str, Any] = {"max_hold_seconds": 60, "heart_rate_maxima": [(1, date(1970, 1, 1), 200)]}
A_DAY, A_WEEK = exp(-1 / 42), exp(-1 / 7)  # what is left of fitness and of fatigue after a day


def minute(time: float, number: int = 1, rate: float = 200) -> str:
    return training(time, time + 60, number=number) + bpm(time, rate)


def state(made: Tables) -> list[tuple[Any, ...]]:
    """Return load, fitness, fatigue and form of each day."""
    return [row[1:] for row in values(made["training_days"], "date", *COLUMNS)]


COLUMNS = ("load", "fitness", "fatigue", "form")


def test_a_day_has_the_workouts_that_began_on_it_in_utc(land: Land) -> None:
    kafka = minute(0) + minute(100, 2, rate=110) + training(299, 659, number=3)
    kafka += training(300, 390, number=4) + training(0, 60, user=2)
    made = land(ONE + f"2,22,m2,{T0}\n", kafka=kafka, **RULES)
    columns = ("user_id", "date", "workouts", "minutes", "load", "unmeasured_workouts")
    assert values(made["training_days"], *columns) == [
        (1, date(2026, 1, 5), 3, 8.0, 6.0, 1),
        (1, date(2026, 1, 6), 1, 1.5, 0.0, 1),
        (2, date(2026, 1, 5), 1, 1.0, 0.0, 1),
    ]


def test_only_completed_workouts_make_days_of_training(land: Land) -> None:
    assert land(ONE, kafka=training(60, 0) + training(0, 10801, number=2))["training_days"] == []


def test_the_first_day_begins_fitness_and_fatigue_and_has_no_form(land: Land) -> None:
    made = land(ONE, kafka=minute(0), **RULES)
    assert state(made) == [(5.0, pytest.approx(5 * (1 - A_DAY)), 5 * (1 - A_WEEK), 0)]


def test_fitness_and_fatigue_decay_by_the_day_and_form_is_of_the_day_before(land: Land) -> None:
    kafka = minute(2 * DAY) + minute(3 * DAY, 2) + minute(13 * DAY, 3)
    rows = state(land(ONE, kafka=kafka, **RULES))
    fitness, fatigue = 5 * (1 - A_DAY), 5 * (1 - A_WEEK)
    after_one = (fitness * (1 + A_DAY), fatigue * (1 + A_WEEK))
    on_the_day_before = after_one[0] * A_DAY**9, after_one[1] * A_WEEK**9
    third = (
        on_the_day_before[0] * A_DAY + fitness,
        on_the_day_before[1] * A_WEEK + fatigue,
    )
    assert rows == [
        (5, pytest.approx(fitness), pytest.approx(fatigue), 0),
        (5, *map(pytest.approx, after_one), pytest.approx(fitness - fatigue)),
        (5, *map(pytest.approx, third), pytest.approx(on_the_day_before[0] - on_the_day_before[1])),
    ]


def test_what_was_gained_decays_over_years_without_training(land: Land) -> None:
    years = 3650
    kafka = minute(0) + training(years * DAY, years * DAY + 60, number=2)
    [_, (load, fitness, fatigue, form)] = state(land(ONE, kafka=kafka, **RULES))
    assert load == 0
    assert fitness == pytest.approx(5 * (1 - A_DAY) * exp(-years / 42), rel=1e-9)
    assert 0 < fatigue == pytest.approx(5 * (1 - A_WEEK) * exp(-years / 7), rel=1e-9)
    assert form == pytest.approx(5 * (1 - A_DAY) * exp(-(years - 1) / 42), rel=1e-9)


def test_a_workout_that_lands_late_changes_the_days_after_it_only(land: Land) -> None:
    kafka = minute(0) + minute(2 * DAY, 2)
    before = state(land(ONE, kafka=kafka, **RULES))
    after = state(land(kafka=minute(DAY, 3), **RULES))
    assert after[0] == before[0]
    assert after[2] != before[1]
    assert after[2][:1] == before[1][:1]
