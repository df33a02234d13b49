{#
  A temporary view, for the node at hand. Where all nodes of a run share a session its rows are
  computed at most once, at the first use, and kept until the run ends. Gives its name, which is unlike
  that of any other run.
#}
{% macro keep_for_run(name, query) %}
    {% set view = name ~ '_' ~ invocation_id[:8] %}
    {% if nodes_share_session() %}
        {% do run_state().kept.append(view) %}
        {% do run_query('cache lazy table ' ~ view ~ ' as ' ~ query) %}
    {% else %}
        {# What a server keeps would outlive the session, and a SQL warehouse keeps nothing. #}
        {% do run_query('create or replace temporary view ' ~ view ~ ' as ' ~ query) %}
    {% endif %}
    {% do return(view) %}
{% endmacro %}


{#
  Whether all of dbt's threads speak to one session of Spark, and nobody else does: its views are seen
  by all. `target` does not name the method of a connection.
#}
{% macro nodes_share_session() %}
    {% do return(target.type == 'spark' and adapter.config.credentials.method == 'session') %}
{% endmacro %}


{# At the end of a run: a process that goes on must not keep the rows. #}
{% macro release_kept() %}
    {% if nodes_share_session() %}
        {# The last first: a batch is a query of the slices before it. #}
        {% for view in run_state().kept | reverse %}
            {# A query that is wrong has left none. #}
            {% do run_query('drop view if exists ' ~ view) %}
        {% endfor %}
    {% endif %}
{% endmacro %}
