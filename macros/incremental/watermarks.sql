{#
  Watermarks: up to which Delta version of each input each model has been built and each test passed. One small table
  `ops.watermarks`, rewritten whole at the end of a run in one commit; a run that dies before only
  repeats its work.
#}
{% macro watermarks_relation(schema=none) %}
    {% do return(api.Relation.create(
        database=target.database if target.type == 'databricks' else none,
        schema=schema or generate_schema_name('ops', none) | trim,
        identifier='watermarks',
        type='table'
    )) %}
{% endmacro %}


{% macro create_watermarks() %}
    {% if execute and is_run_of_models() %}
        {% set relation = watermarks_relation() %}
        {% do adapter.create_schema(relation) %}
        {% if not run_query('show tables in ' ~ relation.without_identifier() ~ " like '" ~ relation.identifier ~ "'").rows %}
            {# In this form only, Delta does without complaint about what a killed creation has left behind. #}
            create or replace table {{ relation }} using delta as
            select
                cast(null as string) as model, cast(null as string) as input, cast(null as bigint) as version,
                cast(null as string) as committed_at, cast(null as string) as logic, cast(null as timestamp) as recorded_at
            where false
        {% endif %}
    {% endif %}
{% endmacro %}


{# The watermarks as they were when the run began: {model: {input: {version, committed_at, logic}}}. #}
{% macro watermarks() %}
    {% set state = run_state() %}
    {% if state.watermarks is none %}
        {# With what a test that passes yields, which pass_unread() then need not ask for. #}
        {% set table = run_query(
            'select model, input, version, committed_at, logic, 0 as failures, false as should_warn, false as should_error from '
            ~ watermarks_relation()
        ) %}
        {% if not table.rows %}
            {% set table = run_query('select 0 as failures, false as should_warn, false as should_error') %}
        {% endif %}
        {% do state.update({'watermarks': marks_of(table), 'passed': table.select(['failures', 'should_warn', 'should_error']).limit(1)}) %}
    {% endif %}
    {% do return(state.watermarks) %}
{% endmacro %}


{# Rows of a table of watermarks as watermarks() gives them. #}
{% macro marks_of(table) %}
    {% set found = {} %}
    {% for row in table.rows if 'model' in table.column_names %}
        {% do found.setdefault(row['model'], {}).update({row['input']: {
            'version': row['version'] | int, 'committed_at': row['committed_at'], 'logic': row['logic']
        }}) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# How far a model has read each of its inputs: with --defer another model may be production's. #}
{% macro marks_of_model(relation) %}
    {% set name = input_name(relation) %}
    {% if relation.schema.startswith(developer_prefix()) %}
        {% do return(watermarks().get(name, {})) %}
    {% endif %}
    {% set rows = run_query(
        'select model, input, version, committed_at, logic from ' ~ watermarks_relation('ops') ~ ' where model = ' ~ quoted(name)
    ) %}
    {% do return(marks_of(rows).get(name, {})) %}
{% endmacro %}


{# {input: the oldest version of it that a model or a test still has to go on from}. #}
{% macro oldest_watermarks() %}
    {% set oldest = {} %}
    {% for inputs in watermarks().values() %}
        {% for input, mark in inputs.items() %}
            {% do oldest.update({input: [oldest.get(input, mark.version), mark.version] | min}) %}
        {% endfor %}
    {% endfor %}
    {% do return(oldest) %}
{% endmacro %}


{# After the run: the versions read by the models that succeeded and the tests that passed, beside all others. #}
{% macro record_watermarks() %}
    {% if execute and is_run_of_models() and confirm_writes() %}
        {% set state = run_state() %}
        {% set marks = {} %}
        {% set news = [] %}
        {% for result in results if result.status in ('success', 'pass') and result.node.unique_id in state.reads %}
            {% set read = state.reads[result.node.unique_id] %}
            {% for name, input in read.inputs.items() %}
                {% do marks.setdefault(read.model, {}).update({name: {
                    'version': input.to, 'committed_at': input.last.committed_at, 'logic': read.logic
                }}) %}
            {% endfor %}
            {% if marks.get(read.model) != watermarks().get(read.model) %}{% do news.append(read.model) %}{% endif %}
        {% endfor %}
        {% if news %}
            {% set rows = [] %}
            {% set at = "timestamp'" ~ utc_text(run_started_at) ~ "'" %}
            {% for name, inputs in dict(watermarks(), **marks).items() %}
                {% for input, mark in inputs.items() %}
                    {% do rows.append("('" ~ [name, input] | join("', '") ~ "', " ~ mark.version ~ ", '" ~ [mark.committed_at, mark.logic] | join("', '") ~ "', " ~ at ~ ")") %}
                {% endfor %}
            {% endfor %}
            insert overwrite {{ watermarks_relation() }} values {{ rows | join(', ') }}
        {% endif %}
    {% endif %}
{% endmacro %}
