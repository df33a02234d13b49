-- Starts and stops of the workouts of registered users. Grain: one row per event (all columns).
{{ config(
    unique_key=['user_id', 'workout_id', 'session_id', 'action', 'event_time'],
    meta={
        'gate': 'quarantine',
        'dimensions': {'users': 'user_id'},
    },
) }}

with

users as (
    select distinct user_id from {{ ref('users') }}
),

arrived as (
    select * from {{ arrivals('workouts_bz') }}
)

select distinct
    user_id,
    workout_id,
    session_id,
    action,
    {{ instant('event_timestamp') }} as event_time
from arrived
inner join users using (user_id)
