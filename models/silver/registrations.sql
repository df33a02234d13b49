-- The usable registrations of devices. Grain: one row per landed registration.
{{ config(materialized='ephemeral') }}

select
    user_id,
    device_id,
    mac_address,
    {{ instant('registration_timestamp') }} as registered_at
from {{ source('bronze', 'registered_users_bz') }}
where {{ is_usable('registered_users_bz') }}
