{# For tests: the rows that only one of two queries has, each as often as it has it more. #}
{% macro differing_rows(one, other) -%}
(
    select * from {{ one }}
    except all
    select * from {{ other }}
)
union all
(
    select * from {{ other }}
    except all
    select * from {{ one }}
)
{%- endmacro %}
