{#
  dbt drops and loads every seed in every build. This leaves the table of a seed unchanged if it already has the rows
  of the file, so that models that read it see no change.
#}
{% macro spark__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
    {% if not full_refresh and is_seed_unchanged(model) %}
        {% do run_state().seeds_unchanged.append(model.unique_id) %}
        {% do return('') %}
    {% endif %}
    {% set columns = agate_table.column_names | list %}
    {% set stored_columns = adapter.get_columns_in_relation(old_relation) | map(attribute='name') | list %}
    {% if full_refresh or columns != stored_columns %}
        {% do adapter.drop_relation(old_relation) %}
        {% do forget_version() %}
        {% do return(create_csv_table(model, agate_table)) %}
    {% endif %}
    {% set stored = run_query('select ' ~ columns | join(', ') ~ ' from ' ~ old_relation) %}
    {% if seed_rows(stored) == seed_rows(agate_table) %}
        {% do run_state().seeds_unchanged.append(model.unique_id) %}
    {% else %}
        {% do run_query('delete from ' ~ old_relation) %}
    {% endif %}
    {% do return('') %}
{% endmacro %}


{% macro seed_rows(table) %}
    {% set found = [] %}
    {% for row in table.rows %}{% do found.append(row.values() | join('\n')) %}{% endfor %}
    {% do return(found | sort) %}
{% endmacro %}


{# Whether, by its watermark, neither the file nor the table of a seed has changed since it was loaded. #}
{% macro is_seed_unchanged(model) %}
    {% set name = input_name(this) %}
    {% set mark = watermarks().get(name, {}).get(name) %}
    {% set newest = commits(this)[0] if mark else {} %}
    {% set loaded = [mark.version, mark.committed_at, mark.logic] if mark else none %}
    {% do return(mark and loaded == [newest.version, newest.committed_at, seed_fingerprint(model)]) %}
{% endmacro %}


{% macro seed_fingerprint(model) %}
    {% do return(local_md5(model.checksum.checksum ~ tojson(model.config.get('column_types') or {}, sort_keys=true))) %}
{% endmacro %}


{# Record the current version of the seed's table, for is_seed_unchanged(). #}
{% macro note_load(model) %}
    {% if is_run_of_models() %}
        {% set name = input_name(this) %}
        {% set newest = commits(this)[0] %}
        {% do run_state().reads.update({model.unique_id: {
            'model': name,
            'logic': seed_fingerprint(model),
            'inputs': {name: {'to': newest.version, 'last': newest}},
        }}) %}
    {% endif %}
{% endmacro %}


{% macro spark__load_csv_rows(model, agate_table) %}
    {% set state = run_state() %}
    {% if model.unique_id in state.seeds_unchanged %}
        {% do note_load(model) %}
        {% do return("select 'nothing changed' as result") %}
    {% endif %}
    {% set sql = "select 'made with its rows' as result" %}
    {% if model.unique_id not in state.seeds_created %}
        {% set sql = 'insert into ' ~ this ~ ' ' ~ seed_values(model, agate_table) %}
        {# On Databricks this is also called for a seed without rows. #}
        {% if agate_table.rows %}{% do run_query(sql) %}{% endif %}
        {% do note_version() %}
    {% endif %}
    {% do note_load(model) %}
    {# A post-hook may write more rows. #}
    {% if is_run_of_models() and not post_hooks %}{% do evaluate_tests() %}{% endif %}
    {% do return(sql) %}
{% endmacro %}


{# A VALUES clause of the rows of a seed, cast to the types of its columns. #}
{% macro seed_values(model, agate_table) %}
    {% set types = model.config.get('column_types', {}) %}
    {% set rows = [] %}
    {% for row in agate_table.rows %}
        {% set cells = [] %}
        {% for name in agate_table.column_names %}
            {% set value = quoted(row[name]) if row[name] is not none else 'null' %}
            {% set type = types.get(name, adapter.convert_type(agate_table, loop.index0)) %}
            {% do cells.append('cast(' ~ value ~ ' as ' ~ type ~ ')') %}
        {% endfor %}
        {% do rows.append('(' ~ cells | join(', ') ~ ')') %}
    {% endfor %}
    {% do return('values ' ~ rows | join(', ')) %}
{% endmacro %}


{#
  Create the table of a seed with its rows in one commit, and with its table properties: dbt-spark leaves them out, but
  a seed needs a change feed like every other table. `create or replace` also works on a folder that a killed `create
  table` has left behind.
#}
{% macro spark__create_csv_table(model, agate_table) %}
    {% set types = model.config.get('column_types', {}) %}
    {% set sql %}
        create or replace table {{ this }}
        {{ file_format_clause() }}
        {{ tblproperties_clause() }}
        as select
            {%- for name in agate_table.column_names %}
            {%- set type = types.get(name, adapter.convert_type(agate_table, loop.index0)) %}
            cast(null as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
            {%- endfor %}
        where false
        {{ 'union all ' ~ seed_values(model, agate_table) if agate_table.rows }}
    {% endset %}
    {% do run_query(sql) %}
    {% do run_state().seeds_created.append(model.unique_id) %}
    {% do note_adapter_write(was_there=false) %}
    {% do return(sql) %}
{% endmacro %}
