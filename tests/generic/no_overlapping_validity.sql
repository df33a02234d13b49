{#
  At each instant at most one row of an entity is valid; with `since`, exactly one at each instant from then on. A row
  is valid from `valid_from`, inclusive, to `valid_to`, exclusive; if `valid_to` is NULL, it is valid without end.

    columns  list of the columns that identify an entity
    since    SQL expression of the type of valid_from
#}
{% test no_overlapping_validity(model, columns, since=none) %}
{%- set in_order = 'over (partition by ' ~ columns | join(', ') ~ ' order by valid_from)' %}

select * from {{ model }}
qualify
    {%- if since is none %}
    lead(valid_from) {{ in_order }} < valid_to
    or (valid_to is null and lead(valid_from) {{ in_order }} is not null)
    {%- else %}
    not (
        valid_to <=> lead(valid_from) {{ in_order }}
        and valid_from <=> coalesce(lag(valid_to) {{ in_order }}, {{ since }})
    )
    {%- endif %}

{% endtest %}
