-- A completed workout has a summary, also one without readings.
{%- set key = ['user_id', 'workout_id', 'session_id'] %}
{%- set touched = touched_slices(key, [
    (ref('completed_workouts'), 'select ' ~ key | join(', ') ~ ' from ' ~ changes(ref('completed_workouts'))),
    (ref('workout_bpm_summary'), 'select ' ~ key | join(', ') ~ ' from ' ~ changes(ref('workout_bpm_summary'))),
]) %}
select workouts.*
from {{ ref('completed_workouts') }} as workouts
left anti join {{ ref('workout_bpm_summary') }}
    using (user_id, workout_id, session_id)
where {{ in_slices(touched, 'workouts.') }}
