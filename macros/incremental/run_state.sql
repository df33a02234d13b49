{#
  What this invocation knows: the watermarks as they were at its start, the commits of each input,
  what each model reads and asks for, and the tests that were decided with it. dbt hands the same
  `graph` to every node of an invocation, so it is where nodes share what would otherwise be asked of
  the lakehouse again and again. Nodes run in threads: look a key up in what is shared, never go
  through it while others may add to it.
#}
{% macro run_state() %}
    {% do return(graph.setdefault('incremental ' ~ invocation_id, {
        'watermarks': none,
        'commits': {},
        'writes': {},
        'warehouse': none,
        'elsewhere': [],
        'reads': {},
        'asked': {},
        'made': {},
        'judged': {},
        'touched': {},
        'lost_keys': {},
        'kept': [],
        'seeds_kept': [],
        'seeds_made': [],
        'passed': none,
    })) %}
{% endmacro %}


{# Whether this render is for a build: not parse, compile, docs, lint, a unit test or `dbt test`. #}
{% macro is_building() %}
    {% do return(execute and is_run_of_models() and model.resource_type in ('model', 'snapshot', 'test')) %}
{% endmacro %}


{% macro is_run_of_models() %}
    {% do return(flags.WHICH in ('run', 'build', 'retry', 'snapshot')) %}
{% endmacro %}


{# `schema.table`, the name by which watermarks know a relation. #}
{% macro input_name(relation) %}
    {% do return(relation.schema ~ '.' ~ relation.identifier) %}
{% endmacro %}


{# The relations that this model reads and whose changes it must follow: all but its static_inputs. #}
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


{# The tables of the source that the setting `all_sources_of` names: a model that loops over them cannot list them. #}
{% macro other_sources() %}
    {% set found = [] %}
    {% for table in graph.get('sources', {}).values() if table.source_name == model_setting('all_sources_of') %}
        {% do found.append([table.source_name, table.name]) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# A setting of the model at hand that is ours, not dbt's: under `meta` in its config. #}
{% macro model_setting(name, default=none) %}
    {% do return((config.get('meta') or {}).get(name, default)) %}
{% endmacro %}
