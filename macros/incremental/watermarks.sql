{#
  Watermarks: up to which Delta version of each input each model was built, and each test passed. The small table
  `ops.watermarks` is overwritten in one commit at the end of a run. If a run dies before that, the next one repeats its
  work.
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
        {% set schema = relation.without_identifier() %}
        {% if not run_query('show tables in ' ~ schema ~ " like '" ~ relation.identifier ~ "'").rows %}
            {# `create or replace` also works on a folder that a killed `create table` has left behind. #}
            create or replace table {{ relation }} using delta as
            select
                cast(null as string) as model, cast(null as string) as input, cast(null as bigint) as version,
                cast(null as string) as committed_at, cast(null as string) as logic,
                cast(null as timestamp) as recorded_at
            where false
        {% endif %}
    {% endif %}
{% endmacro %}


{# The watermarks at the start of the run: {model: {input: {version, committed_at, logic}}}. #}
{% macro watermarks() %}
    {% set state = run_state() %}
    {% if state.watermarks is none %}
        {# The query also returns the result row of a test that passes, for skip_test(). #}
        {% set passed = '0 as failures, false as should_warn, false as should_error' %}
        {% set table = run_query(
            'select model, input, version, committed_at, logic, ' ~ passed ~ ' from ' ~ watermarks_relation()
        ) %}
        {% if not table.rows %}{% set table = run_query('select ' ~ passed) %}{% endif %}
        {% set result = table.select(['failures', 'should_warn', 'should_error']).limit(1) %}
        {% do state.update({'watermarks': marks_of(table), 'pass_result': result}) %}
    {% endif %}
    {% do return(state.watermarks) %}
{% endmacro %}


{# Convert rows of `ops.watermarks` to the form that watermarks() returns. #}
{% macro marks_of(table) %}
    {% set found = {} %}
    {% for row in table.rows if 'model' in table.column_names %}
        {% do found.setdefault(row['model'], {}).update({row['input']: {
            'version': row['version'] | int, 'committed_at': row['committed_at'], 'logic': row['logic']
        }}) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# The watermarks of another model, from production's table if --defer makes ref() resolve to production. #}
{% macro marks_of_model(relation) %}
    {% set name = input_name(relation) %}
    {% if relation.schema.startswith(developer_prefix()) %}
        {% do return(watermarks().get(name, {})) %}
    {% endif %}
    {% set rows = run_query(
        'select model, input, version, committed_at, logic from ' ~ watermarks_relation('ops')
        ~ ' where model = ' ~ quoted(name)
    ) %}
    {% do return(marks_of(rows).get(name, {})) %}
{% endmacro %}


{# The oldest watermark on each input, over all models and tests: {input: version}. #}
{% macro oldest_watermarks() %}
    {% set oldest = {} %}
    {% for inputs in watermarks().values() %}
        {% for input, mark in inputs.items() %}
            {% do oldest.update({input: [oldest.get(input, mark.version), mark.version] | min}) %}
        {% endfor %}
    {% endfor %}
    {% do return(oldest) %}
{% endmacro %}


{# At the end of a run, record the versions read by models that succeeded and tests that passed; keep all others. #}
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
                    {% set texts = [mark.committed_at, mark.logic] | join("', '") %}
                    {% do rows.append(
                        "('" ~ [name, input] | join("', '") ~ "', " ~ mark.version ~ ", '" ~ texts ~ "', " ~ at ~ ")"
                    ) %}
                {% endfor %}
            {% endfor %}
            insert overwrite {{ watermarks_relation() }} values {{ rows | join(', ') }}
        {% endif %}
    {% endif %}
{% endmacro %}
