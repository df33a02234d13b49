-- completed_workouts has exactly the completed sessions, and each of them has a summary, also without readings. Returns
-- the rows that differ. This is one test of all three tables, because a test of completed_workouts alone would delay
-- the models that read it.
{%- set key = 'user_id, workout_id, session_id' %}
{%- set touched = touched_slices(key.split(', '), [
    ref('workout_sessions'), ref('completed_workouts'), ref('workout_bpm_summary'),
]) %}
{%- set columns = key ~ ', start_time, end_time' %}
with

sessions as (
    select
        {{ columns }},
        true as has_summary
    from {{ ref('workout_sessions') }}
    where state = 'completed' and {{ in_slices(touched) }}
),

summaries as (
    select
        {{ key }},
        true as is_there
    from {{ ref('workout_bpm_summary') }}
    where {{ in_slices(touched) }}
),

workouts as (
    select
        {{ columns }},
        coalesce(is_there, false) as has_summary
    from {{ ref('completed_workouts') }}
    left join summaries using ({{ key }})
    where {{ in_slices(touched) }}
)

{{ differing_rows('sessions', 'workouts', columns ~ ', has_summary') }}
