-- The visits to gyms by the hour of the login, without identifiers. Grain: one row per member, gym and hour_start.

with

logs as (
    select
        user_id,
        gym,
        date_trunc('hour', login) as hour_start,
        {{ minutes_between('login', 'logout') }} as minutes
    from {{ ref('gym_logs') }}
),

visits as (
    select
        user_id,
        gym,
        hour_start,
        count(*) as visits,
        round(sum(minutes)) as minutes
    from logs
    group by user_id, gym, hour_start
)

select
    {{ pseudonym('user_id') }} as member,
    gym,
    hour_start,
    visits,
    minutes
from visits
