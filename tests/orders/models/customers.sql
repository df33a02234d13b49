-- Customers as last changed, also the deleted ones. Grain: one row per customer_id.
{{ config(unique_key='customer_id', meta={'newest_by': ['sequence']}) }}

with

arrived as (
    select * from {{ incremental.changes(source('raw', 'customer_events')) }}
),

ranked as (
    select
        *,
        row_number() over (partition by customer_id order by sequence desc) as rank
    from arrived
)

select
    customer_id,
    name,
    status,
    sequence
from ranked
where rank = 1
