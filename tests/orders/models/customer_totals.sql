-- What each customer has ordered. Grain: one row per customer_id; a deleted customer has none.
{{ config(unique_key='customer_id') }}

{%- set touched = incremental.touched_slices(['customer_id'], [ref('orders'), ref('customers')]) %}

with

customers as (
    select * from {{ ref('customers') }}
    where status != 'deleted' and {{ incremental.in_slices(touched) }}
),

orders as (
    select * from {{ ref('orders') }}
    where status != 'cancelled' and {{ incremental.in_slices(touched) }}
)

select
    customers.customer_id,
    count(orders.order_id) as orders,
    coalesce(sum(orders.amount), 0) as amount
from customers
left join orders on customers.customer_id = orders.customer_id
group by customers.customer_id
