{#
  How dbt's merge strategy writes here when the model is compared whole: a row is rewritten only if
  a value differs, and what the model no longer yields is deleted. Keys are compared null-safe.
#}
{% macro spark__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}
    {% do return(merge_whole(target, source, column_names_of(target))) %}
{% endmacro %}

{% macro databricks__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}
    {% do return(merge_whole(target, source, column_names_of(target))) %}
{% endmacro %}


{% macro merge_whole(target, source, columns) -%}
    merge into {{ target }} as target
    using {{ source }} as source
    on {{ same_key() }}
    when matched and {{ differs(columns) }} then update set {{ assignments(columns) }}
    when not matched then insert ({{ columns | join(', ') }}) values (source.{{ columns | join(', source.') }})
    when not matched by source then delete
{%- endmacro %}


{% macro column_names_of(relation) %}
    {% do return(adapter.get_columns_in_relation(relation) | map(attribute='name') | list) %}
{% endmacro %}


{# The key of the model at hand, a list of column names. #}
{% macro key_columns() %}
    {% set key = config.require('unique_key') %}
    {% do return([key] if key is string else key) %}
{% endmacro %}


{% macro same_key() -%}
    {% for k in key_columns() %}source.{{ k }} <=> target.{{ k }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endmacro %}


{# Condition: a value differs, the key aside. Lineage alone is no difference, unless it decides which row is newest. #}
{% macro differs(columns) -%}
    {%- set same = ['true'] -%}
    {%- for c in columns if c not in key_columns() and (not c.startswith('_') or c in model_setting('newest_by', [])) -%}
        {%- do same.append('source.' ~ c ~ ' <=> target.' ~ c) -%}
    {%- endfor -%}
    not ({{ same | join(' and ') }})
{%- endmacro %}


{% macro assignments(columns) -%}
    {% for c in columns %}{{ c }} = source.{{ c }}{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}
