-- Heart rate readings, with the user who owned the device at that time. Grain: one row per device_id and event_time.
{{ config(
    unique_key=['device_id', 'event_time'],
    partition_by=['event_date'],
    meta={
        'gate': 'quarantine',
        'newest_by': ['_broker_timestamp', '_offset', 'heartrate'],
        'prune_by': {'event_date': 'cast(event_time as date)'},
        'dimensions': {'device_assignments': 'device_id'},
    },
) }}

{%- set columns = ['device_id', 'event_time', 'heartrate', '_broker_timestamp', '_offset'] %}

with

assignments as (
    select * from {{ ref('device_assignments') }}
),

arrived as (
    select
        device_id,
        {{ instant('time') }} as event_time,
        heartrate,
        timestamp as _broker_timestamp,
        offset as _offset
    from {{ arrivals('heart_rate_bz') }}
    {{ rows_with_another_owner(ref('device_assignments'), 'device_id', 'event_time', columns) }}
    {{ own_old_rows('heart_rate_bz', columns) }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by device_id, event_time
            order by _broker_timestamp desc nulls last, _offset desc nulls last, heartrate desc
        ) as rank
    from arrived
)

select
    ranked.device_id,
    ranked.event_time,
    cast(ranked.event_time as date) as event_date,
    assignments.user_id,
    ranked.heartrate,
    ranked.heartrate between {{ var('heart_rate_min') }} and {{ var('heart_rate_max') }} as is_valid,
    ranked._broker_timestamp,
    ranked._offset
from ranked
inner join assignments on {{ is_owned('ranked', 'device_id', 'event_time') }}
where ranked.rank = 1
