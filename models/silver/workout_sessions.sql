-- Sessions of workouts: the first start, and the first stop at or after it. Grain: one row per user_id,
-- workout_id and session_id.
{{ config(unique_key=['user_id', 'workout_id', 'session_id']) }}

{%- set touched = touched_slices(['user_id', 'workout_id', 'session_id'], [ref('workouts')]) %}

with

events as (
    select
        *,
        min(case when action = 'start' then event_time end) over (
            partition by user_id, workout_id, session_id
        ) as start_time
    from {{ ref('workouts') }}
    where {{ in_slices(touched) }}
),

sessions as (
    select
        user_id,
        workout_id,
        session_id,
        start_time,
        min(event_time) filter (
            where action = 'stop' and (start_time is null or event_time >= start_time)
        ) as end_time
    from events
    group by user_id, workout_id, session_id, start_time
)

select
    *,
    case
        when start_time is null then 'orphan_stop'
        when end_time is null then 'open'
        when {{ minutes_between('start_time', 'end_time') }} > {{ var('max_session_hours') }} * 60 then 'overlong'
        else 'completed'
    end as state
from sessions
