{#
  The MERGE of every incremental model: keys compared null-safe, rows rewritten only if a value
  differs, rows that are gone deleted, nothing run when there is no news. Model configs:

    unique_key  the key, a list
    prune_by    a date column, partition of the table: the MERGE names the batch's dates literally,
                so that Delta skips all other files
    newest_by   arriving events only: of two rows of a key the one with the larger values wins,
                NULL lowest; without it the batch's row wins
#}
{% macro spark__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}
    {% do return(merge_sql(target, source, unique_key)) %}
{% endmacro %}

{% macro databricks__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}
    {% do return(merge_sql(target, source, unique_key)) %}
{% endmacro %}


{% macro merge_sql(target, source, unique_key) %}
    {%- set read = model_read() -%}
    {%- do check_all_asked(read) -%}
    {%- set touched = read.get('touched', {'filter': 'all'}) -%}
    {%- set batch = source.identifier -%}
    {%- set prune_by = none -%}
    {%- set dates = none -%}
    {%- if read.mode == 'changes' -%}
        {%- if not read.inputs.values() | selectattr('is_changed') | list -%}
            {%- do return("select 'nothing changed' as result") -%}
        {%- endif -%}
        {%- set batch = this.identifier ~ '__batch' -%}
        {%- do keep_for_run(batch, 'select * from ' ~ source) -%}
        {%- set prune_by = config.get('prune_by') -%}
        {%- set dates = dates_of('select distinct ' ~ prune_by ~ ' from ' ~ batch) if prune_by else none -%}
        {%- set has_rows = dates if prune_by else run_query('select 1 from ' ~ batch ~ ' limit 1').rows -%}
        {%- if not has_rows and touched.filter != 'view' -%}
            {%- do return("select 'nothing changed' as result") -%}
        {%- endif -%}
    {%- endif -%}
    {%- set keys = [unique_key] if unique_key is string else unique_key -%}
    {%- set columns = adapter.get_columns_in_relation(target) | map(attribute='name') | list -%}
    {%- set newest_by = config.get('newest_by', []) if read.mode == 'changes' else [] -%}
    {%- set compared = [] -%}
    {%- for c in columns if c not in keys and (not c.startswith('_') or c in config.get('newest_by', [])) -%}
        {%- do compared.append(c) -%}
    {%- endfor -%}

    merge into {{ target }} as target
    using (
        select {{ columns | join(', ') }}, false as _is_gone from {{ batch }}
        {%- if touched.filter == 'view' %}
        union all
        select {{ columns | join(', ') }}, true as _is_gone
        from {{ target }} as target
        where {{ in_slices(touched, 'target.') }}
            and not exists (select 1 from {{ batch }} as batch where {{ same_key(keys, 'batch', 'target') }})
        {%- endif %}
    ) as source
    on {{ same_key(keys, 'source', 'target') }}
    {%- if prune_by and touched.filter != 'view' %} and {{ on_dates('target.' ~ prune_by, dates) }}{% endif %}
    {%- if touched.filter == 'view' %}
    when matched and source._is_gone then delete
    {%- endif %}
    {%- if compared %}
    when matched and not source._is_gone
        {%- if newest_by %}
        and struct({% for c in newest_by %}source.{{ c }}{{ ', ' if not loop.last }}{% endfor %})
            >= struct({% for c in newest_by %}target.{{ c }}{{ ', ' if not loop.last }}{% endfor %})
        {%- endif %}
        and not ({% for c in compared %}source.{{ c }} <=> target.{{ c }}{{ ' and ' if not loop.last }}{% endfor %})
        then update set {% for c in columns %}{{ c }} = source.{{ c }}{{ ', ' if not loop.last }}{% endfor %}
    {%- endif %}
    when not matched and not source._is_gone
        then insert ({{ columns | join(', ') }})
        values ({% for c in columns %}source.{{ c }}{{ ', ' if not loop.last }}{% endfor %})
    {%- if read.mode == 'whole' %}
    when not matched by source then delete
    {%- endif %}
{% endmacro %}


{% macro same_key(keys, left, right) -%}
    {% for k in keys %}{{ left }}.{{ k }} <=> {{ right }}.{{ k }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endmacro %}


{# A model that follows changes must follow those of every input it reads, or declare the input static. #}
{% macro check_all_asked(read) %}
    {% set followed = read.asked | list %}
    {% for dimension in config.get('dimensions', {}) %}
        {% do followed.append(input_name(ref(dimension))) %}
    {% endfor %}
    {% for name in read.inputs if read.asked and name not in followed %}
        {% do exceptions.raise_compiler_error(
            model.name ~ ' reads ' ~ name ~ ' but never asks for changes() of it: a change there would be missed. '
            ~ 'Touch the slices that it changes, or name it in the config static_inputs.'
        ) %}
    {% endfor %}
{% endmacro %}
