{#
  A temporary view, for the node at hand. Where all nodes of a run share a session its rows are
  computed at most once, at the first use, and kept until the run ends. Gives its name, which is unlike
  that of any other run.
#}
{% macro keep_for_run(name, query) %}
    {# Tables of two schemas may have one name. #}
    {% set view = [this.schema, name, invocation_id[:8]] | join('_') %}
    {% if nodes_share_session() %}
        {# A query that is wrong leaves none. #}
        {% do run_state().kept.append('drop view if exists ' ~ view) %}
        {% do run_query('cache lazy table ' ~ view ~ ' as ' ~ query) %}
    {% else %}
        {# What a server keeps would outlive the session, and a SQL warehouse keeps nothing. #}
        {% do run_query('create or replace temporary view ' ~ view ~ ' as ' ~ query) %}
    {% endif %}
    {% do return(view) %}
{% endmacro %}


{#
  The tables with the setting `kept` that the node at hand reads: each is listed and read once in a run, whole,
  for all the nodes that read it. For a table of many readers that does not grow with the events.
#}
{% macro keep_inputs_for_run() %}
    {% if nodes_share_session() %}
        {% for id in model.depends_on.nodes if id in graph.nodes and graph.nodes[id].config.meta.kept %}
            {% set table = ref(graph.nodes[id].name) %}
            {% set release = 'uncache table if exists ' ~ table %}
            {# Of two nodes that ask at once both keep it, which is as good as once. #}
            {% if release not in run_state().kept %}
                {% do run_state().kept.append(release) %}
                {% do run_query('cache lazy table ' ~ table) %}
            {% endif %}
        {% endfor %}
    {% endif %}
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
    {% set statements = run_state().kept %}
    {% if statements and nodes_share_session() %}
        {# The last first: a batch is a query of the slices before it. #}
        {% do run_query('begin ' ~ statements | reverse | join('; ') ~ '; end') %}
    {% endif %}
{% endmacro %}
