{#
  Tests that judge each row by itself, each key or each slice are decided while their model is written: the statement
  that compares the batch with the table counts the rows that fail, for all of them at once; of a table that is made
  anew or compared whole one statement counts them afterwards. A reference between two such tables is decided with the
  later one. A test that no row fails has passed, if the table has no other commit, since it last passed or since the
  count; any other reads the table itself.
#}

{#
  Those of `names`, tests of a node's table, that its rows decide: {unique_id: condition that a row fails}. Of a batch,
  of which touched_slices() gave `touched` (an empty one: it has no slice whole), not those of keys or things whose other
  rows may be anywhere in the table.
#}
{% macro row_tests(table, names, touched=none) %}
    {% set key = graph.nodes[table].config.unique_key %}
    {% set whole = {'primary_key': [key] if key is string else key, 'valid_one_at_a_time': touched.columns} %}
    {% set found = {} %}
    {% for test in graph.nodes.values() if test.attached_node == table and test.unique_id in names %}
        {% set name = test.test_metadata.name %}
        {% set is_whole = touched is none or name not in whole or test.test_metadata.kwargs.columns == whole[name] %}
        {% set is_validity = name == 'valid_one_at_a_time' %}
        {# A row that `where` leaves out may be what fills a gap. #}
        {% if is_plain(test.config) and is_whole and not (is_validity and test.config.where) %}
            {% set failing = failing_row(name, arguments_of(test), '_is_in_batch' if touched is not none else none) %}
            {% if is_validity and touched is not none %}
                {# A row of no touched slice: the table may have others of its thing. #}
                {% set failing = failing ~ ' or not coalesce(' ~ in_slices(touched) ~ ', false)' %}
            {% endif %}
            {% if failing and test.config.where %}
                {% set failing = '(' ~ test.config.where ~ ') and (' ~ failing ~ ')' %}
            {% endif %}
            {% if failing %}{% do found.update({test.unique_id: failing}) %}{% endif %}
        {% endif %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# Whether a test passes if no row of its table fails, and leaves nothing behind. #}
{% macro is_plain(config) %}
    {% do return(
        not (config.store_failures or config.limit)
        and [config.fail_calc, config.error_if, config.warn_if] == ['count(*)', '!= 0', '!= 0']
    ) %}
{% endmacro %}


{# A test's arguments as its macro sees them, but for its tables: `parent` is the one of a relationships test. #}
{% macro arguments_of(test) %}
    {% set found = {'parent': parent_of(test)} %}
    {% for name, value in test.test_metadata.kwargs.items() if name not in ('model', 'to') %}
        {% do found.update({name: render(value) if value is string else value}) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# The table that a relationships test looks keys up in, maybe the tested one itself. #}
{% macro parent_of(test) %}
    {% set tables = test.depends_on.nodes %}
    {% set others = tables | reject('eq', test.attached_node) | list %}
    {% set parent = graph.nodes.get((others or tables)[0]) %}
    {# With --defer it may be that of production. #}
    {% do return(parent.relation_name if parent and not invocation_args_dict.defer else none) %}
{% endmacro %}


{#
  Count the failing rows of the whole table, for the selected tests of single rows, and those of tables that were
  made before in this run, for tests that look keys up in this one.
#}
{% macro judge_table() %}
    {% set made = run_state().made %}
    {% do made.update({model.unique_id: commits(this)[0].version}) %}
    {% set built = ancestors() %}
    {% set ready = {} %}
    {% for id in selected_resources if id in graph.nodes and graph.nodes[id].get('attached_node') in made %}
        {% set test = graph.nodes[id] %}
        {# A table in which it looks keys up must be as it will be at the end of the run. #}
        {% set to_come = test.depends_on.nodes | reject('in', made) | reject('in', built) | list %}
        {% if model.unique_id in test.depends_on.nodes and not to_come %}
            {% do ready.setdefault(test.attached_node, []).append(id) %}
        {% endif %}
    {% endfor %}
    {% set judged = {} %}
    {% set counts = [] %}
    {% for table, names in ready.items() %}
        {% set tests = row_tests(table, names) %}
        {% if tests %}
            {% do judged.update({table: tests}) %}
            {% set rows = with_failing(graph.nodes[table].relation_name, tests) %}
            {% do counts.append('(select ' ~ count_failing(tests, 'true') ~ ' from (' ~ rows ~ '))') %}
        {% endif %}
    {% endfor %}
    {% if counts %}
        {% set found = run_query('select * from ' ~ counts | join(' cross join ')).rows[0] %}
        {% for table, tests in judged.items() %}{% do note_judged(tests, found, made[table]) %}{% endfor %}
    {% endif %}
{% endmacro %}


{# The nodes that are built before the model at hand, since it reads them or what reads them. #}
{% macro ancestors() %}
    {% set found = [] %}
    {% set left = [model.unique_id] %}
    {% for _ in graph.nodes %}
        {% set node = graph.nodes[left.pop()] if left else {} %}
        {% for parent in node.get('depends_on', {}).nodes if parent in graph.nodes and parent not in found %}
            {% do found.append(parent) %}
            {% do left.append(parent) %}
        {% endfor %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# The rows of a table or view and whether each fails, in a column for each of `tests`, as row_tests() gives them. #}
{% macro with_failing(relation, tests) -%}
    select
        *
        {%- for test, failing in tests.items() %},
        {{ failing }} as {{ failing_column(test) }}
        {%- endfor %}
    from {{ relation }}
{%- endmacro %}


{# Their counts, over the rows for which `condition` holds. #}
{% macro count_failing(tests, condition) -%}
    {%- for test in tests -%}
    count_if({{ condition }} and {{ failing_column(test) }}) as {{ failing_column(test) }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{# A generic test's unique_id ends with a hash of its own. #}
{% macro failing_column(test) -%}
    failing_{{ test.split('.')[-1] }}
{%- endmacro %}


{# Remember the tests that no row fails; `by` is 'batch', or the version of the table that was looked at. #}
{% macro note_judged(tests, found, by) %}
    {% for test in tests if not found[failing_column(test)] %}
        {% do run_state().judged.update({test: by}) %}
    {% endfor %}
{% endmacro %}


{# Whether the test at hand was decided when its model was written, and nothing else has come since. #}
{% macro is_judged() %}
    {% set judged = run_state().judged.get(model.unique_id) %}
    {% if not is_building() or judged is none %}
        {% do return(false) %}
    {% endif %}
    {% set read = model_read() %}
    {% set table = graph.nodes[model.attached_node] %}
    {% set tested = table.schema ~ '.' ~ table.alias %}
    {% if judged == 'batch' %}
        {% do return(read.mode == 'changes' and read.inputs[tested].commits == 1 and not has_lost_parents(tested)) %}
    {% endif %}
    {% do return(tested in read.inputs and read.inputs[tested].to == judged) %}
{% endmacro %}
