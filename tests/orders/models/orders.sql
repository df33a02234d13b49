-- Orders as last corrected. Grain: one row per order_id.
{{ config(unique_key='order_id', meta={'newest_by': ['sequence']}) }}

with

arrived as (
    select * from {{ incremental.changes(source('raw', 'order_events')) }}
),

ranked as (
    select
        *,
        row_number() over (partition by order_id order by sequence desc) as rank
    from arrived
)

select
    order_id,
    customer_id,
    cast(event_time as date) as order_date,
    amount,
    status,
    sequence
from ranked
where rank = 1
