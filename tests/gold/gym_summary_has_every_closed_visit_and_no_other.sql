-- A closed visit has either rows with workouts or one row without; an open visit has no row. Returns the visits that
-- differ.
{%- set key = 'mac_address, gym, login' %}
{%- set touched = touched_slices(key.split(', '), [
    ref('gym_logs'), ref('gym_summary'),
]) %}
with

visits as (
    select
        {{ key }},
        true as is_of_one_kind
    from {{ ref('gym_logs') }}
    where logout is not null and {{ in_slices(touched) }}
),

summarised as (
    select
        {{ key }},
        count(workout_id) in (0, count(*)) as is_of_one_kind
    from {{ ref('gym_summary') }}
    where {{ in_slices(touched) }}
    group by {{ key }}
)

{{ differing_rows('visits', 'summarised', key ~ ', is_of_one_kind') }}
