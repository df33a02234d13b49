{#
  The column lies between two values, both inclusive; NULL passes. One of them may be left out.

    min_value, max_value  numbers, or SQL expressions of the column's type
#}
{% test in_range(model, column_name, min_value=none, max_value=none) %}
{%- set arguments = {'column_name': column_name, 'min_value': min_value, 'max_value': max_value} %}
{%- set outside = failing_row('in_range', arguments) %}
{%- if not outside %}
    {{ exceptions.raise_compiler_error('in_range of ' ~ column_name ~ ' needs a min_value, a max_value or both') }}
{%- endif %}

select * from {{ model }}
where {{ outside }}

{% endtest %}
