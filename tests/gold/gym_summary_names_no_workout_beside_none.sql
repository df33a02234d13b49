-- The row without a workout stands alone: a visit with a workout has no such row.
select
    mac_address,
    gym,
    login
from {{ ref('gym_summary') }}
group by mac_address, gym, login
having count(*) > count(workout_id) and count(workout_id) > 0
