-- The sales of each day. Grain: one row per order_date; a day without sales has none.
{{ config(unique_key='order_date') }}

{%- set touched = incremental.touched_slices(['order_date'], [ref('orders')]) %}

with

orders as (
    select * from {{ ref('orders') }}
    where status != 'cancelled' and {{ incremental.in_slices(touched) }}
)

select
    order_date,
    count(*) as orders,
    sum(amount) as amount
from orders
group by order_date
