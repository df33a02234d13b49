-- Who owned each mac address, and when. Grain: one row per mac_address and valid_from.
{{ config(unique_key=['mac_address', 'valid_from']) }}

{%- set touched = touched_slices(['mac_address'], [source('bronze', 'registered_users_bz')]) %}

with

registrations as (
    select * from {{ ref('registrations') }}
    where {{ in_slices(touched) }}
),

{{ ownerships('mac_address', 'device_id') }}

select * from assignments
