{#
  Tests of single rows, keys or slices are decided when their model is written. The statement that counts what to write
  also counts the rows of the batch that fail, for all these tests at once. If the table was rebuilt or compared whole,
  a further statement counts them afterwards; `relationships` between two such tables are counted with the later one.
  If no row fails, the test has passed, provided that the table has no other commit since the test last passed, or
  since the count. In all other cases the test runs as usual.
#}

{#
  The tests among `names` of a node's table that its rows decide: {unique_id: condition that a row fails}. Without
  `touched`, the rows are the whole table. With it, they are a batch, and `touched` is what touched_slices() returned,
  or empty if the batch may lack rows of a slice. A batch decides primary_key only if its columns are the model's key,
  and no_overlapping_validity only if its columns are those of the slices: else other rows of the table matter too.
#}
{% macro row_tests(table, names, touched=none) %}
    {% set key = graph.nodes[table].config.unique_key %}
    {% set whole = {'primary_key': [key] if key is string else key, 'no_overlapping_validity': touched.columns} %}
    {% set found = {} %}
    {% for test in graph.nodes.values() if test.attached_node == table and test.unique_id in names %}
        {% set name = test.test_metadata.name %}
        {% set is_whole = touched is none or name not in whole or test.test_metadata.kwargs.columns == whole[name] %}
        {% set is_validity = name == 'no_overlapping_validity' %}
        {# With `where`, the rows left out could fill a gap between two others, so the test itself must decide. #}
        {% if is_plain(test.config) and is_whole and not (is_validity and test.config.where) %}
            {% set failing = failing_row(name, arguments_of(test), '_is_in_batch' if touched is not none else none) %}
            {% if is_validity and touched is not none %}
                {# A row outside the touched slices fails: the table may have other rows of its entity. #}
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


{# Whether a test passes if and only if no row of its table fails, and stores no failures. #}
{% macro is_plain(config) %}
    {% do return(
        not (config.store_failures or config.limit)
        and [config.fail_calc, config.error_if, config.warn_if] == ['count(*)', '!= 0', '!= 0']
    ) %}
{% endmacro %}


{# The arguments of a test, rendered, without its tables. `parent` is the parent table of a relationships test. #}
{% macro arguments_of(test) %}
    {% set found = {'parent': parent_of(test)} %}
    {% for name, value in test.test_metadata.kwargs.items() if name not in ('model', 'to') %}
        {% do found.update({name: render(value) if value is string else value}) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# The parent table of a relationships test, which may be the tested table itself. #}
{% macro parent_of(test) %}
    {% set tables = test.depends_on.nodes %}
    {% set others = tables | reject('eq', test.attached_node) | list %}
    {% set parent = graph.nodes.get((others or tables)[0]) %}
    {# With --defer it may be the production table, whose name is not known here. #}
    {% do return(parent.relation_name if parent and not invocation_args_dict.defer else none) %}
{% endmacro %}


{#
  Count the failing rows of the whole table, for the selected tests that its rows decide. Also count those of tables
  rebuilt earlier in this run, for relationships tests whose parent is this table.
#}
{% macro evaluate_tests() %}
    {% set rebuilt = run_state().rebuilt %}
    {% do rebuilt.update({model.unique_id: commits(this)[0].version}) %}
    {% set built = ancestors() %}
    {% set ready = {} %}
    {% for id in selected_resources if id in graph.nodes and graph.nodes[id].get('attached_node') in rebuilt %}
        {% set test = graph.nodes[id] %}
        {# Its parent table must be complete: rebuilt in this run, or built before this model. #}
        {% set to_come = test.depends_on.nodes | reject('in', rebuilt) | reject('in', built) | list %}
        {% if model.unique_id in test.depends_on.nodes and not to_come %}
            {% do ready.setdefault(test.attached_node, []).append(id) %}
        {% endif %}
    {% endfor %}
    {% set decided = {} %}
    {% set counts = [] %}
    {% for table, names in ready.items() %}
        {% set tests = row_tests(table, names) %}
        {% if tests %}
            {% do decided.update({table: tests}) %}
            {% set rows = with_failing(graph.nodes[table].relation_name, tests) %}
            {% do counts.append('(select ' ~ count_failing(tests, 'true') ~ ' from (' ~ rows ~ '))') %}
        {% endif %}
    {% endfor %}
    {% if counts %}
        {% set found = run_query('select * from ' ~ counts | join(' cross join ')).rows[0] %}
        {% for table, tests in decided.items() %}{% do note_decided(tests, found, rebuilt[table]) %}{% endfor %}
    {% endif %}
{% endmacro %}


{# All ancestors of the current model in the graph: they are built before it. #}
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


{# Query: the rows of a table or view, with one boolean column per test of row_tests(): whether the row fails it. #}
{% macro with_failing(relation, tests) -%}
    select
        *
        {%- for test, failing in tests.items() %},
        {{ failing }} as {{ failing_column(test) }}
        {%- endfor %}
    from {{ relation }}
{%- endmacro %}


{# Expressions that count the failing rows of each test, among the rows that meet `condition`. #}
{% macro count_failing(tests, condition) -%}
    {%- for test in tests -%}
    count_if({{ condition }} and {{ failing_column(test) }}) as {{ failing_column(test) }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{# The column of a test. The last part of a generic test's unique_id is a hash, and so unique. #}
{% macro failing_column(test) -%}
    failing_{{ test.split('.')[-1] }}
{%- endmacro %}


{# Remember the tests that no row fails. `by` is 'batch', or the version of the table whose rows were counted. #}
{% macro note_decided(tests, found, by) %}
    {% for test in tests if not found[failing_column(test)] %}
        {% do run_state().decided.update({test: by}) %}
    {% endfor %}
{% endmacro %}


{# Whether the current test was decided when its model was written, and nothing else has written the table since. #}
{% macro is_decided() %}
    {% set decided = run_state().decided.get(model.unique_id) %}
    {% if not is_building() or decided is none %}
        {% do return(false) %}
    {% endif %}
    {% set read = model_read() %}
    {% set table = graph.nodes[model.attached_node] %}
    {% set tested = table.schema ~ '.' ~ table.alias %}
    {% if decided == 'batch' %}
        {% do return(read.mode == 'changes' and read.inputs[tested].commits == 1 and not has_lost_parents(tested)) %}
    {% endif %}
    {% do return(tested in read.inputs and read.inputs[tested].to == decided) %}
{% endmacro %}
