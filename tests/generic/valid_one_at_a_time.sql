{#
  Of the rows of a thing at most one is valid at each instant; with `since`, exactly one from then on. A row is
  valid from `valid_from`, inclusive, to `valid_to`, exclusive, or without end where that is NULL.

    columns  list of the columns that name the thing
    since    SQL expression of the type of valid_from
#}
{% test valid_one_at_a_time(model, columns, since=none) %}

select *
from (
    select
        *,
        {{ failing_row('valid_one_at_a_time', {'columns': columns, 'since': since}) }} as _fails
    from {{ model }}
)
where _fails

{% endtest %}
