{#
  The ingest writes bronze tables by path and needs no metastore; here dbt makes those that are not
  there yet known by name. On Databricks the ingest writes them by name.
#}
{% macro register_bronze() %}
    {% if execute and target.type == 'spark' and flags.WHICH in ('run', 'build', 'test', 'retry', 'snapshot', 'seed', 'show', 'freshness') %}
        {% set relation = api.Relation.create(schema='bronze') %}
        {% do adapter.create_schema(relation) %}
        {% set known = run_query('show tables in bronze').columns['tableName'].values() | list %}
        {% set tables = graph.sources.values() | selectattr('schema', 'eq', 'bronze') | map(attribute='identifier') | list %}
        {% set missing = tables | reject('in', known) | list %}
        {% if missing %}
            {# The folder itself is in the pattern lest that finds nothing. #}
            {% set query %}
                select distinct {{ log_table() }} as name
                from {{ log_files('bronze{,/*/_delta_log}') }}
                where {{ is_commit() }}
            {% endset %}
            {% set landed = run_query(query).columns['name'].values() %}
            {% set folder = warehouse() ~ '/bronze' %}
            {% set absent = [] %}
            {% for table in missing if 'bronze.' ~ table not in landed %}{% do absent.append(table) %}{% endfor %}
            {# Delta would make empty tables, which the ingest would take for its own. #}
            {% if absent %}
                {% do exceptions.raise_compiler_error(
                    'Nothing has landed yet: ' ~ folder ~ ' has no ' ~ absent | join(', ')
                    ~ '. Run `uv run fitness ingest` first; `uv run fitness produce` makes sample data for it.'
                ) %}
            {% endif %}
            {% for table in missing %}
                {% do run_query('create table bronze.' ~ table ~ ' using delta location ' ~ quoted(folder ~ '/' ~ table)) %}
            {% endfor %}
        {% endif %}
    {% endif %}
{% endmacro %}
