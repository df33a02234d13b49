{#
  The tests of a build read what has changed, in one of three ways:
    1. Plain generic tests run with their model, all in one statement: engine_count().
    2. Other generic tests of single rows, keys or slices, and tests with failing rows, read the slices touched since
       they last passed: default__get_where_subquery().
    3. All other tests read whole tables, or use touched_slices() themselves. `dbt test` reads whole tables.
#}

{# Whether a generic test is of single rows, keys or slices, so that it may read only the slices that have changed. #}
{% macro engine_tests_slices(test) %}
    {% set name, tested = test.test_metadata.name, graph.nodes.get(test.attached_node, {}).get('config', {}) %}
    {# A threshold is for the rows of the whole table. #}
    {% if [test.config.fail_calc, test.config.error_if, test.config.warn_if] != ['count(*)', '!= 0', '!= 0'] %}
        {% do return(false) %}
    {% endif %}
    {% if name == 'primary_key' %}
        {% do return(tested.unique_key and test.test_metadata.kwargs.columns == engine_key(tested)) %}
    {% endif %}
    {% do return(tested.unique_key and (
        name in ('not_null', 'accepted_values', 'relationships', 'in_range', 'satisfies', 'no_overlapping_validity')
        or (test.config.meta or {}).get('tests') == 'rows'
    )) %}
{% endmacro %}

{#
  Count, in one pass over `rows`, those to write and those that fail the model's tests. Remembers the tests that no row
  fails, and returns the kinds of rows to write: insert, update, delete. After a rebuild, the rows are the whole table.
#}
{% macro engine_count(rows) %}
    {% set failing, counts, is_batch = {}, {}, engine_read().mode != 'full' %}
    {% for kind in ['insert', 'update', 'delete'] if is_batch %}
        {% do counts.update({kind: "count_if(_write = '" ~ kind ~ "')"}) %}
    {% endfor %}
    {% for id in selected_resources if graph.nodes.get(id, {}).get('attached_node') == model.unique_id %}
        {% set condition = engine_failing_row(graph.nodes[id]) %}
        {% if condition %}
            {% do failing.update({id: condition ~ ' as _fails_' ~ loop.index}) %}
            {% do counts.update({id: 'count_if(_is_in_batch and _fails_' ~ loop.index ~ ')'}) %}
        {% endif %}
    {% endfor %}
    {% if not counts %}{% do return([]) %}{% endif %}
    {% set columns = ['*' if is_batch else '*, true as _is_in_batch'] + failing.values() | list %}
    {% set tested = '(select ' ~ columns | join(', ') ~ ' from ' ~ rows ~ ')' %}
    {% set found = run_query('select ' ~ counts.values() | join(', ') ~ ' from ' ~ tested).rows[0].values() %}
    {% set written = [] %}
    {% for name, n in zip(counts, found) %}
        {% if name not in failing and n %}
            {% do written.append(name) %}
        {# If changes are not written, the one commit that engine_is_decided() finds is of something else. #}
        {% elif name in failing and not (n or pre_hooks or post_hooks) and (written or engine_read().mode != 'changes') %}
            {% do engine_state().decided.update({name: engine_read().mode}) %}
        {% endif %}
    {% endfor %}
    {% do return(written) %}
{% endmacro %}

{#
  The condition that a row fails a test of the current model, from the test's own SQL: that of a plain generic test is
  `select ... from <model> where <condition>`, or `qualify` if it compares rows. None if the test must run by itself.
#}
{% macro engine_failing_row(test) %}
    {% set settings, name = test.config, test.test_metadata.name %}
    {% set is_plain = not (settings.store_failures or settings.limit or settings.meta.tests) %}
    {# Its other table, that of relationships, must be complete. Its name with --defer is not known here. #}
    {% set others = test.depends_on.nodes | reject('eq', model.unique_id) | list %}
    {% set missing = others | select('in', selected_resources) | reject('in', engine_state().built) | list %}
    {% set is_ready = not missing and not (others and invocation_args_dict.defer) %}
    {# A batch of changes may lack rows of an entity, and a table that is compared whole has rows that will be deleted. #}
    {% set has_rows = name != 'no_overlapping_validity' or engine_read().mode == 'full' %}
    {% if not (is_plain and is_ready and has_rows and engine_tests_slices(test)) %}{% do return(none) %}{% endif %}
    {% set sql = engine_test_sql(test, '_tested') %}
    {% set found = modules.re.fullmatch('(?s)\\s*select\\s[^()]*\\sfrom\\s+_tested\\s+(where|qualify)\\s(.*)', sql) %}
    {% if not found or settings.where and found.group(1) == 'qualify' %}{% do return(none) %}{% endif %}
    {% do return('(' ~ (settings.where or 'true') ~ ') and (' ~ found.group(2) ~ ')') %}
{% endmacro %}

{# The SQL of a generic test, with `rows` as its model, and without its `where`. #}
{% macro engine_test_sql(test, rows) %}
    {% set arguments = {'model': rows} %}
    {% for name, value in test.test_metadata.kwargs.items() if name != 'model' %}
        {% if name == 'to' %}
            {% set value = engine_parent_of(test).relation_name %}
        {% endif %}
        {% do arguments.update({name: render(value) if value is string else value}) %}
    {% endfor %}
    {% set macros = context[test.test_metadata.namespace] if test.test_metadata.namespace else context %}
    {% do return(macros['test_' ~ test.test_metadata.name](**arguments)) %}
{% endmacro %}

{# The node that a relationships test refers to: another one than it tests, or the tested one itself. #}
{% macro engine_parent_of(test) %}
    {% set tables = test.depends_on.nodes %}
    {% set id = (tables | reject('eq', test.attached_node) | list or tables)[0] %}
    {% do return(graph.nodes.get(id) or graph.sources[id]) %}
{% endmacro %}

{#
  Whether the current test passed, with its model, on all rows that have changed since it last passed. A batch of changes
  is all of them if it is the only commit since, and if no older row has lost the row that it refers to.
#}
{% macro engine_is_decided() %}
    {% set mode = engine_state().decided.get(model.unique_id) %}
    {% if mode is none %}{% do return(false) %}{% endif %}
    {% set table = graph.nodes[model.attached_node] %}
    {% set tested = engine_read().inputs.get(table.schema ~ '.' ~ table.alias, {}) %}
    {% do return(mode != 'changes' or (
        engine_read().mode == 'changes' and tested.commits == 1 and not engine_has_lost_parents()
    )) %}
{% endmacro %}

{# Whether rows may have lost the row to which the current relationships test refers: then all must be tested. #}
{% macro engine_has_lost_parents() %}
    {% if model.test_metadata.name != 'relationships' %}{% do return(false) %}{% endif %}
    {% set node, field = engine_parent_of(model), model.test_metadata.kwargs.field %}
    {% set is_source = node.resource_type == 'source' %}
    {% set parent = source(node.source_name, node.name) if is_source else ref(node.name) %}
    {# An update may change a column that is no part of the key. #}
    {% set key = ['struct'] + (engine_key(node.config) if node.config.unique_key else []) %}
    {% if modules.re.findall('\\w+', field) | reject('in', key) | list and has_changes(parent) %}
        {% do return(not is_source or engine_read().inputs[engine_name(parent)].is_rewritten) %}
    {% endif %}
    {% do return(lost_keys(parent, field) is not none) %}
{% endmacro %}

{#
  What a generic test reads of its model; replaces dbt's macro. In a build these are the slices touched since it last
  passed: of no_overlapping_validity its `columns`, of others the dates of the setting `prune_by`, else the columns of
  the setting `slices`, else the key.
#}
{% macro default__get_where_subquery(relation) %}
    {% set conditions = [config.get('where')] if config.get('where') else [] %}
    {% if engine_is_building() and read_mode() == 'changes' and engine_tests_slices(model)
        and not (engine_is_decided() or engine_has_lost_parents()) %}
        {% set tested, test = graph.nodes[model.attached_node].config, model.test_metadata %}
        {% set columns = tested.meta.prune_by | default({}) | list or tested.meta.slices or engine_key(tested) %}
        {% set columns = test.kwargs.columns if test.name == 'no_overlapping_validity' else columns %}
        {# Rows with a NULL key are in no slice, but a test may look for them. #}
        {% set without_key = columns | join(' is null or ') ~ ' is null' %}
        {% do conditions.append(in_slices(touched_slices(columns, [relation])) ~ ' or ' ~ without_key) %}
    {% endif %}
    {# `true and`: Spark would parse `t where (true)` as a table alias. #}
    {% set condition = 'true and (' ~ conditions | join(') and (') ~ ')' %}
    {% do return('(select * from ' ~ relation ~ ' where ' ~ condition ~ ') as dbt_subquery' if conditions else relation) %}
{% endmacro %}
