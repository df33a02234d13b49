{#
  The column lies between two values, both inclusive; NULL passes. Either value may be left out.

    min_value, max_value  numbers, or SQL expressions of the column's type
#}
{% test in_range(model, column_name, min_value=none, max_value=none) %}
{%- set outside = [] %}
{%- if min_value is not none %}{% do outside.append(column_name ~ ' < ' ~ min_value) %}{% endif %}
{%- if max_value is not none %}{% do outside.append(column_name ~ ' > ' ~ max_value) %}{% endif %}
{%- if not outside %}
    {{ exceptions.raise_compiler_error('in_range of ' ~ column_name ~ ' needs a min_value, a max_value or both') }}
{%- endif %}

select * from {{ model }}
where {{ outside | join(' or ') }}

{% endtest %}
