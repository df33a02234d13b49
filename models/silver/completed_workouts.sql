-- The sessions that were started, and stopped within max_session_hours. Grain: one row per user_id,
-- workout_id and session_id.
{{ config(unique_key=['user_id', 'workout_id', 'session_id']) }}

{%- set touched = touched_slices(['user_id', 'workout_id', 'session_id'], [ref('workout_sessions')]) %}

select
    user_id,
    workout_id,
    session_id,
    start_time,
    end_time
from {{ ref('workout_sessions') }}
where state = 'completed' and {{ in_slices(touched) }}
