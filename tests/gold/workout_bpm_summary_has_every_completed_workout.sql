-- A completed workout has a summary, also one without readings.
select workouts.*
from {{ ref('completed_workouts') }} as workouts
left anti join {{ ref('workout_bpm_summary') }}
    using (user_id, workout_id, session_id)
