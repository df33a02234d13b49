{#
  The empty table of a seed. Unlike dbt-spark's `create table`, this statement also works on a folder that a killed build
  or a dropped external table has left behind.
#}
{% macro spark__create_csv_table(model, agate_table) %}
    {% set types, columns = model.config.get('column_types', {}), [] %}
    {% for name in agate_table.column_names %}
        {% set type = types.get(name, adapter.convert_type(agate_table, loop.index0)) %}
        {% set column = adapter.quote_seed_column(name, model.config.get('quote_columns')) %}
        {% do columns.append('cast(null as ' ~ type ~ ') as ' ~ column) %}
    {% endfor %}
    {% set sql %}
        create or replace table {{ this }} {{ file_format_clause() }} as select {{ columns | join(', ') }} where false
    {% endset %}
    {% call statement('_') %}{{ sql }}{% endcall %}
    {{ return(sql) }}
{% endmacro %}
