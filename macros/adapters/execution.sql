{#
  Spark compiles every query to Java, which pays for itself on many rows only: docs/performance.md has
  figures. Called at the start of a run, which is decided for as a whole, and at its end.
#}
{% macro choose_execution() %}
    {% if execute and nodes_share_session() and is_run_of_models() and not has_much_news() %}
        {% for setting, value in execution_of_little().items() %}
            {% do run_query('set ' ~ setting ~ ' = ' ~ value) %}
        {% endfor %}
    {% endif %}
{% endmacro %}


{% macro reset_execution() %}
    {% if execute and nodes_share_session() and is_run_of_models() %}
        {% for setting in execution_of_little() %}
            {% do run_query('reset ' ~ setting) %}
        {% endfor %}
    {% endif %}
{% endmacro %}


{% macro execution_of_little() %}
    {% do return({
        'spark.sql.codegen.wholeStage': 'false',
        'spark.sql.codegen.factoryMode': 'NO_CODEGEN',
        'spark.sql.adaptive.enabled': 'false',
    }) %}
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
