-- The registered users, without identifiers, and how much they have trained. Grain: one row per member.

with

users as (
    select distinct user_id from {{ ref('users') }}
),

profiles as (
    select
        user_id,
        gender,
        city,
        state,
        {{ whole_years('dob', 'current_date') }} as age
    from {{ ref('user_profile') }}
),

trained as (
    select
        user_id,
        sum(workouts) as workouts,
        sum(minutes) as minutes
    from {{ ref('training_days') }}
    group by user_id
)

select
    {{ pseudonym('users.user_id') }} as member,
    case
        when profiles.age not between {{ var('age_min') }} and {{ var('age_max') }} then null
        when profiles.age < 20 then 'under 20'
        when profiles.age < 30 then '20 to 29'
        when profiles.age < 40 then '30 to 39'
        when profiles.age < 50 then '40 to 49'
        when profiles.age < 60 then '50 to 59'
        when profiles.age < 70 then '60 to 69'
        when profiles.age >= 70 then '70 and over'
    end as age_band,
    profiles.gender,
    profiles.city,
    profiles.state,
    cast(coalesce(trained.workouts, 0) as bigint) as workouts,
    coalesce(trained.minutes, 0) as minutes
from users
left join profiles on users.user_id = profiles.user_id
left join trained on users.user_id = trained.user_id
