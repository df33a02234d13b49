{#
  What a generic test reads of its model; replaces dbt's macro. In a build it is the slices touched since the test last
  passed; in `dbt test` and with `--vars 'whole_tests: true'` the whole table. Slices suffice only for tests of single
  rows, keys or slices: those in can_test_slices(), and any with `meta: {tests: rows}` in its config. All other tests
  read the whole table.
#}
{% macro default__get_where_subquery(relation) %}
    {%- if flags.WHICH == 'compile' and model.attached_node in selected_resources -%}
        {%- do check_follows_inputs(graph.nodes[model.attached_node]) -%}
    {%- endif -%}
    {%- set conditions = [] -%}
    {%- if config.get('where') %}{% do conditions.append(config.get('where')) %}{% endif -%}
    {%- if is_decided() -%}
        {%- do conditions.append('false') -%}
    {%- elif can_test_slices() -%}
        {%- do conditions.append(in_tested_slices(relation)) -%}
    {%- endif -%}
    {%- if conditions -%}
        {# `true and` is needed: Spark would parse `t where (true)` as a table alias `where` with a column `true`. #}
        (select * from {{ relation }} where true and ({{ conditions | join(') and (') }})) as dbt_subquery
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{% endmacro %}


{% macro can_test_slices() %}
    {% if not is_building() or not model.test_metadata or not model.attached_node or model_read().mode != 'changes' %}
        {% do return(false) %}
    {% endif %}
    {% set key = graph.nodes.get(model.attached_node, {}).get('config', {}).get('unique_key') %}
    {% if not key or model.test_metadata.name == 'primary_key' %}
        {% do return(key and model.test_metadata.kwargs.columns == ([key] if key is string else key)) %}
    {% endif %}
    {% do return(
        model.test_metadata.name in (
            'not_null', 'accepted_values', 'relationships', 'in_range', 'satisfies', 'no_overlapping_validity'
        )
        or model_setting('tests') == 'rows'
    ) %}
{% endmacro %}


{#
  Condition: the row is in a slice touched since the test last passed. The slices of no_overlapping_validity are its
  `columns`. Those of other tests are the dates of the setting `prune_by`, else the columns of the setting `slices` (for
  a key with NULLs), else the key.
#}
{% macro in_tested_slices(relation) %}
    {% if has_lost_parents(input_name(relation)) %}
        {% do return('true') %}
    {% endif %}
    {% set config = graph.nodes[model.attached_node].config %}
    {% set settings = config.meta or {} %}
    {% set key = config.unique_key %}
    {% set columns = settings.slices or ([key] if key is string else key) %}
    {% if settings.prune_by %}{% set columns = [settings.prune_by] %}{% endif %}
    {% if model.test_metadata.name == 'no_overlapping_validity' %}
        {% set columns = model.test_metadata.kwargs.columns %}
    {% endif %}
    {% set in_slice = in_slices(touched_slices(columns, [
        (relation, 'select ' ~ columns | join(', ') ~ ' from ' ~ changes(relation)),
    ])) %}
    {% if columns != [settings.prune_by] %}
        {# Rows with a NULL key are in no slice, but a test may look for them. #}
        {% set in_slice = in_slice ~ ' or ' ~ columns | join(' is null or ') ~ ' is null' %}
    {% endif %}
    {% do return(in_slice) %}
{% endmacro %}


{# Whether the parent of the current relationships test has lost a key since: any row of `tested` may refer to it. #}
{% macro has_lost_parents(tested) %}
    {% if model.test_metadata.name == 'relationships' %}
        {% for r in model.refs if input_name(ref(r.name)) != tested or model.refs | length == 1 %}
            {% set parent = ref(r.name) %}
            {% set from = model_read().inputs[input_name(parent)].from %}
            {% if has_lost_keys(parent, model.test_metadata.kwargs.field, from) %}
                {% do return(true) %}
            {% endif %}
        {% endfor %}
    {% endif %}
    {% do return(false) %}
{% endmacro %}
