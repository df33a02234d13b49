{#
  Tests that judge each row by itself, or each key, are decided while their model is written: the statement that
  compares the batch with the table counts the rows that fail, for all of them at once; of a table that
  is made anew or compared whole one statement counts them afterwards. A test that no row fails has
  passed, if the table has no other commit, since it last passed or since the count; any other reads
  the table itself.
#}

{# The selected tests of the model at hand that its batch can decide: {unique_id: condition that a row fails}. #}
{% macro row_tests() %}
    {% set found = {} %}
    {% for test in graph.nodes.values() if test.attached_node == model.unique_id and test.unique_id in selected_resources %}
        {% if is_plain(test.config) %}
            {% set failing = failing_row(test.test_metadata.name, arguments_of(test)) %}
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


{# Condition: a row fails the generic test `name`; none if a row by itself does not decide it. #}
{% macro failing_row(name, arguments) %}
    {% set column = arguments.column_name %}
    {% if name == 'not_null' %}
        {% do return(column ~ ' is null') %}
    {% elif name == 'accepted_values' %}
        {% set mark = "'" if arguments.get('quote', true) else '' %}
        {% do return(column ~ ' not in (' ~ mark ~ arguments['values'] | join(mark ~ ', ' ~ mark) ~ mark ~ ')') %}
    {% elif name == 'in_range' %}
        {% set outside = [] %}
        {% for sign, bound in (('<', 'min_value'), ('>', 'max_value')) if arguments.get(bound) is not none %}
            {% do outside.append([column, sign, arguments[bound]] | join(' ')) %}
        {% endfor %}
        {% do return(outside | join(' or ')) %}
    {% elif name == 'satisfies' %}
        {% do return('(' ~ arguments.condition ~ ') is not true') %}
    {% elif name == 'primary_key' and arguments.columns == key_columns() %}
        {% set failing = ['count(*) over (partition by ' ~ arguments.columns | join(', ') ~ ') > 1'] %}
        {% for key in arguments.columns | reject('in', arguments.get('nullable', [])) %}
            {% do failing.append(key ~ ' is null') %}
        {% endfor %}
        {% do return(failing | join(' or ')) %}
    {% elif name == 'relationships' and arguments.parent %}
        {% do return(column ~ ' is not null and not exists (select 1 from (select ' ~ arguments.field
            ~ ' as _parent_key from ' ~ arguments.parent ~ ') where _parent_key = ' ~ column ~ ')') %}
    {% endif %}
    {% do return(none) %}
{% endmacro %}


{# Count the failing rows of the whole table, for the tests of single rows that are selected. #}
{% macro judge_table() %}
    {% set built = [model.unique_id] + ancestors() %}
    {% set tests = {} %}
    {% for test, failing in row_tests().items() %}
        {# Where another table, in which it looks keys up, is as it will be at the end of the run. #}
        {% if not graph.nodes[test].depends_on.nodes | reject('in', built) | list %}
            {% do tests.update({test: failing}) %}
        {% endif %}
    {% endfor %}
    {% if tests %}
        {% set rows = with_failing(this, tests) %}
        {% set found = run_query('select ' ~ count_failing(tests, 'true') ~ ' from (' ~ rows ~ ')').rows[0] %}
        {% do note_judged(tests, found, commits(this)[0].version) %}
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


{# The rows of a table or view and whether each fails, `failing_0` and so on, by tests as row_tests() gives them. #}
{% macro with_failing(relation, tests) -%}
    select
        *
        {%- for failing in tests.values() %},
        {{ failing }} as failing_{{ loop.index0 }}
        {%- endfor %}
    from {{ relation }}
{%- endmacro %}


{# Their counts, over the rows for which `condition` holds. #}
{% macro count_failing(tests, condition) -%}
    {%- for test in tests -%}
    count_if({{ condition }} and failing_{{ loop.index0 }}) as failing_{{ loop.index0 }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{# Remember the tests that no row fails; `by` is 'batch', or the version of the table that was looked at. #}
{% macro note_judged(tests, found, by) %}
    {% for test in tests %}
        {% if not found['failing_' ~ loop.index0] %}{% do run_state().judged.update({test: by}) %}{% endif %}
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
