{#
  Spark plans a query anew after each of its stages, which pays for itself on many rows only:
  docs/performance.md has figures. Called at the start of a run, which is decided for as a whole, and at
  its end.
#}
{% macro choose_execution() %}
    {% if execute and nodes_share_session() and is_run_of_models() and not has_much_news() %}
        {% do run_query('set spark.sql.adaptive.enabled = false') %}
    {% endif %}
{% endmacro %}


{% macro reset_execution() %}
    {% if execute and nodes_share_session() and is_run_of_models() %}
        {% do run_query('reset spark.sql.adaptive.enabled') %}
    {% endif %}
{% endmacro %}


{# Whether models will read many rows: the news of bronze, or all of it when there is a full refresh. #}
{% macro has_much_news() %}
    {% set many = 500000 %}
    {% set seen = {} if flags.FULL_REFRESH else oldest_watermarks() %}
    {% set counts = [] %}
    {% for source in graph.sources.values() if source.schema == 'bronze' %}
        {% set relation = api.Relation.create(schema=source.schema, identifier=source.identifier) %}
        {% set down_to = seen.get(input_name(relation), 0) %}
        {% for commit in commits(relation, down_to) if commit.version > down_to %}
            {% do counts.append(commit.rows) %}
        {% endfor %}
    {% endfor %}
    {% do return(counts | sum > many) %}
{% endmacro %}
