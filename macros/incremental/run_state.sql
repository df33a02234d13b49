{#
  The state that the nodes of an invocation share, so that they need not query the lakehouse again for it. It is kept
  in `graph`, because dbt passes the same `graph` to every node. Nodes run in threads: look up a key in these mappings,
  but never iterate over one while other threads may add to it.

    watermarks         the watermarks at the start of the run
    pass_result        the result of a test that passes
    commits            the known commits of each table
    writes             the commits that note_write() assumed
    warehouse          the warehouse folder
    outside_warehouse  tables whose logs are not below that folder
    reads              model_read() of each node
    followed           the inputs whose changes each node has asked for
    rebuilt            the version of each table that was rebuilt or compared whole in this run
    decided            the tests that were decided when their model was written
    touched            touched slices by query
    lost_keys          has_lost_keys() by query
    kept               statements that release_kept() runs at the end
    seeds_unchanged    seeds whose table already has the file's rows
    seeds_created      seeds whose table was created with its rows
#}
{% macro run_state() %}
    {% do return(graph.setdefault('incremental ' ~ invocation_id, {
        'watermarks': none,
        'commits': {},
        'writes': {},
        'warehouse': none,
        'outside_warehouse': [],
        'reads': {},
        'followed': {},
        'rebuilt': {},
        'decided': {},
        'touched': {},
        'lost_keys': {},
        'kept': [],
        'seeds_unchanged': [],
        'seeds_created': [],
        'pass_result': none,
    })) %}
{% endmacro %}


{# Whether this render is for a build: not parse, compile, docs, lint, a unit test or `dbt test`. #}
{% macro is_building() %}
    {% do return(execute and is_run_of_models() and model.resource_type in ('model', 'snapshot', 'test')) %}
{% endmacro %}


{% macro is_run_of_models() %}
    {% do return(flags.WHICH in ('run', 'build', 'retry', 'snapshot')) %}
{% endmacro %}


{# The name of a relation in the watermarks: `schema.table`. #}
{% macro input_name(relation) %}
    {% do return(relation.schema ~ '.' ~ relation.identifier) %}
{% endmacro %}


{# The relations that the current node reads, by name, without its static_inputs. #}
{% macro watched_inputs() %}
    {% set inputs = {} %}
    {% for r in model.refs if r.name not in model_setting('static_inputs', []) %}
        {% set relation = ref(r.package, r.name) if r.package else ref(r.name) %}
        {# An ephemeral model has no table: its readers follow the source under it. #}
        {% if not relation.is_cte %}
            {% do inputs.update({input_name(relation): relation}) %}
        {% endif %}
    {% endfor %}
    {% for s in model.sources + other_sources() %}
        {% set relation = source(s[0], s[1]) %}
        {% do inputs.update({input_name(relation): relation}) %}
    {% endfor %}
    {% do return(inputs) %}
{% endmacro %}


{# The tables of the source in the setting `all_sources_of`: dbt does not see tables that a model reads in a loop. #}
{% macro other_sources() %}
    {% set found = [] %}
    {% for table in graph.get('sources', {}).values() if table.source_name == model_setting('all_sources_of') %}
        {% do found.append([table.source_name, table.name]) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# A setting of the current node that is this project's own, not dbt's: in `meta` of its config. #}
{% macro model_setting(name, default=none) %}
    {% do return((config.get('meta') or {}).get(name, default)) %}
{% endmacro %}
