-- training_days, without identifiers. Grain: one row per member and date.

select
    {{ pseudonym('user_id') }} as member,
    date,
    workouts,
    minutes,
    load,
    unmeasured_workouts,
    fitness,
    fatigue,
    form
from {{ ref('training_days') }}
