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
            {% set folder = warehouse() ~ '/bronze' %}
            {# Where there is no table Delta would make an empty one, which the ingest would take for its own. #}
            {% set query %}
                select distinct regexp_extract(_metadata.file_path, '([^/]+)/_delta_log/', 1) as name
                from text.`{{ literal_path(folder) | replace('`', '``') }}{,/*/_delta_log}`
                where _metadata.file_name rlike '^[0-9]+[.]json$'
            {% endset %}
            {% set landed = run_query(query).columns['name'].values() | list %}
            {% if missing | reject('in', landed) | list %}
                {% do exceptions.raise_compiler_error(
                    'Nothing has landed yet: ' ~ folder ~ ' has no ' ~ missing | reject('in', landed) | join(', ')
                    ~ '. Run `uv run fitness ingest` first; `uv run fitness produce` makes sample data for it.'
                ) %}
            {% endif %}
            {% for table in missing %}
                {% do run_query('create table bronze.' ~ table ~ ' using delta location ' ~ quoted(folder ~ '/' ~ table)) %}
            {% endfor %}
        {% endif %}
    {% endif %}
{% endmacro %}
