{# dbt's tests of references and values, each as one condition on a row, so that they are counted with others. #}
{% macro default__test_relationships(model, column_name, to, field) %}
    select * from {{ model }}
    where {{ column_name }} is not null
        and not exists (select 1 from (select {{ field }} as _field from {{ to }}) where _field = {{ column_name }})
{% endmacro %}

{% macro default__test_accepted_values(model, column_name, values, quote=True) %}
    {%- set mark = "'" if quote else '' %}
    select * from {{ model }}
    where {{ column_name }} not in ({{ mark ~ values | join(mark ~ ', ' ~ mark) ~ mark }})
{% endmacro %}
