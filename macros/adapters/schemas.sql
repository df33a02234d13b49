{#
  A schema is named after its layer, such as silver. With FITNESS_DEV=anna its name has a prefix, dev_anna_silver.
  All developers share bronze.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ developer_prefix() }}{{ custom_schema_name or target.schema }}
{%- endmacro %}

{% macro developer_prefix() %}
    {% set developer = env_var('FITNESS_DEV', '') %}
    {% if developer and not modules.re.fullmatch('[a-z0-9_]+', developer) %}
        {% do exceptions.raise_compiler_error(
            'FITNESS_DEV is ' ~ developer ~ ', which cannot be part of a schema: take a-z, 0-9 and _.'
        ) %}
    {% endif %}
    {% do return('dev_' ~ developer ~ '_' if developer else '') %}
{% endmacro %}


{# Delta tables lie at <lakehouse>/<schema>/<table>: a relative location is relative to the warehouse folder. #}
{% macro spark__create_schema(relation) -%}
    {%- call statement('create_schema') -%}
        create schema if not exists {{ relation }} location '{{ relation.schema }}'
    {%- endcall -%}
{%- endmacro %}

{# Unity Catalog chooses the location. #}
{% macro databricks__create_schema(relation) -%}
    {%- call statement('create_schema') -%}
        create schema if not exists {{ relation }}
    {%- endcall -%}
{%- endmacro %}
