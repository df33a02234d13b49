{#
  Who owned a device or mac address, and when, from its registrations: CTEs, the last of which is `assignments`.
  Expects a CTE `registrations` (user_id, device_id, mac_address, registered_at).

    key        the column of what is owned: device_id or mac_address
    companion  the other one of these two columns, taken from the registration that began the ownership; the smallest
               value if the user has several registrations at that instant
#}
{% macro ownerships(key, companion) -%}
registered as (
    select
        {{ key }},
        registered_at,
        user_id,
        min({{ companion }}) as {{ companion }}
    from registrations
    group by {{ key }}, registered_at, user_id
),

sequenced as (
    select
        *,
        lag(user_id) over (partition by {{ key }} order by registered_at, user_id) as previous_user_id
    from registered
),

-- An ownership ends only when another user registers.
owned as (
    select
        *,
        lead(registered_at) over (partition by {{ key }} order by registered_at, user_id) as valid_to
    from sequenced
    where previous_user_id is null or previous_user_id != user_id
),

-- The first ownership begins in 1900, because facts may be older than the first registration.
spans as (
    select
        {{ key }},
        if(previous_user_id is null, timestamp '1900-01-01', registered_at) as valid_from,
        valid_to,
        user_id,
        {{ companion }},
        registered_at
    from owned
),

assignments as (
    select * from spans
    where valid_to is null or valid_from < valid_to
)
{%- endmacro %}
