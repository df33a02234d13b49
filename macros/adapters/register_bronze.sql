{#
  Register the bronze tables in the metastore. The ingest writes them by path and needs no metastore. On Databricks the
  ingest writes them by name, and this does nothing.
#}
{% macro register_bronze() %}
    {% set commands = ['run', 'build', 'test', 'retry', 'snapshot', 'seed', 'show', 'freshness'] %}
    {% if execute and target.type == 'spark' and flags.WHICH in commands %}
        {% set relation = api.Relation.create(schema='bronze') %}
        {% do adapter.create_schema(relation) %}
        {% set folder = engine_warehouse() ~ '/bronze' %}
        {% set location = (run_query('describe schema bronze').rows | selectattr(0, 'eq', 'Location') | first)[1] %}
        {# Without what is encoded in a location. #}
        {% if modules.re.sub('%..|[^A-Za-z0-9]', '', location) != modules.re.sub('[^A-Za-z0-9]', '', folder) %}
            {% do exceptions.raise_compiler_error(
                'The metastore in ' ~ engine_warehouse() ~ ' has the tables of ' ~ location ~ ': the lakehouse was copied or '
                ~ 'moved, and a build would change the other one. `uv run fitness build` makes the metastore anew.'
            ) %}
        {% endif %}
        {% set known = run_query('show tables in bronze').columns['tableName'].values() | list %}
        {% set tables = graph.sources.values() | selectattr('schema', 'eq', 'bronze') | map(attribute='identifier') %}
        {% set missing = tables | reject('in', known) | list %}
        {% if missing %}
            {# The pattern also matches the folder `bronze`, because Spark refuses a pattern that matches nothing. #}
            {% set query %}
                select distinct regexp_extract(_metadata.file_path, '([^/]+)/_delta_log/', 1) as name
                from {{ engine_lines_below('bronze{,/*/_delta_log}') }}
                where _metadata.file_name rlike '^[0-9]+[.]json$'
            {% endset %}
            {% set landed = run_query(query).columns['name'].values() %}
            {% set absent = [] %}
            {% for table in missing if table not in landed %}{% do absent.append(table) %}{% endfor %}
            {# If a folder does not exist, `create table` would create an empty table, and the ingest would use it. #}
            {% if absent %}
                {% do exceptions.raise_compiler_error(
                    'Nothing has landed yet: ' ~ folder ~ ' has no ' ~ absent | join(', ')
                    ~ '. Run `uv run fitness ingest` first; `uv run fitness produce` makes sample data for it.'
                ) %}
            {% endif %}
            {% for table in missing %}
                {% set location = engine_quoted(folder ~ '/' ~ table) %}
                {% do run_query('create table bronze.' ~ table ~ ' using delta location ' ~ location) %}
            {% endfor %}
        {% endif %}
    {% endif %}
{% endmacro %}
