-- The heart rate in each completed workout: its bounds and mean, how long it was in each zone, the load and recovery.
-- Grain: one row per user_id, workout_id and session_id.
{{ config(unique_key=['user_id', 'workout_id', 'session_id']) }}

{#- completed_workouts has the same rows, but reading them here lets this model run before that table is written. #}
{%- set completed %}(select * from {{ ref('workout_sessions') }} where state = 'completed'){% endset %}
{#- Workouts with a changed reading, or during or shortly after which a changed session began. #}
{%- set workouts_near_changes %}
    select workout.user_id, workout.workout_id, workout.session_id
    from {{ completed }} as workout
    inner join (
        select user_id, min(event_time) as first, max(event_time) as last
        from {{ changes(ref('heart_rate')) }}
        group by user_id, date_trunc('hour', event_time)
        union all
        select user_id, start_time, start_time from {{ changes(ref('workout_sessions')) }}
    ) as changed
        on workout.user_id = changed.user_id
        and workout.start_time - interval 10 seconds <= changed.last
        and workout.end_time + interval 65 seconds >= changed.first
{%- endset %}
{%- set touched = touched_slices(['user_id', 'workout_id', 'session_id'], [
    ref('workout_sessions'),
    (ref('workout_sessions'), workouts_near_changes),
    (ref('heart_rate'), workouts_near_changes),
]) %}
{%- set dates_of_workouts %}
    select distinct explode(sequence(
        cast(start_time - interval 10 seconds as date), cast(end_time + interval 65 seconds as date)
    ))
    from {{ completed }}
    where {{ in_slices(touched) }}
{%- endset %}
{%- set dates = dates_of(dates_of_workouts) %}
{#- Of these users the zones have changed, not the readings. #}
{%- set changed_users = [] %}
{%- for input in [ref('user_profile'), ref('user_heart_rate_maxima')] if has_changes(input) %}
    {%- do changed_users.append('select user_id from ' ~ changes(input)) %}
{%- endfor %}

with

sessions as (
    select * from {{ ref('workout_sessions') }}
    where state = 'completed' and {{ in_slices(touched) }}
),

readings as (
    select * from {{ ref('heart_rate') }}
    where is_valid and {{ on_dates('event_date', dates) }}
),

profiles as (
    select * from {{ ref('user_profile') }}
),

maxima as (
    select
        *,
        lead(valid_from) over (partition by user_id order by valid_from) as valid_to
    from {{ ref('user_heart_rate_maxima') }}
),

-- One row per session and date, so that readings are joined by date too.
session_dates as (
    select
        *,
        explode(sequence(
            cast(start_time - interval 10 seconds as date), cast(end_time + interval 65 seconds as date)
        )) as event_date
    from sessions
),

-- One row per session and instant with a reading, until 65 seconds after the end; at least the 10 seconds before it.
instants as (
    select
        session_dates.user_id,
        session_dates.workout_id,
        session_dates.session_id,
        session_dates.start_time,
        session_dates.end_time,
        readings.event_time,
        min(readings.heartrate) as min_bpm,
        max(readings.heartrate) as max_bpm,
        sum(readings.heartrate) as total_bpm,
        count(*) as num_readings
    from session_dates
    inner join readings
        on
            session_dates.user_id = readings.user_id
            and session_dates.event_date = readings.event_date
            and least(session_dates.start_time, session_dates.end_time - interval 10 seconds) <= readings.event_time
            and session_dates.end_time + interval 65 seconds >= readings.event_time
    group by
        session_dates.user_id,
        session_dates.workout_id,
        session_dates.session_id,
        session_dates.start_time,
        session_dates.end_time,
        readings.event_time
),

-- A heart rate holds until the next reading or the end (`least` skips NULLs).
held as (
    select
        *,
        total_bpm / num_readings as bpm,
        start_time <= event_time and event_time < end_time as is_during,
        event_time >= end_time - interval 10 seconds and event_time < end_time as is_at_end,
        event_time >= end_time + interval 55 seconds as is_after,
        unix_micros(least(
            end_time, lead(event_time) over (partition by user_id, workout_id, session_id order by event_time)
        )) - unix_micros(event_time) as micros
    from instants
),

measured_by_bpm as (
    select
        user_id,
        workout_id,
        session_id,
        start_time,
        bpm,
        is_during,
        min(event_time) as first_time,
        min(min_bpm) as min_bpm,
        max(max_bpm) as max_bpm,
        sum(total_bpm) as total_bpm,
        sum(num_readings) as num_readings,
        max(micros) as longest_micros,
        sum(least(micros, cast({{ var('max_hold_seconds') }} * 1000000 as bigint))) / 1000000 as seconds,
        sum(total_bpm) filter (where is_at_end) as total_at_end,
        sum(num_readings) filter (where is_at_end) as readings_at_end,
        sum(total_bpm) filter (where is_after) as total_after,
        sum(num_readings) filter (where is_after) as readings_after
    from held
    group by user_id, workout_id, session_id, start_time, bpm, is_during
),

measured as (
    select
        user_id,
        workout_id,
        session_id,
        min(min_bpm) filter (where is_during) as min_bpm,
        sum(total_bpm) filter (where is_during) / sum(num_readings) filter (where is_during) as avg_bpm,
        max(max_bpm) filter (where is_during) as max_bpm,
        sum(num_readings) filter (where is_during) as num_recordings,
        greatest(
            max(longest_micros) filter (where is_during) / 1000000,
            {{ seconds_between('start_time', 'min(first_time) filter (where is_during)') }}
        ) as longest_gap_seconds,
        array_sort(collect_list(struct(bpm, seconds)) filter (where is_during)) as seconds_at_bpm,
        if(
            sum(readings_at_end) >= 5 and sum(readings_after) >= 5,
            sum(total_at_end) / sum(readings_at_end) - sum(total_after) / sum(readings_after),
            null
        ) as recovery_60
    from measured_by_bpm
    group by user_id, workout_id, session_id, start_time
),

-- During the recovery the user has begun another workout.
followed as (
    select distinct
        sessions.user_id,
        sessions.workout_id,
        sessions.session_id
    from sessions
    inner join {{ completed }} as later
        on
            sessions.user_id = later.user_id
            and later.start_time between sessions.end_time and sessions.end_time + interval 65 seconds
            and (sessions.workout_id != later.workout_id or sessions.session_id != later.session_id)
),

summarised as (
    select
        sessions.user_id,
        sessions.workout_id,
        sessions.session_id,
        sessions.start_time,
        sessions.end_time,
        measured.min_bpm,
        measured.avg_bpm,
        measured.max_bpm,
        coalesce(measured.num_recordings, 0) as num_recordings,
        coalesce(
            measured.longest_gap_seconds, {{ seconds_between('sessions.start_time', 'sessions.end_time') }}
        ) as longest_gap_seconds,
        coalesce(measured.seconds_at_bpm, array()) as seconds_at_bpm,
        if(followed.user_id is null, measured.recovery_60, null) as recovery_60
    from sessions
    left join measured using (user_id, workout_id, session_id)
    left join followed using (user_id, workout_id, session_id)
    {%- if changed_users %}
    union all
    select
        user_id,
        workout_id,
        session_id,
        start_time,
        end_time,
        min_bpm,
        avg_bpm,
        max_bpm,
        num_recordings,
        longest_gap_seconds,
        seconds_at_bpm,
        recovery_60
    from {{ own_table() }}
    where user_id in ({{ changed_users | join(' union all ') }}) and not {{ in_slices(touched) }}
    {%- endif %}
),

aged as (
    select
        summarised.*,
        maxima.bpm as set_hr_max,
        {{ whole_years('profiles.dob', 'cast(summarised.start_time as date)') }} as age
    from summarised
    left join profiles on summarised.user_id = profiles.user_id
    left join maxima
        on
            summarised.user_id = maxima.user_id
            and cast(summarised.start_time as date) >= maxima.valid_from
            and (maxima.valid_to is null or cast(summarised.start_time as date) < maxima.valid_to)
),

-- Decimals, so that the bounds of the zones are exact.
rated as (
    select
        *,
        coalesce(
            set_hr_max,
            if(age between {{ var('age_min') }} and {{ var('age_max') }}, cast(208 - 0.7 * age as decimal(5, 2)), null)
        ) as hr_max
    from aged
),

zoned as (
    select
        *,
        {{ seconds_at('at.bpm < 0.5 * hr_max') }} as seconds_below,
        {{ seconds_at('at.bpm >= 0.5 * hr_max and at.bpm < 0.6 * hr_max') }} as seconds_zone_1,
        {{ seconds_at('at.bpm >= 0.6 * hr_max and at.bpm < 0.7 * hr_max') }} as seconds_zone_2,
        {{ seconds_at('at.bpm >= 0.7 * hr_max and at.bpm < 0.8 * hr_max') }} as seconds_zone_3,
        {{ seconds_at('at.bpm >= 0.8 * hr_max and at.bpm < 0.9 * hr_max') }} as seconds_zone_4,
        {{ seconds_at('at.bpm >= 0.9 * hr_max') }} as seconds_zone_5,
        {{ seconds_at('true') }} as seconds_measured
    from rated
)

select
    user_id,
    workout_id,
    session_id,
    start_time,
    end_time,
    min_bpm,
    avg_bpm,
    max_bpm,
    num_recordings,
    cast(hr_max as double) as hr_max,
    case when set_hr_max is not null then 'set' when hr_max is not null then 'age' end as hr_max_source,
    seconds_measured,
    seconds_measured / nullif({{ seconds_between('start_time', 'end_time') }}, 0) as coverage,
    longest_gap_seconds,
    if(hr_max is not null, seconds_below, null) as seconds_below,
    if(hr_max is not null, seconds_zone_1, null) as seconds_zone_1,
    if(hr_max is not null, seconds_zone_2, null) as seconds_zone_2,
    if(hr_max is not null, seconds_zone_3, null) as seconds_zone_3,
    if(hr_max is not null, seconds_zone_4, null) as seconds_zone_4,
    if(hr_max is not null, seconds_zone_5, null) as seconds_zone_5,
    if(
        hr_max is not null and size(seconds_at_bpm) > 0,
        (seconds_zone_1 + 2 * seconds_zone_2 + 3 * seconds_zone_3 + 4 * seconds_zone_4 + 5 * seconds_zone_5) / 60,
        null
    ) as edwards_load,
    recovery_60,
    seconds_at_bpm
from zoned
