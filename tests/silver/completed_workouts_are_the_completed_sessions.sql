-- The completed workouts are the completed sessions: what only one of the two has.
{%- set key = ['user_id', 'workout_id', 'session_id'] %}
{%- set touched = touched_slices(key, [
    (ref('completed_workouts'), 'select ' ~ key | join(', ') ~ ' from ' ~ changes(ref('completed_workouts'))),
    (ref('workout_sessions'), 'select ' ~ key | join(', ') ~ ' from ' ~ changes(ref('workout_sessions'))),
]) %}
{%- set columns = 'user_id, workout_id, session_id, start_time, end_time' %}
with

workouts as (
    select {{ columns }} from {{ ref('completed_workouts') }}
    where {{ in_slices(touched) }}
),

completed_sessions as (
    select {{ columns }} from {{ ref('workout_sessions') }}
    where state = 'completed' and {{ in_slices(touched) }}
)

{{ differing_rows('workouts', 'completed_sessions', columns) }}
