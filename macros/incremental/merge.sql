{#
  Replaces the MERGE of dbt's strategy `merge`, which writes a model that is compared whole. It updates a row only if a
  value differs, and deletes rows that the model no longer yields. Keys are compared null-safe.
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


{# The key of the current model, a list of column names. #}
{% macro key_columns() %}
    {% set key = config.require('unique_key') %}
    {% do return([key] if key is string else key) %}
{% endmacro %}


{% macro same_key() -%}
    {% for k in key_columns() %}source.{{ k }} <=> target.{{ k }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endmacro %}


{# Condition: a column differs, other than the key and lineage columns (`_...`) that are not in `newest_by`. #}
{% macro differs(columns) -%}
    {%- set same = ['true'] -%}
    {%- set order = model_setting('newest_by', []) -%}
    {%- for c in columns if c not in key_columns() and (not c.startswith('_') or c in order) -%}
        {%- do same.append('source.' ~ c ~ ' <=> target.' ~ c) -%}
    {%- endfor -%}
    not ({{ same | join(' and ') }})
{%- endmacro %}


{% macro assignments(columns) -%}
    {% for c in columns %}{{ c }} = source.{{ c }}{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}
