-- Parts of each calendar day. Grain: one row per date.
{{ config(unique_key=['date']) }}

with

dates as (
    select explode(sequence(date '{{ var("first_date") }}', date '{{ var("last_date") }}')) as date
)

select
    date,
    year(date) as year,
    weekofyear(date) as week,
    month(date) as month,
    dayofweek(date) as dayofweek,
    dayofmonth(date) as dayofmonth,
    dayofyear(date) as dayofyear,
    concat(year(date), '-', weekofyear(date)) as week_part
from dates
