-- How much of each closed gym visit was exercise. Grain: one row per mac_address, gym, login, workout_id and
-- session_id; a visit without a completed workout has one row in which the last two are NULL.
{{ config(
    unique_key=['mac_address', 'gym', 'login', 'workout_id', 'session_id'],
    meta={'slices': ['mac_address', 'gym', 'login']},
) }}

{%- set visits_of_changed_workouts %}
    select visit.mac_address, visit.gym, visit.login
    from {{ ref('gym_logs') }} as visit
    inner join {{ changes(ref('completed_workouts')) }} as workout
        on visit.user_id = workout.user_id
        and workout.start_time < visit.logout
        and workout.end_time > visit.login
{%- endset %}
{%- set visits_of_changed_gyms %}
    select visit.mac_address, visit.gym, visit.login
    from {{ ref('gym_logs') }} as visit
    inner join {{ changes(ref('gym_settings')) }} as gym on visit.gym = gym.gym
{%- endset %}
{%- set touched = touched_slices(['mac_address', 'gym', 'login'], [
    ref('gym_logs'),
    (ref('completed_workouts'), visits_of_changed_workouts),
    (ref('gym_settings'), visits_of_changed_gyms),
]) %}

with

visits as (
    select * from {{ ref('gym_logs') }}
    where logout is not null and {{ in_slices(touched) }}
),

workouts as (
    select * from {{ ref('completed_workouts') }}
),

gyms as (
    select * from {{ ref('gym_settings') }}
),

-- The part of each workout that lies inside the visit; a part of zero length does not count.
exercised as (
    select
        visits.*,
        workouts.workout_id,
        workouts.session_id,
        {{ minutes_between('greatest(workouts.start_time, visits.login)', 'least(workouts.end_time, visits.logout)') }}
            as minutes_exercising
    from visits
    left join workouts
        on
            visits.user_id = workouts.user_id
            and greatest(workouts.start_time, visits.login) < least(workouts.end_time, visits.logout)
)

select
    exercised.mac_address,
    exercised.gym,
    exercised.login,
    exercised.workout_id,
    exercised.session_id,
    cast(
        from_utc_timestamp(exercised.login, coalesce(gyms.time_zone, '{{ var("default_time_zone") }}')) as date
    ) as date,
    round({{ minutes_between('exercised.login', 'exercised.logout') }}, 2) as minutes_in_gym,
    round(if(exercised.workout_id is null, 0, exercised.minutes_exercising), 2) as minutes_exercising
from exercised
left join gyms on exercised.gym = gyms.gym
