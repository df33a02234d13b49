-- Heart rate readings, with the user who owned the device at that time. Grain: one row per device_id and event_time.
{{ config(
    unique_key=['device_id', 'event_time'],
    partition_by=['event_date'],
    meta={
        'gate': 'quarantine',
        'newest_by': ['_broker_timestamp', '_offset', 'heartrate'],
        'prune_by': 'event_date',
        'dimensions': {'device_assignments': 'device_id'},
    },
) }}

{%- set reassigned = reassigned(ref('device_assignments'), 'device_id') %}

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
    {%- if reassigned %}
    union all
    -- Readings in this table that may now belong to another user.
    select
        reading.device_id,
        reading.event_time,
        reading.heartrate,
        reading._broker_timestamp,
        reading._offset
    from {{ at_run_start(this) }} as reading
    inner join {{ reassigned.view }} as span
        on reading.device_id = span.device_id
        and reading.event_time >= span.from_time
        and reading.event_time < span.to_time
    where reading.event_date between date'{{ reassigned.from_date }}' and date'{{ reassigned.to_date }}'
    {%- endif %}
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
inner join assignments
    on
        ranked.device_id = assignments.device_id
        and ranked.event_time >= assignments.valid_from
        and (assignments.valid_to is null or ranked.event_time < assignments.valid_to)
where ranked.rank = 1
