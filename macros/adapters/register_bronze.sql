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
            {% set folder = run_query('describe schema bronze').rows | selectattr(0, 'eq', 'Location') | map(attribute=1) | first %}
            {% for table in missing %}
                {% do run_query('create table bronze.' ~ table ~ " using delta location '" ~ folder ~ '/' ~ table ~ "'") %}
            {% endfor %}
        {% endif %}
    {% endif %}
{% endmacro %}
