{# Schemas are named after their layer: bronze, silver, gold. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}


{# Delta tables lie at <lakehouse>/<schema>/<table>; a relative location is below the warehouse folder. #}
{% macro spark__create_schema(relation) -%}
    {%- call statement('create_schema') -%}
        create schema if not exists {{ relation }} location '{{ relation.schema }}'
    {%- endcall -%}
{%- endmacro %}
