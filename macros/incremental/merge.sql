{#
  How every incremental model is written. Keys are compared null-safe; a row is rewritten only if a
  value differs; rows that are gone are deleted; nothing runs when there is no news; and rows that
  are all new are appended, since a MERGE costs several times as much. Model configs:

    unique_key  the key, a list
    prune_by    a date column, partition of the table: the batch's dates are named literally, so that
                Delta skips all other files
    newest_by   arriving events only: of two rows of a key the one with the larger values wins, NULL
                lowest; without it the batch's row wins
#}
{% macro spark__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}
    {% do return(write_batch(target, source, unique_key)) %}
{% endmacro %}

{% macro databricks__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}
    {% do return(write_batch(target, source, unique_key)) %}
{% endmacro %}


{# The statement that brings the table up to date with the model's rows, the view `source`. #}
{% macro write_batch(target, source, unique_key) %}
    {% set read = model_read() %}
    {% do check_all_asked(read) %}
    {% set plan = {
        'key': [unique_key] if unique_key is string else unique_key,
        'columns': adapter.get_columns_in_relation(target) | map(attribute='name') | list,
        'batch': source.identifier,
        'newest_by': [],
        'on_dates': 'true',
        'has_gone': false,
        'is_whole': read.mode != 'changes',
    } %}
    {% if plan.is_whole %}
        {% do return(merge_sql(target, plan)) %}
    {% endif %}
    {% if not read.inputs.values() | selectattr('is_changed') | list %}
        {% do return(nothing_to_write()) %}
    {% endif %}

    {% do plan.update({'batch': this.identifier ~ '__batch', 'newest_by': model_setting('newest_by', [])}) %}
    {% do keep_for_run(plan.batch, 'select * from ' ~ source) %}
    {% set prune_by = model_setting('prune_by') %}
    {% if prune_by %}
        {% set dates = dates_of('select distinct ' ~ prune_by ~ ' from ' ~ plan.batch) %}
        {% do plan.update({'on_dates': on_dates('target.' ~ prune_by, dates)}) %}
    {% endif %}
    {% set found = run_query(compare_sql(target, plan, read.get('touched', {}))).rows[0] %}
    {% if found['differing'] or found['gone'] %}
        {% do plan.update({'has_gone': found['gone'] > 0}) %}
        {% do return(merge_sql(target, plan, read.get('touched', {}))) %}
    {% elif found['missing'] %}
        {% do return(append_sql(target, plan, is_all_new=not found['known'])) %}
    {% endif %}
    {% do return(nothing_to_write()) %}
{% endmacro %}


{% macro nothing_to_write() %}
    {% do return("select 'nothing changed' as result") %}
{% endmacro %}


{# How the batch compares with the table: counts of rows missing there, known, differing and gone. #}
{% macro compare_sql(target, plan, touched) %}
    select
        count_if(target._is_known is null) as missing,
        count_if(target._is_known) as known,
        count_if(target._is_known and {{ wins(plan) }}) as differing,
        {% if touched.filter == 'view' -%}
        (select count(*) from ({{ gone_sql(target, plan, touched) }})) as gone
        {%- else -%}
        0 as gone
        {%- endif %}
    from {{ plan.batch }} as source
    left join (select *, true as _is_known from {{ target }} as target where {{ plan.on_dates }}) as target
        on {{ same_key(plan.key) }}
{% endmacro %}


{# The table's rows of touched slices that the model no longer yields. #}
{% macro gone_sql(target, plan, touched) -%}
    select {{ plan.columns | join(', ') }} from {{ target }} as target
    where {{ in_slices(touched, 'target.') }}
        and not exists (select 1 from {{ plan.batch }} as source where {{ same_key(plan.key) }})
{%- endmacro %}


{% macro append_sql(target, plan, is_all_new) %}
    insert into {{ target }} ({{ plan.columns | join(', ') }})
    select {{ plan.columns | join(', ') }} from {{ plan.batch }} as source
    {%- if not is_all_new %}
    where not exists (
        select 1 from {{ target }} as target where {{ same_key(plan.key) }} and {{ plan.on_dates }}
    )
    {%- endif %}
{% endmacro %}


{% macro merge_sql(target, plan, touched={}) %}
    merge into {{ target }} as target
    using (
        select {{ plan.columns | join(', ') }}, false as _is_gone from {{ plan.batch }}
        {%- if plan.has_gone %}
        union all
        select *, true as _is_gone from ({{ gone_sql(target, plan, touched) }})
        {%- endif %}
    ) as source
    on {{ same_key(plan.key) }} and {{ plan.on_dates }}
    {%- if plan.has_gone %}
    when matched and source._is_gone then delete
    {%- endif %}
    when matched and {{ wins(plan) }}
        then update set {% for c in plan.columns %}{{ c }} = source.{{ c }}{{ ', ' if not loop.last }}{% endfor %}
    when not matched
        then insert ({{ plan.columns | join(', ') }})
        values ({% for c in plan.columns %}source.{{ c }}{{ ', ' if not loop.last }}{% endfor %})
    {%- if plan.is_whole %}
    when not matched by source then delete
    {%- endif %}
{% endmacro %}


{% macro same_key(keys) -%}
    {% for k in keys %}source.{{ k }} <=> target.{{ k }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endmacro %}


{# Condition: the batch's row replaces the table's of the same key. Lineage alone is no difference. #}
{% macro wins(plan) -%}
    {%- set compared = [] -%}
    {%- for c in plan.columns if c not in plan.key and (not c.startswith('_') or c in model_setting('newest_by', [])) -%}
        {%- do compared.append('source.' ~ c ~ ' <=> target.' ~ c) -%}
    {%- endfor -%}
    not ({{ compared | join(' and ') or 'true' }})
    {%- if plan.newest_by %}
        and struct({% for c in plan.newest_by %}source.{{ c }}{{ ', ' if not loop.last }}{% endfor %})
            >= struct({% for c in plan.newest_by %}target.{{ c }}{{ ', ' if not loop.last }}{% endfor %})
    {%- endif %}
{%- endmacro %}


{# A model that follows changes must follow those of every input it reads, or declare the input static. #}
{% macro check_all_asked(read) %}
    {% set followed = read.asked | list %}
    {% for dimension in model_setting('dimensions', {}) %}
        {% do followed.append(input_name(ref(dimension))) %}
    {% endfor %}
    {% for name in read.inputs if read.asked and name not in followed %}
        {% do exceptions.raise_compiler_error(
            model.name ~ ' reads ' ~ name ~ ' but never asks for changes() of it: a change there would be missed. '
            ~ 'Touch the slices that it changes, or name it in the config static_inputs.'
        ) %}
    {% endfor %}
{% endmacro %}
