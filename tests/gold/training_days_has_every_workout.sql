-- The days of a user have as many workouts as the user has in workout_zones. Returns the users that differ.
{%- set touched = touched_slices(['user_id'], [ref('workout_zones'), ref('training_days')]) %}
with

zones as (
    select
        user_id,
        count(*) as workouts
    from {{ ref('workout_zones') }}
    where {{ in_slices(touched) }}
    group by user_id
),

days as (
    select
        user_id,
        sum(workouts) as workouts
    from {{ ref('training_days') }}
    where {{ in_slices(touched) }}
    group by user_id
)

{{ differing_rows('zones', 'days', 'user_id, workouts') }}
