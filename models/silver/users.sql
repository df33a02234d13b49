-- The registered users and their devices, with the earliest registration. Grain: one row per user_id and device_id.
{{ config(unique_key=['user_id', 'device_id']) }}

{%- set touched = touched_slices(['user_id', 'device_id'], [source('bronze', 'registered_users_bz')]) %}

with

registrations as (
    select * from {{ ref('registrations') }}
    where {{ in_slices(touched) }}
),

earliest as (
    select
        user_id,
        device_id,
        min(struct(registered_at, mac_address)) as registration
    from registrations
    group by user_id, device_id
)

select
    user_id,
    device_id,
    registration.registered_at,
    registration.mac_address
from earliest
