{#
  Who owned a thing when, from the registrations that name it, as CTEs ending in `assignments`.
  Expects a CTE `registrations` (user_id, device_id, mac_address, registered_at).

    key        the thing owned: device_id or mac_address
    companion  what the registration that began the ownership names beside it; of several by that
               user at that instant, the smallest
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

-- Only another user ends an ownership.
owned as (
    select
        *,
        lead(registered_at) over (partition by {{ key }} order by registered_at, user_id) as valid_to
    from sequenced
    where previous_user_id is null or previous_user_id != user_id
),

-- The first owner has it from the beginning of time, since facts may be older than registrations.
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
