{#
  At each instant at most one row of an entity is valid; with `since`, exactly one at each instant from then on. A row
  is valid from `valid_from`, inclusive, to `valid_to`, exclusive; if `valid_to` is NULL, it is valid without end.

    columns  list of the columns that identify an entity
    since    SQL expression of the type of valid_from
#}
{% test no_overlapping_validity(model, columns, since=none) %}

select *
from (
    select
        *,
        {{ failing_row('no_overlapping_validity', {'columns': columns, 'since': since}) }} as _fails
    from {{ model }}
)
where _fails

{% endtest %}
