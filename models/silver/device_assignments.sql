-- Who owned each device, and when. Grain: one row per device_id and valid_from.
{{ config(unique_key=['device_id', 'valid_from']) }}

{%- set touched = touched_slices(['device_id'], [source('bronze', 'registered_users_bz')]) %}

with

registrations as (
    select * from {{ ref('registrations') }}
    where {{ in_slices(touched) }}
),

{{ ownerships('device_id', 'mac_address') }}

select * from assignments
