-- Every refused line, with the reason. Grain: one row per row_id.
--
-- Reasons unknown_device, unknown_user and unknown_mac are pending: when the dimension row arrives,
-- the line is deleted here, and the event table takes it from this table's change feed.
{{ config(
    unique_key=['row_id'],
    meta={
        'dimensions': {'device_assignments': 'device_id', 'mac_assignments': 'mac_address', 'users': 'user_id'},
    },
) }}

{%- set pending = {
    'unknown_device': (ref('device_assignments'), 'device_id'),
    'unknown_mac': (ref('mac_assignments'), 'mac_address'),
    'unknown_user': (ref('users'), 'user_id'),
} %}
{%- set held = [] %}
{%- for reason, (dimension, key) in pending.items() %}
    {%- do held.append((dimension,
        "select row_id from " ~ as_it_was(this) ~ " where reason = '" ~ reason ~ "' and _waits_for in ("
        ~ "select cast(" ~ key ~ " as string) from " ~ changes(dimension) ~ ")")) %}
{%- endfor %}
{%- set touched = touched_slices(['row_id'], held) %}

with

devices as (
    select distinct
        device_id,
        true as is_known
    from {{ ref('device_assignments') }}
),

macs as (
    select distinct
        mac_address,
        true as is_known
    from {{ ref('mac_assignments') }}
),

users as (
    select distinct
        user_id,
        true as is_known
    from {{ ref('users') }}
),

registrations as (
    select
        'registered_users_bz' as feed,
        {{ refusal('registered_users_bz') }} as reason,
        cast(null as string) as waits_for,
        _fields as fields,
        cast(null as string) as record,
        _raw,
        _source_file,
        _ingested_at
    from {{ changes(source('bronze', 'registered_users_bz')) }}
),

profiles as (
    select
        'user_info_bz' as feed,
        {{ refusal('user_info_bz') }} as reason,
        cast(null as string) as waits_for,
        cast(null as string) as fields,
        cast(null as string) as record,
        _raw,
        _source_file,
        _ingested_at
    from {{ changes(source('bronze', 'user_info_bz')) }}
),

logins as (
    select
        'gym_logins_bz' as feed,
        coalesce({{ refusal('gym_logins_bz') }}, if(macs.is_known is null, 'unknown_mac', null)) as reason,
        mac_address as waits_for,
        _fields as fields,
        to_json(struct(mac_address, gym, login, logout)) as record,
        _raw,
        _source_file,
        _ingested_at
    from {{ changes(source('bronze', 'gym_logins_bz')) }}
    left join macs using (mac_address)
),

workouts as (
    select
        'workouts_bz' as feed,
        coalesce({{ refusal('workouts_bz') }}, if(users.is_known is null, 'unknown_user', null)) as reason,
        cast(user_id as string) as waits_for,
        cast(null as string) as fields,
        to_json(struct(user_id, workout_id, session_id, event_timestamp, action)) as record,
        _raw,
        _source_file,
        _ingested_at
    from {{ changes(source('bronze', 'workouts_bz')) }}
    left join users using (user_id)
),

readings as (
    select
        'heart_rate_bz' as feed,
        coalesce({{ refusal('heart_rate_bz') }}, if(devices.is_known is null, 'unknown_device', null)) as reason,
        cast(device_id as string) as waits_for,
        cast(null as string) as fields,
        to_json(struct(device_id, time, heartrate, timestamp, offset)) as record,
        _raw,
        _source_file,
        _ingested_at
    from {{ changes(source('bronze', 'heart_rate_bz')) }}
    left join devices using (device_id)
),

unrouted as (
    select
        'unrouted_bz' as feed,
        'malformed' as reason,
        cast(null as string) as waits_for,
        cast(null as string) as fields,
        cast(null as string) as record,
        _raw,
        _source_file,
        _ingested_at
    from {{ changes(source('bronze', 'unrouted_bz')) }}
),

arrived as (
    select * from registrations
    union all
    select * from profiles
    union all
    select * from logins
    union all
    select * from workouts
    union all
    select * from readings
    union all
    select * from unrouted
),

refused as (
    select
        {{ row_id('feed', 'fields', '_raw') }} as row_id,
        feed,
        reason,
        _raw as raw,
        if(reason like 'unknown%', record, null) as _record,
        if(reason like 'unknown%', waits_for, null) as _waits_for,
        _source_file,
        _ingested_at as _first_seen_at
    from arrived
    where reason is not null
    {%- if touched.filter in ('literals', 'view') %}
    union all
    -- Still refused: looked at again since a dimension has news, and still without its row.
    select
        row_id,
        feed,
        reason,
        raw,
        _record,
        _waits_for,
        _source_file,
        _first_seen_at
    from {{ as_it_was(this) }}
    where {{ in_slices(touched) }} and not (
        {%- for reason, (dimension, key) in pending.items() %}
        {{ 'or ' if not loop.first }}(
            reason = '{{ reason }}'
            and _waits_for in (select cast({{ key }} as string) from {{ dimension }})
        )
        {%- endfor %}
    )
    {%- endif %}
),

-- A line sent several times is one row, seen first when it came first.
first_seen as (
    select
        row_id,
        min_by(
            struct(feed, reason, raw, _record, _waits_for, _source_file, _first_seen_at),
            struct(_first_seen_at, _source_file)
        ) as line
    from refused
    group by row_id
)

select
    row_id,
    line.*
from first_seen
