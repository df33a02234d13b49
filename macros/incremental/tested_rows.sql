{#
  What a generic test reads of the model that it tests: in a build the slices touched since the test
  last passed, in `dbt test` and with `--vars 'whole_tests: true'` everything. Only a test that judges
  each row, each key or each slice by itself can do with slices: those below, and any that says so in its config
  (`meta: {judges: rows}`). All others read the whole table.
#}
{% macro default__get_where_subquery(relation) %}
    {%- if flags.WHICH == 'compile' and model.attached_node in selected_resources -%}
        {%- do check_follows_inputs(graph.nodes[model.attached_node]) -%}
    {%- endif -%}
    {%- set conditions = [] -%}
    {%- if config.get('where') %}{% do conditions.append(config.get('where')) %}{% endif -%}
    {%- if is_judged() -%}
        {%- do conditions.append('false') -%}
    {%- elif is_judging_slices() -%}
        {%- do conditions.append(in_tested_slices(relation)) -%}
    {%- endif -%}
    {%- if conditions -%}
        {# `t where (true)` alone would name the table `where` and its column `true`. #}
        (select * from {{ relation }} where true and ({{ conditions | join(') and (') }})) as dbt_subquery
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{% endmacro %}


{% macro is_judging_slices() %}
    {% if not is_building() or not model.test_metadata or not model.attached_node or model_read().mode != 'changes' %}
        {% do return(false) %}
    {% endif %}
    {% set key = graph.nodes.get(model.attached_node, {}).get('config', {}).get('unique_key') %}
    {% if not key or model.test_metadata.name == 'primary_key' %}
        {% do return(key and model.test_metadata.kwargs.columns == ([key] if key is string else key)) %}
    {% endif %}
    {% do return(
        model.test_metadata.name in (
            'not_null', 'accepted_values', 'relationships', 'in_range', 'satisfies', 'valid_one_at_a_time'
        )
        or model_setting('judges') == 'rows'
    ) %}
{% endmacro %}


{#
  Condition: the row is in a slice touched since the test last passed: of a thing that is valid_one_at_a_time, on a
  date, if the model is pruned by one, else of a key (or what the setting `slices` names, for a key with NULLs).
#}
{% macro in_tested_slices(relation) %}
    {% if has_lost_parents(input_name(relation)) %}
        {% do return('true') %}
    {% endif %}
    {% set config = graph.nodes[model.attached_node].config %}
    {% set settings = config.meta or {} %}
    {% set key = config.unique_key %}
    {% set columns = [settings.prune_by] if settings.prune_by else settings.slices or ([key] if key is string else key) %}
    {% if model.test_metadata.name == 'valid_one_at_a_time' %}
        {% set columns = model.test_metadata.kwargs.columns %}
    {% endif %}
    {% set in_slice = in_slices(touched_slices(columns, [
        (relation, 'select ' ~ columns | join(', ') ~ ' from ' ~ changes(relation)),
    ])) %}
    {% if columns != [settings.prune_by] %}
        {# A key that is NULL, which is what a test may look for, is in no slice. #}
        {% set in_slice = in_slice ~ ' or ' ~ columns | join(' is null or ') ~ ' is null' %}
    {% endif %}
    {% do return(in_slice) %}
{% endmacro %}


{# Whether the parent of this relationships test of `tested` has lost a key since: any row may have pointed to it. #}
{% macro has_lost_parents(tested) %}
    {% if model.test_metadata.name == 'relationships' %}
        {% for r in model.refs if input_name(ref(r.name)) != tested or model.refs | length == 1 %}
            {% set parent = ref(r.name) %}
            {% if has_lost_keys(parent, model.test_metadata.kwargs.field, model_read().inputs[input_name(parent)].from) %}
                {% do return(true) %}
            {% endif %}
        {% endfor %}
    {% endif %}
    {% do return(false) %}
{% endmacro %}
