{#
  The state that the nodes of an invocation share. It is kept in `graph`, because dbt passes the same `graph` to every
  node. Nodes run in threads: look up a key in these mappings, but never iterate over one that others may add to.
  `watermarks` are those at the start of the run, `pass_result` is the result of a test that passes, `commits` the known
  ones of each table, `reads` the engine_read() and `followed` the inputs of each node, `built` the models, `decided` the
  tests that passed with their model and how it was read, `views` the statements that drop cached views.
#}
{% macro engine_state() %}
    {% do return(graph.setdefault('incremental ' ~ invocation_id, {
        'watermarks': none, 'pass_result': none, 'commits': {}, 'warehouse': none, 'reads': {}, 'followed': {},
        'built': {}, 'decided': {}, 'views': [],
    })) %}
{% endmacro %}

{# At the start of a run: create the table of watermarks, and look at the logs of all tables that have watermarks. #}
{% macro engine_start() %}
    {% if execute and engine_is_run() %}
        {% do engine_create_watermarks() %}
        {% do engine_look_at_logs() %}
    {% endif %}
{% endmacro %}

{# At the end of a run: record the watermarks, and drop what was cached, since the process may go on to the next run. #}
{% macro engine_end() %}
    {% if execute and engine_is_run() %}
        {% do engine_record_watermarks() %}
        {% set views = engine_state().views %}
        {# In reverse order, because later views read earlier ones. #}
        {% if views %}{% do run_query('begin ' ~ views | reverse | join('; ') ~ '; end') %}{% endif %}
    {% endif %}
{% endmacro %}

{# Whether this render is for a build: not parse, compile, docs, lint, a unit test or `dbt test`. #}
{% macro engine_is_building() %}
    {% do return(execute and engine_is_run() and model.resource_type in ('model', 'snapshot', 'seed', 'test')) %}
{% endmacro %}
{% macro engine_is_run() %}
    {% do return(flags.WHICH in ('run', 'build', 'retry', 'snapshot')) %}
{% endmacro %}

{#
  Whether the target is one on which builds run one at a time, in one session. Elsewhere all writes are MERGEs, since in
  Delta two MERGEs of the same rows conflict and two appends do not.
#}
{% macro engine_is_exclusive() %}
    {% do return(target.name in var('one_build_at_a_time', [])) %}
{% endmacro %}

{# Whether this library builds a node. Python models, and models without the setting, are left to dbt. #}
{% macro engine_is_followed(node) %}
    {% set wants = (node.config.meta or {}).get('follow_changes', false) %}
    {% do return(wants and node.config.materialized == 'incremental' and node.language == 'sql') %}
{% endmacro %}

{# The key of a node with these `settings`, a list of column names; of the current model, which needs one, without them. #}
{% macro engine_key(settings=none) %}
    {% set key = settings.unique_key if settings else config.require('unique_key') %}
    {% do return([key] if key is string else key) %}
{% endmacro %}
{# The name of a relation in the watermarks: `schema.table`. #}
{% macro engine_name(relation) %}
    {% do return(relation.schema ~ '.' ~ relation.identifier) %}
{% endmacro %}
{# A text as a SQL string literal. Spark would replace `${...}` by the value of a setting, also in a literal. #}
{% macro engine_quoted(text) %}
    {%- set escaped = text | string | replace('\\', '\\\\') | replace("'", "\\'") | replace('$', '\\u0024') -%}
    {%- do return("'" ~ escaped ~ "'") -%}
{% endmacro %}

{#
  An instant as text in UTC. Connections return instants as text or naive datetimes in the session's time zone, which is
  UTC; as aware datetimes; or (pyspark, method `session`, whose host is NA) as naive datetimes in the local time zone.
#}
{% macro engine_utc_text(instant) %}
    {% set at = modules.datetime.datetime.fromisoformat(instant) if instant is string else instant %}
    {% if at.tzinfo or (instant is not string and target.type == 'spark' and target.host == 'NA') %}
        {% set at = at.astimezone(modules.pytz.utc) %}
    {% endif %}
    {% do return(at.strftime('%Y-%m-%d %H:%M:%S.%f')) %}
{% endmacro %}
