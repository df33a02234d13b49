{# For tests: the rows that one of two queries has more often, and how much more the first has them, `_surplus`. #}
{% macro differing_rows(one, other, columns) -%}
select
    {{ columns }},
    sum(_side) as _surplus
from (
    select
        *,
        1 as _side
    from {{ one }}
    union all
    select
        *,
        -1 as _side
    from {{ other }}
)
group by {{ columns }}
having sum(_side) != 0
{%- endmacro %}
