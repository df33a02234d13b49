-- The completed workouts are the completed sessions: what only one of the two has.
{%- set columns = 'user_id, workout_id, session_id, start_time, end_time' %}
with

workouts as (
    select {{ columns }} from {{ ref('completed_workouts') }}
),

completed_sessions as (
    select {{ columns }} from {{ ref('workout_sessions') }}
    where state = 'completed'
)

(
    select * from workouts
    except all
    select * from completed_sessions
)
union all
(
    select * from completed_sessions
    except all
    select * from workouts
)
