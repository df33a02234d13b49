{#
  The column lies between two values, both inclusive; NULL passes. One of them may be left out.

    min_value, max_value  numbers, or SQL expressions of the column's type
#}
{% test in_range(model, column_name, min_value=none, max_value=none) %}
{%- if min_value is none and max_value is none %}
    {{ exceptions.raise_compiler_error('in_range of ' ~ column_name ~ ' needs a min_value, a max_value or both') }}
{%- endif %}

select * from {{ model }}
where
    {{ column_name ~ ' < ' ~ min_value if min_value is not none else 'false' }}
    or {{ column_name ~ ' > ' ~ max_value if max_value is not none else 'false' }}

{% endtest %}
