{#
  Watermarks: up to which Delta version of each input each model was built, and each test passed. They are written to
  `ops.watermarks` in one commit at the end of a run. If a run dies before that, the next one repeats its work.
#}
{% macro engine_watermarks_table(schema=none) %}
    {% do return(api.Relation.create(
        database=target.database if target.type == 'databricks' else none,
        schema=schema or generate_schema_name('ops', none) | trim, identifier='watermarks', type='table'
    )) %}
{% endmacro %}

{% macro engine_create_watermarks() %}
    {% set table = engine_watermarks_table() %}
    {% do adapter.create_schema(table) %}
    {% if not run_query('show tables in ' ~ table.without_identifier() ~ " like '" ~ table.identifier ~ "'").rows %}
        {% set columns = "'' as model, '' as input, 0L as version, '' as committed_at, '' as logic" %}
        {# With a query, `create or replace` also works on a folder that a killed build has left behind. #}
        {% do run_query('create or replace table ' ~ table ~ ' using delta as select ' ~ columns ~ ' where false') %}
    {% endif %}
{% endmacro %}

{# The watermarks at the start of the run: {model: {input: {version, committed_at, logic}}}. #}
{% macro engine_watermarks() %}
    {% set state = engine_state() %}
    {% if state.watermarks is none %}
        {# The query also returns what a test that passes returns. #}
        {% set passed = '0 as failures, false as should_warn, false as should_error' %}
        {% set table = run_query('select *, ' ~ passed ~ ' from ' ~ engine_watermarks_table()) %}
        {% set row = table if table.rows else run_query('select ' ~ passed) %}
        {% set passed = row.select(['failures', 'should_warn', 'should_error']).limit(1) %}
        {% do state.update({'watermarks': engine_as_marks(table), 'pass_result': passed}) %}
    {% endif %}
    {% do return(state.watermarks) %}
{% endmacro %}

{# Convert rows of `ops.watermarks` to the form that engine_watermarks() returns. #}
{% macro engine_as_marks(table) %}
    {% set found = {} %}
    {% for row in table.rows %}
        {% do found.setdefault(row['model'], {}).update({row['input']: {
            'version': row['version'] | int, 'committed_at': row['committed_at'], 'logic': row['logic']
        }}) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}

{# The watermarks of another model; with --defer, if its table is production's, from production's watermarks. #}
{% macro engine_marks_of(relation, name) %}
    {% set own = graph.nodes['model.' ~ model.package_name ~ '.' ~ name].schema %}
    {% if relation.schema == own %}{% do return(engine_watermarks().get(engine_name(relation), {})) %}{% endif %}
    {% set schema = engine_watermarks_table().schema | replace(own | replace(relation.schema, ''), '') %}
    {% set marks = engine_as_marks(run_query('select * from ' ~ engine_watermarks_table(schema))) %}
    {% do return(marks.get(engine_name(relation), {})) %}
{% endmacro %}

{#
  Record the versions read by nodes that succeeded. Where builds may overlap they are merged, since another run may have
  set those of other nodes. Elsewhere the table is written anew, which takes half as long as a MERGE, and without nodes
  that are no longer there: for each of them logs and change files would be kept that nobody reads.
#}
{% macro engine_record_watermarks() %}
    {% set table, known, nodes, news, marks, values = engine_watermarks_table(), engine_watermarks(), {}, {}, {}, [] %}
    {% for result in results if result.status in ('success', 'pass') and result.node.unique_id in engine_state().reads %}
        {% set read = engine_state().reads[result.node.unique_id] %}
        {% for input, at in read.inputs.items() %}
            {% set mark = {'version': at.to, 'committed_at': at.last.committed_at, 'logic': read.logic} %}
            {% if known.get(read.name, {}).get(input) != mark %}{% do news.update({(read.name, input): mark}) %}{% endif %}
        {% endfor %}
    {% endfor %}
    {% if not news %}{% do return(none) %}{% endif %}
    {% for node in graph.nodes.values() %}{% do nodes.update({node.schema ~ '.' ~ node.alias: true}) %}{% endfor %}
    {% for name, inputs in known.items() if engine_is_exclusive() and name in nodes %}
        {% for input, mark in inputs.items() %}{% do marks.update({(name, input): mark}) %}{% endfor %}
    {% endfor %}
    {% do marks.update(news) %}
    {% for key, mark in marks.items() %}
        {% do values.append("('" ~ (key | list + [mark.committed_at, mark.logic]) | join("', '") ~ "', " ~ mark.version ~ ')') %}
    {% endfor %}
    {% set rows = 'select * from values ' ~ values | join(', ') ~ ' as mark (model, input, committed_at, logic, version)' %}
    {% set merge %}
        merge into {{ table }} as target using ({{ rows }}) as mark
        on target.model = mark.model and target.input = mark.input
        when matched then update set
            version = mark.version, committed_at = mark.committed_at, logic = mark.logic
        when not matched then insert (model, input, version, committed_at, logic)
            values (mark.model, mark.input, mark.version, mark.committed_at, mark.logic)
    {% endset %}
    {% do run_query('insert overwrite ' ~ table ~ ' by name ' ~ rows if engine_is_exclusive() else merge) %}
{% endmacro %}
