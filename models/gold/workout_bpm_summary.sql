-- Heart rate during each completed workout, with the user's profile. Grain: one row per user_id,
-- workout_id and session_id.
{{ config(unique_key=['user_id', 'workout_id', 'session_id']) }}

{%- set workouts_of_changed_profiles %}
    select workout.user_id, workout.workout_id, workout.session_id
    from {{ ref('workout_zones') }} as workout
    inner join {{ changes(ref('user_profile')) }} as profile on workout.user_id = profile.user_id
{%- endset %}
{%- set touched = touched_slices(['user_id', 'workout_id', 'session_id'], [
    ref('workout_zones'),
    (ref('user_profile'), workouts_of_changed_profiles),
]) %}

with

workouts as (
    select * from {{ ref('workout_zones') }}
    where {{ in_slices(touched) }}
),

profiles as (
    select * from {{ ref('user_profile') }}
)

select
    workouts.user_id,
    workouts.workout_id,
    workouts.session_id,
    workouts.start_time,
    {{ whole_years('profiles.dob', 'cast(workouts.start_time as date)') }} as age,
    profiles.gender,
    profiles.city,
    profiles.state,
    workouts.min_bpm,
    workouts.avg_bpm,
    workouts.max_bpm,
    workouts.num_recordings
from workouts
left join profiles on workouts.user_id = profiles.user_id
