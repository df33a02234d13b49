"""All questions that the pages, the report and the notebook ask of the tables.

Ids come as text, since a browser rounds integers of more than 53 bits. Instants and dates are in
UTC, but for those of a gym's clock.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd

from dashboard.lakehouse import Lake
from dashboard.privacy import merge_small_groups
from fitness.settings import project_vars

FITNESS_DAYS, FATIGUE_DAYS = 42, 7  # in which fitness and fatigue decay by a factor e
MOST_LINES = 20  # of examples


def members(lake: Lake) -> pd.DataFrame:
    """Return user_id and name ('' if unknown). Grain: a user with a completed workout."""
    return lake.query("""
        select distinct zones.user_id::varchar as user_id,
            concat_ws(' ', first_name, last_name) as name
        from gold.workout_zones as zones
        left join silver.user_profile as profile on zones.user_id = profile.user_id
        order by name = '', name, user_id
    """)


def workouts(lake: Lake, user_id: str) -> pd.DataFrame:
    """Return the columns of workout_zones and workout_bpm_summary, and minutes; the newest first.

    Grain: a completed workout of the user.
    """
    sql = """
        select zones.* exclude (seconds_at_bpm, user_id, workout_id, session_id),
            zones.user_id::varchar as user_id, zones.workout_id::varchar as workout_id,
            zones.session_id::varchar as session_id,
            (epoch_us(zones.end_time) - epoch_us(zones.start_time)) / 60000000 as minutes,
            min_bpm, avg_bpm, max_bpm, num_recordings
        from gold.workout_zones as zones
        left join gold.workout_bpm_summary as summary
            on zones.user_id = summary.user_id and zones.workout_id = summary.workout_id
            and zones.session_id = summary.session_id
        where zones.user_id = $user_id
        order by zones.start_time desc, zones.workout_id, zones.session_id
    """
    return lake.query(sql, user_id=int(user_id))


def heart_rates(lake: Lake, workout: Mapping[str, Any]) -> pd.DataFrame:
    """Return minute (since start_time), bpm, and stretch, a number that grows after each gap.

    `workout` is a row of workouts(). A gap is longer than the var max_hold_seconds. The files of
    other dates are not read. Grain: an instant with a valid reading; bpm is the mean of the user's
    devices.
    """
    start, end = (pd.Timestamp(workout[at]).to_pydatetime() for at in ("start_time", "end_time"))
    sql = """
        with instants as (
            select epoch_us(event_time) - epoch_us($start) as micros, avg(heartrate) as bpm
            from silver.heart_rate
            where user_id = $user_id and is_valid and $start <= event_time and event_time < $end
            group by event_time
        ),
        gaps as (select *, micros - lag(micros) over (order by micros) as gap from instants)
        select micros / 60000000 as minute, bpm,
            count(*) filter (gap > $hold * 1000000) over (order by micros) as stretch
        from gaps order by micros
    """
    user_id, hold = int(workout["user_id"]), project_vars()["max_hold_seconds"]
    dates = {start.date(), end.date()}
    return lake.query(sql, dates, user_id=user_id, start=start, end=end, hold=hold)


def weeks(lake: Lake, user_id: str, today: date) -> pd.DataFrame:
    """Return workouts, minutes and load of each ISO week, and their means over the four before.

    The first is that of the user's first workout, the last that of anybody's newest. The means,
    usual_minutes and usual_load, are NULL with fewer than four weeks before. `is_partial`: the user
    began within the week, or it is not over, or the tables end in it. Grain: a week, by its Monday.
    """
    sql = """
        with days as (from gold.training_days where user_id = $user_id),
        known as (
            select min(date) filter (user_id = $user_id) as first_date, max(date) as last_date,
                date_trunc('week', first_date) as monday
            from gold.training_days
        ),
        mondays as (
            select unnest(generate_series(monday, last_date, interval 7 days))::date as week
            from known
        ),
        summed as (
            select week, coalesce(sum(workouts), 0)::bigint as workouts,
                coalesce(sum(minutes), 0) as minutes, coalesce(sum(load), 0) as load
            from mondays left join days on days.date between week and week + 6 group by week
        )
        select summed.*,
            case when count(*) over four = 4 then avg(minutes) over four end as usual_minutes,
            case when count(*) over four = 4 then avg(load) over four end as usual_load,
            first_date > week or last_date < week + 6 or $today <= week + 6 as is_partial
        from summed, known window four as (order by week rows between 4 preceding and 1 preceding)
        order by week
    """
    return lake.query(sql, user_id=int(user_id), today=today)


def training(lake: Lake, user_id: str, today: date) -> pd.DataFrame:
    """Return trained_on, load, fitness, fatigue and form, from the first training day until today.

    Fitness and fatigue have decayed since `trained_on`, the last day with training. Form is fitness
    minus fatigue of the day before, 0 on the first. The first 42 days are provisional: fitness has
    not built up yet. Grain: a date.
    """
    sql = """
        with days as (from gold.training_days where user_id = $user_id and date <= $today),
        dates as (
            select unnest(generate_series(min(date), $today, interval 1 day))::date as date
            from days
        ),
        decayed as (
            select dates.date, days.date as trained_on,
                case when dates.date = days.date then load else 0 end as load,
                fitness * exp((days.date - dates.date) / $fitness_days) as fitness,
                fatigue * exp((days.date - dates.date) / $fatigue_days) as fatigue,
                case when dates.date = days.date then form end as form
            from dates asof join days on dates.date >= days.date
        )
        select * replace (coalesce(form, lag(fitness - fatigue) over (order by date)) as form),
            date < min(date) over () + $fitness_days as is_provisional
        from decayed order by date
    """
    days = {"fitness_days": FITNESS_DAYS, "fatigue_days": FATIGUE_DAYS}
    return lake.query(sql, user_id=int(user_id), today=today, **days)


def gyms(lake: Lake) -> pd.DataFrame:
    """Return gym, name, time_zone, capacity, and the first_date and last_date of its visits.

    The last two are NULL without visits; those gyms come last. Grain: a gym with a visit, or of the
    seed `gyms`; one that the seed does not name has the var default_time_zone.
    """
    sql = """
        select gym::varchar as gym, coalesce(name, concat('Gym ', gym)) as name,
            coalesce(time_zone, $zone) as time_zone, capacity::double as capacity,
            (min(login) at time zone coalesce(time_zone, $zone))::date as first_date,
            (max(login) at time zone coalesce(time_zone, $zone))::date as last_date
        from gold.gyms as gyms full join silver.gym_logs as logs using (gym)
        group by gym, name, time_zone, capacity order by first_date is null, gym::bigint
    """
    return lake.query(sql, zone=project_vars()["default_time_zone"])


def inside(lake: Lake, gym: str, now: datetime) -> pd.DataFrame:
    """Return user_id, name, since and minutes of who is in a gym. Grain: a user.

    Those are the visits without a logout that began at most the var max_visit_hours ago.
    """
    sql = """
        select logs.user_id::varchar as user_id,
            any_value(concat_ws(' ', first_name, last_name)) as name, min(login) as since,
            (epoch_us($now) - epoch_us(min(login))) / 60000000 as minutes
        from silver.gym_logs as logs
        left join silver.user_profile as profile on logs.user_id = profile.user_id
        where gym = $gym and logout is null and login between $oldest and $now
        group by logs.user_id order by since, logs.user_id
    """
    oldest = now - timedelta(hours=project_vars()["max_visit_hours"])
    return lake.query(sql, gym=int(gym), now=now, oldest=oldest)


def gym_days(lake: Lake, gym: str, first: date, last: date) -> pd.DataFrame:
    """Return closed visits, their minutes in the gym, and minutes exercising.

    Grain: a date from `first` to `last` in the gym's time zone, also without visits.
    """
    sql = """
        with visits as (
            select date, any_value(minutes_in_gym) as minutes_in_gym,
                sum(minutes_exercising) as minutes_exercising
            from gold.gym_summary where gym = $gym and date between $first and $last
            group by date, mac_address, login
        ),
        dates as (select unnest(generate_series($first, $last, interval 1 day))::date as date)
        select dates.date, count(visits.date) as visits,
            coalesce(sum(minutes_in_gym), 0) as minutes_in_gym,
            coalesce(sum(minutes_exercising), 0) as minutes_exercising
        from dates left join visits on dates.date = visits.date
        group by dates.date order by dates.date
    """
    return lake.query(sql, gym=int(gym), first=first, last=last)


def gym_hours(lake: Lake, gym: Mapping[str, Any], first: date, last: date) -> pd.DataFrame:
    """Return persons (the mean number inside), person_minutes, minutes, peak and peak_hour_start.

    `gym` is a row of gyms(). `minutes` is how long its clock showed the hour on that weekday, from
    the first date to the last: an hour that the clock skips does not count, one that it repeats
    counts twice. Grain: weekday (1 is Monday) and hour that the clock showed.
    """
    sql = """
        with quarters as (
            select unnest(generate_series(
                $first::timestamp at time zone $time_zone,
                ($last + 1)::timestamp at time zone $time_zone - interval 15 minutes,
                interval 15 minutes
            )) at time zone $time_zone as clock
        ),
        hours as (
            select isodow(clock) as weekday, hour(clock) as hour, 15 * count(*) as minutes
            from quarters group by all
        ),
        occupied as (
            select weekday, local_hour as hour, sum(person_minutes) as person_minutes,
                max(peak) as peak, arg_min(hour_start, (-peak, hour_start)) as peak_hour_start
            from gold.gym_occupancy
            where gym = $gym and local_date between $first and $last group by all
        )
        select weekday, hour, coalesce(person_minutes / minutes, 0) as persons,
            person_minutes, minutes, coalesce(peak, 0) as peak, peak_hour_start
        from hours left join occupied using (weekday, hour) order by weekday, hour
    """
    of = {"gym": int(gym["gym"]), "time_zone": gym["time_zone"]}
    return lake.query(sql, first=first, last=last, **of)


def member_groups(lake: Lake) -> pd.DataFrame:
    """Return members, workouts and minutes by `kind` (age, gender, city) and `name` of a group.

    Groups smaller than the var k_anonymity are merged: see dashboard.privacy. Members are the
    registered users, and their ages those of today.
    """
    found = lake.query("""
        select kind, coalesce(value, 'unknown') as name, count(*) as members,
            sum(workouts)::bigint as workouts, sum(minutes) as minutes
        from gold_private.members
        unpivot include nulls (value for kind in (age_band as age, gender, city))
        group by kind, name order by kind, name != 'under 20', name
    """)
    return merge_small_groups(found, project_vars()["k_anonymity"])


def landed_rows(lake: Lake, since: date) -> pd.DataFrame:
    """Return rows by feed and day (of _ingested_at), from a day on."""
    sql = """
        select $feed as feed, _ingested_at::date as day, count(*) as rows from {table}
        where _ingested_at >= $since group by day order by day
    """
    tables = [name for name in lake.folders if name.startswith("bronze.")]
    found = [lake.query(sql.format(table=name), feed=name[7:], since=since) for name in tables]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["feed"])


def quarantine(lake: Lake) -> pd.DataFrame:
    """Return lines by feed, reason and day (of _first_seen_at), the newest days first."""
    return lake.query("""
        select feed, reason, _first_seen_at::date as day, count(*) as lines
        from silver.quarantine group by all order by day desc, feed, reason
    """)


def quarantined_lines(lake: Lake, feed: str, reason: str, day: date) -> pd.DataFrame:
    """Return raw, _source_file and _first_seen_at of the oldest lines of a day in quarantine."""
    sql = """
        select raw, _source_file, _first_seen_at from silver.quarantine
        where feed = $feed and reason = $reason and _first_seen_at::date = $day
        order by _first_seen_at, row_id limit $most
    """
    return lake.query(sql, feed=feed, reason=reason, day=day, most=MOST_LINES)


def failed_rows(lake: Lake, table: str) -> pd.DataFrame:
    """Return the first rows that failed a test, as text, from the table in which they are."""
    return lake.query(f"select columns(*)::varchar from {table} limit {MOST_LINES}")  # noqa: S608
