-- The usable profile events. Grain: one row per landed event.
{{ config(materialized='ephemeral') }}

select
    user_id,
    update_type,
    {{ instant('event_timestamp') }} as event_time,
    cast(try_to_timestamp(dob, 'MM/dd/yyyy') as date) as dob,
    sex,
    gender,
    first_name,
    last_name,
    address.street_address,
    address.city,
    address.state,
    address.zip,
    _raw
from {{ source('bronze', 'user_info_bz') }}
where {{ is_usable('user_info_bz') }}
