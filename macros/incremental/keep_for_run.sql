{#
  A temporary view whose rows are computed at most once, at the first use, and kept until the run
  ends. Gives its name, which is unlike that of any other run.
#}
{% macro keep_for_run(name, query) %}
    {% set view = name ~ '_' ~ invocation_id[:8] %}
    {% do run_state().kept.append(view) %}
    {% do adapter.dispatch('keep_for_run', 'fitness')(view, query) %}
    {% do return(view) %}
{% endmacro %}

{% macro default__keep_for_run(view, query) %}
    {% do run_query('cache lazy table ' ~ view ~ ' as ' ~ query) %}
{% endmacro %}

{# A SQL warehouse has no `cache table`: its views are computed at each use. #}
{% macro databricks__keep_for_run(view, query) %}
    {% do run_query('create or replace temporary view ' ~ view ~ ' as ' ~ query) %}
{% endmacro %}


{# At the end of a run: a process that goes on must not keep the rows. #}
{% macro release_kept() %}
    {% if target.type == 'spark' %}
        {# The last first: a batch is a query of the slices before it. #}
        {% for view in run_state().kept | reverse %}
            {% do run_query('drop view ' ~ view) %}
        {% endfor %}
    {% endif %}
{% endmacro %}
