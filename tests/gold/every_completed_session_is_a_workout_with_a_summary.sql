-- completed_workouts has exactly the completed sessions; each of them has a summary and zones, with readings or not.
-- Returns the rows that differ. This is one test of all four tables, because a test of completed_workouts alone would
-- delay the models that read it.
{%- set key = 'user_id, workout_id, session_id' %}
{%- set touched = touched_slices(key.split(', '), [
    ref('workout_sessions'), ref('completed_workouts'), ref('workout_bpm_summary'), ref('workout_zones'),
]) %}
{%- set columns = key ~ ', start_time, end_time' %}
with

sessions as (
    select
        {{ columns }},
        true as has_summary,
        true as has_zones
    from {{ ref('workout_sessions') }}
    where state = 'completed' and {{ in_slices(touched) }}
),

summaries as (
    select
        {{ key }},
        true as is_summarised
    from {{ ref('workout_bpm_summary') }}
    where {{ in_slices(touched) }}
),

zones as (
    select
        {{ key }},
        true as is_zoned
    from {{ ref('workout_zones') }}
    where {{ in_slices(touched) }}
),

workouts as (
    select
        {{ columns }},
        coalesce(is_summarised, false) as has_summary,
        coalesce(is_zoned, false) as has_zones
    from {{ ref('completed_workouts') }}
    left join summaries using ({{ key }})
    left join zones using ({{ key }})
    where {{ in_slices(touched) }}
)

{{ differing_rows('sessions', 'workouts', columns ~ ', has_summary, has_zones') }}
