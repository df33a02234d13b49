{#
  At each instant at most one row of an entity is valid; with `since`, exactly one from then on. A row is
  valid from `valid_from`, inclusive, to `valid_to`, exclusive, or without end where that is NULL.

    columns  list of the columns that identify the entity
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
