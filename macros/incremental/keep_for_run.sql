{#
  Create a temporary view for the current node and return its name, which is unique to the run. If all nodes of a run
  share a session, the rows are computed at the first use and cached until the run ends.
#}
{% macro keep_for_run(name, query) %}
    {# Tables of different schemas may have the same name. #}
    {% set view = [this.schema, name, invocation_id[:8]] | join('_') %}
    {% if nodes_share_session() %}
        {# `if exists`: if the query fails, there is no view. #}
        {% do run_state().kept.append('drop view if exists ' ~ view) %}
        {% do run_query('cache lazy table ' ~ view ~ ' as ' ~ query) %}
    {% else %}
        {# A server's cache would outlive the session, and a SQL warehouse has no cache. #}
        {% do run_query('create or replace temporary view ' ~ view ~ ' as ' ~ query) %}
    {% endif %}
    {% do return(view) %}
{% endmacro %}


{#
  Cache the tables with the setting `kept` that the current node reads: a run reads each of them once, whole. The
  setting is for a table that many nodes read and that does not grow with the number of events.
#}
{% macro keep_inputs_for_run() %}
    {% if nodes_share_session() %}
        {% for id in model.depends_on.nodes if id in graph.nodes and graph.nodes[id].config.meta.kept %}
            {% set table = ref(graph.nodes[id].name) %}
            {% set release = 'uncache table if exists ' ~ table %}
            {# Two threads may do this at the same time: caching a table twice does no harm. #}
            {% if release not in run_state().kept %}
                {% do run_state().kept.append(release) %}
                {% do run_query('cache lazy table ' ~ table) %}
            {% endif %}
        {% endfor %}
    {% endif %}
{% endmacro %}


{#
  Whether all of dbt's threads use the same Spark session, and nothing else does, so that every node sees all temporary
  views. (`target` does not have the connection's method.)
#}
{% macro nodes_share_session() %}
    {% do return(target.type == 'spark' and adapter.config.credentials.method == 'session') %}
{% endmacro %}


{# At the end of a run, drop the views and cached tables: the process may go on to the next run. #}
{% macro release_kept() %}
    {% set statements = run_state().kept %}
    {% if statements and nodes_share_session() %}
        {# In reverse order, because later views read earlier ones. #}
        {% do run_query('begin ' ~ statements | reverse | join('; ') ~ '; end') %}
    {% endif %}
{% endmacro %}
