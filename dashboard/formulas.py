"""What each figure is, how it is computed, and which column it comes from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Formula:
    """The label of a figure with its unit, one sentence on how it is computed, and its source."""

    label: str
    how: str
    source: str

    def __str__(self) -> str:
        return f"{self.how} Source: {self.source}."


FORMULAS = {
    "minutes": Formula(
        "Duration (min)",
        "From the start to the stop of the workout.",
        "gold.workout_zones.start_time, end_time",
    ),
    "edwards_load": Formula(
        "Load",
        "Minutes in zone k times k, summed over the zones 1 to 5 (Edwards 1993).",
        "gold.workout_zones.edwards_load",
    ),
    "min_bpm": Formula(
        "Lowest (bpm)", "The lowest valid reading.", "gold.workout_bpm_summary.min_bpm"
    ),
    "avg_bpm": Formula(
        "Mean (bpm)",
        "The mean of the valid readings, each with the same weight.",
        "gold.workout_bpm_summary.avg_bpm",
    ),
    "max_bpm": Formula(
        "Highest (bpm)", "The highest valid reading.", "gold.workout_bpm_summary.max_bpm"
    ),
    "hr_max": Formula(
        "HRmax (bpm)",
        "The highest heart rate that is expected: 208 - 0.7 x age (Tanaka, Monahan & Seals 2001), "
        "or as set in the seed heart_rate_maxima. Zone k begins at (40 + 10 k) % of it.",
        "gold.workout_zones.hr_max",
    ),
    "recovery_60": Formula(
        "Recovery (bpm)",
        "Mean of the last 10 seconds minus mean of seconds 55 to 65 after the end; none with fewer "
        "than 5 readings in either.",
        "gold.workout_zones.recovery_60",
    ),
    "coverage": Formula(
        "Coverage (%)",
        "The share of the duration with a known heart rate; a reading holds until the next, for at "
        "most max_hold_seconds.",
        "gold.workout_zones.coverage",
    ),
    "longest_gap_seconds": Formula(
        "Longest gap (s)",
        "The longest stretch without a reading, those at the start and the end included.",
        "gold.workout_zones.longest_gap_seconds",
    ),
    "seconds_zone": Formula(
        "Minutes by zone",
        "Seconds / 60 in which the heart rate was in the zone; zone k begins at (40 + 10 k) % of "
        "the maximum.",
        "gold.workout_zones.seconds_below, seconds_zone_1 to 5",
    ),
    "week_load": Formula(
        "Load of the week",
        "The loads of the last whole week, from Monday to Sunday (UTC), summed.",
        "gold.training_days.load",
    ),
    "usual_load": Formula(
        "Mean of 4 before",
        "The mean load of the four weeks before that week, those without training included.",
        "gold.training_days.load",
    ),
    "fitness": Formula(
        "Fitness",
        "The fitness of the day before x e^(-1/42) + the day's load x (1 - e^(-1/42)): Banister's "
        "model. Since the last training day it has decayed, which is computed when it is shown.",
        "gold.training_days.fitness",
    ),
    "fatigue": Formula(
        "Fatigue",
        "As fitness, with 7 days instead of 42.",
        "gold.training_days.fatigue",
    ),
    "form": Formula(
        "Form",
        "Fitness minus fatigue of the day before.",
        "gold.training_days.form",
    ),
    "inside": Formula(
        "Inside now",
        "Members with a visit without a logout that began at most max_visit_hours ago.",
        "silver.gym_logs.login, logout",
    ),
    "visits": Formula(
        "Closed visits",
        "Visits with a logout, by the local date of login.",
        "gold.gym_summary",
    ),
    "minutes_exercising": Formula(
        "Exercising (min)",
        "Minutes of workouts inside those visits, summed.",
        "gold.gym_summary.minutes_exercising",
    ),
    "persons": Formula(
        "Persons by weekday and hour",
        "person_minutes divided by how long the gym's clock showed the hour: the mean number "
        "inside. Visits longer than max_visit_hours do not count.",
        "gold.gym_occupancy.person_minutes",
    ),
    "peak": Formula(
        "Peak (persons)",
        "The most members at once, and as a share of the gym's capacity.",
        "gold.gym_occupancy.peak, gold.gyms.capacity",
    ),
    "peak_hour_start": Formula(
        "Hour of the peak",
        "The local clock hour of the peak, the first of equal ones.",
        "gold.gym_occupancy.hour_start",
    ),
    "members": Formula(
        "Members",
        "Registered users. Groups of fewer than k_anonymity are put together with as many of the "
        "next larger ones as it takes that they cannot be found by subtraction.",
        "gold_private.members",
    ),
    "landed_at": Formula(
        "Last landed (UTC)",
        "When the newest batch with rows had landed in bronze.",
        "ingest_log",
    ),
    "bronze": Formula(
        "Files to land",
        "Files in the landing folder that are not in bronze.",
        "the landing folder and the ingest's checkpoints",
    ),
    "silver": Formula(
        "Rows for silver",
        "Rows that landed in bronze after the last build of all silver models began.",
        "ingest_log, build_log",
    ),
    "gold": Formula(
        "Rows for gold",
        "Rows that landed in bronze after the last build of all gold models began.",
        "ingest_log, build_log",
    ),
    "rows": Formula(
        "Rows by feed and day",
        "Rows of the feed's bronze table by the UTC date on which they landed.",
        "bronze.*._ingested_at",
    ),
    "lines": Formula(
        "Lines in quarantine",
        "Refused lines by the UTC date on which they were first seen.",
        "silver.quarantine._first_seen_at",
    ),
}
