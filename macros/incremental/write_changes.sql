{#
  Write a model that follows changes. Its rows, the batch, are first compared with the table. If no row differs, nothing
  is written. If all rows that differ are new, they are appended, because a MERGE costs several times as much. Anything
  else is a MERGE. Settings of the model:

    prune_by    a date column by which the table is partitioned: the dates of the batch become literals, so that Delta
                skips all other files
    newest_by   for tables of events: of two rows with one key, the one with the larger values wins, NULL being the
                smallest; without this setting the model's row wins
#}
{% macro write_changes() %}
    {% set read = model_read() %}
    {% set columns = column_names_of(this) %}
    {% set batch = '(\n' ~ compiled_code ~ '\n)' %}
    {% set pruned = 'true' %}
    {% set prune_by = model_setting('prune_by') %}
    {% if prune_by %}
        {% set batch = keep_for_run(this.identifier ~ '__batch', compiled_code) %}
        {% set pruned = on_dates('target.' ~ prune_by, dates_of('select distinct ' ~ prune_by ~ ' from ' ~ batch)) %}
    {% endif %}
    {% set compared = keep_for_run(
        this.identifier ~ '__compared', compare_sql(at_run_start(this), batch, columns, pruned, read.get('touched'))
    ) %}
    {# With these settings, the table may have rows of a touched slice that the batch does not have. #}
    {% set has_whole_slices = not (prune_by or model_setting('newest_by')) %}
    {% set touched = read.get('touched', {}) if has_whole_slices else {} %}
    {% set tests = row_tests(model.unique_id, selected_resources, touched) %}
    {% set found = run_query(count_sql(compared, tests)).rows[0] %}
    {% set written = {} %}
    {% for kind in ('inserts', 'updates', 'deletes') %}{% do written.update({kind: found[kind] | int}) %}{% endfor %}
    {% call statement('main') %}
        {{ write_sql(this, columns, compared, pruned, written) }}
    {% endcall %}
    {% if written.values() | sum %}
        {# A pre-hook may have added a commit; after a post-hook, the table may have rows that were not counted. #}
        {% if builds_may_overlap() or pre_hooks %}
            {% do note_version() %}
        {% else %}
            {% do note_write('MERGE' if written.updates or written.deletes else 'WRITE', written) %}
        {% endif %}
        {% if not post_hooks %}{% do note_decided(tests, found, 'batch') %}{% endif %}
    {% endif %}
{% endmacro %}


{# Query: counts the rows to write, and the rows of the batch that fail each test of row_tests(). #}
{% macro count_sql(compared, tests) -%}
    select
        count_if(_write = 'insert') as inserts,
        count_if(_write = 'update') as updates,
        count_if(_write = 'delete') as deletes{{ ',' if tests }}
        {{ count_failing(tests, '_is_in_batch') }}
    from ({{ with_failing(compared, tests) }})
{%- endmacro %}


{# The statement that writes the batch; `written` counts its inserts, updates and deletes. #}
{% macro write_sql(target, columns, compared, pruned, written) -%}
    {%- if not written.values() | sum -%}
    select 'nothing changed' as result
    {%- elif written.updates or written.deletes or builds_may_overlap() -%}
    {#- Leave out unchanged rows: MERGE rewrites each file in which it matches a row. -#}
    merge into {{ target }} as target
    using (select * from {{ compared }} where _write is not null) as source
    on {{ same_key() }} and {{ pruned }}
    when matched and source._write = 'delete' then delete
    when matched and source._write = 'update' then update set {{ assignments(columns) }}
    when not matched then insert ({{ columns | join(', ') }}) values (source.{{ columns | join(', source.') }})
    {%- else -%}
    insert into {{ target }} ({{ columns | join(', ') }})
    select {{ columns | join(', ') }} from {{ compared }} where _write = 'insert'
    {%- endif -%}
{%- endmacro %}


{# Whether two builds may run at the same time: not in the embedded lakehouse. Two appends of the same rows do not
   conflict in Delta, two MERGEs do. #}
{% macro builds_may_overlap() %}
    {% do return(not nodes_share_session()) %}
{% endmacro %}


{#
  Query: the rows of the batch and of the touched slices of the table, joined by key, with `_write`: 'insert', 'update',
  'delete' (the model no longer yields a row of a touched slice), or NULL if nothing is to be written.
#}
{% macro compare_sql(target, batch, columns, pruned, touched) -%}
    {%- set has_slices = touched and touched.filter != 'none' -%}
    select
        {%- for c in columns %}
        {{ 'coalesce(source.' ~ c ~ ', target.' ~ c ~ ')' if c in key_columns() else 'source.' ~ c }} as {{ c }},
        {%- endfor %}
        source._is_there as _is_in_batch,
        case
            when target._is_there is null then 'insert'
            when source._is_there is null then 'delete'
            when {{ differs(columns) }} and {{ is_newest() }} then 'update'
        end as _write
    from (select *, true as _is_there from {{ batch }}) as source
    {{ 'full outer' if has_slices else 'left' }} join (
        select *, true as _is_there from {{ target }} as target where {{ pruned }}
    ) as target
        on {{ same_key() }}
    {%- if has_slices %}
    where source._is_there or {{ in_slices(touched, 'target.') }}
    {%- endif %}
{%- endmacro %}


{# Condition: by the setting `newest_by`, the model's row is not older than the table's. #}
{% macro is_newest() -%}
    {%- set order = model_setting('newest_by', []) -%}
    {%- if order -%}
        struct(source.{{ order | join(', source.') }}) >= struct(target.{{ order | join(', target.') }})
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

