-- Heart rate during each completed workout, with the user's profile. Grain: one row per user_id,
-- workout_id and session_id.
{{ config(unique_key=['user_id', 'workout_id', 'session_id']) }}

{#- completed_workouts has the same rows, but reading them here lets this model run before that table is written. #}
{%- set completed %}(select * from {{ ref('workout_sessions') }} where state = 'completed'){% endset %}
{%- set workouts_of_changed_readings %}
    select workout.user_id, workout.workout_id, workout.session_id
    from {{ completed }} as workout
    inner join (
        select user_id, date_trunc('hour', event_time), min(event_time) as first, max(event_time) as last
        from {{ changes(ref('heart_rate')) }}
        group by user_id, date_trunc('hour', event_time)
    ) as reading
        on workout.user_id = reading.user_id
        and workout.start_time <= reading.last
        and workout.end_time > reading.first
{%- endset %}
{%- set touched = touched_slices(['user_id', 'workout_id', 'session_id'], [
    ref('workout_sessions'),
    (ref('heart_rate'), workouts_of_changed_readings),
]) %}
{%- set dates_of_workouts %}
    select distinct explode(sequence(cast(start_time as date), cast(end_time as date)))
    from {{ completed }}
    where {{ in_slices(touched) }}
{%- endset %}
{%- set dates = dates_of(dates_of_workouts) %}

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

-- One row per session and date, so that readings are joined by date too.
session_dates as (
    select
        *,
        explode(sequence(cast(start_time as date), cast(end_time as date))) as event_date
    from sessions
),

-- readings.user_id is the owner of the device at the time of the reading.
measured as (
    select
        session_dates.user_id,
        session_dates.workout_id,
        session_dates.session_id,
        min(readings.heartrate) as min_bpm,
        avg(readings.heartrate) as avg_bpm,
        max(readings.heartrate) as max_bpm,
        count(*) as num_recordings
    from session_dates
    inner join readings
        on
            session_dates.user_id = readings.user_id
            and session_dates.event_date = readings.event_date
            and session_dates.start_time <= readings.event_time
            and session_dates.end_time > readings.event_time
    group by session_dates.user_id, session_dates.workout_id, session_dates.session_id
),

summarised as (
    select
        sessions.user_id,
        sessions.workout_id,
        sessions.session_id,
        sessions.start_time,
        measured.min_bpm,
        measured.avg_bpm,
        measured.max_bpm,
        coalesce(measured.num_recordings, 0) as num_recordings
    from sessions
    left join measured using (user_id, workout_id, session_id)
    {%- if has_changes(ref('user_profile')) %}
    union all
    -- Workouts that need not be measured again, but whose user's profile has changed.
    select
        summary.user_id,
        summary.workout_id,
        summary.session_id,
        summary.start_time,
        summary.min_bpm,
        summary.avg_bpm,
        summary.max_bpm,
        summary.num_recordings
    from {{ own_table() }} as summary
    where summary.user_id in (select user_id from {{ changes(ref('user_profile')) }})
        and not {{ in_slices(touched, 'summary.') }}
    {%- endif %}
)

select
    summarised.user_id,
    summarised.workout_id,
    summarised.session_id,
    summarised.start_time,
    {{ whole_years('profiles.dob', 'cast(summarised.start_time as date)') }} as age,
    profiles.gender,
    profiles.city,
    profiles.state,
    summarised.min_bpm,
    summarised.avg_bpm,
    summarised.max_bpm,
    summarised.num_recordings
from summarised
left join profiles on summarised.user_id = profiles.user_id
