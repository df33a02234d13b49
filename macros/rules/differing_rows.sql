{# For tests: the rows that one of two queries has more often. `_surplus`: how many more the first has. #}
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
