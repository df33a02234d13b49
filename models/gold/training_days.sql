-- The training of each user and day, and the fitness, fatigue and form that follow from it. Grain: one row per user_id
-- and date.
{{ config(unique_key=['user_id', 'date']) }}

{%- set touched = touched_slices(['user_id'], [ref('workout_zones')]) %}

with

workouts as (
    select * from {{ ref('workout_zones') }}
    where {{ in_slices(touched) }}
),

days as (
    select
        user_id,
        cast(start_time as date) as date,
        count(*) as workouts,
        sum({{ minutes_between('start_time', 'end_time') }}) as minutes,
        coalesce(sum(edwards_load), 0) as load,
        count_if(edwards_load is null) as unmeasured_workouts
    from workouts
    group by user_id, cast(start_time as date)
),

users as (
    select
        user_id,
        array_sort(collect_list(struct(date, load))) as days
    from days
    group by user_id
),

-- From day to day, since each day builds on the one before.
effects as (
    select
        user_id,
        inline(aggregate(
            days,
            cast(array() as array<struct<date: date, fitness: double, fatigue: double>>),
            (past, day) -> concat(past, array(struct(
                day.date as date,
                {{ training_effect('fitness', 42) }} as fitness,
                {{ training_effect('fatigue', 7) }} as fatigue
            )))
        ))
    from users
),

previous as (
    select
        *,
        lag(fitness) over (partition by user_id order by date) as previous_fitness,
        lag(fatigue) over (partition by user_id order by date) as previous_fatigue,
        datediff(date, lag(date) over (partition by user_id order by date)) - 1 as days_to_yesterday
    from effects
)

select
    days.user_id,
    days.date,
    days.workouts,
    days.minutes,
    days.load,
    days.unmeasured_workouts,
    previous.fitness,
    previous.fatigue,
    coalesce(
        previous.previous_fitness * exp(-previous.days_to_yesterday / 42)
        - previous.previous_fatigue * exp(-previous.days_to_yesterday / 7),
        0
    ) as form
from days
inner join previous using (user_id, date)
