{#
  dbt's materializations, replaced to follow changes. dbt itself builds models without the setting follow_changes, and
  seeds and snapshots if their file or table has changed. A test passes without a query if nothing that it reads has
  changed since it last passed, or if its model has tested what has changed.
#}
{% materialization incremental, adapter='spark', supported_languages=['sql', 'python'] %}
    {{ return(engine_build(dbt.materialization_incremental_spark)) }}
{% endmaterialization %}
{% materialization incremental, adapter='databricks', supported_languages=['sql', 'python'] %}
    {{ return(engine_build(dbt.materialization_incremental_databricks)) }}
{% endmaterialization %}
{% materialization seed, adapter='spark' %}
    {{ return(engine_build_if_changed(dbt.materialization_seed_default)) }}
{% endmaterialization %}
{% materialization seed, adapter='databricks' %}
    {{ return(engine_build_if_changed(dbt.materialization_seed_databricks)) }}
{% endmaterialization %}
{% materialization snapshot, adapter='spark' %}
    {{ return(engine_build_if_changed(dbt.materialization_snapshot_spark)) }}
{% endmaterialization %}
{% materialization snapshot, adapter='databricks' %}
    {{ return(engine_build_if_changed(dbt.materialization_snapshot_databricks)) }}
{% endmaterialization %}
{% materialization test, default %}
    {% set is_decided = engine_is_building() and engine_is_decided() %}
    {% if not engine_is_building() or engine_has_news() and not is_decided %}
        {{ return(dbt.materialization_test_default()) }}
    {% endif %}
    {% set message = 'tested with its model' if is_decided else 'nothing changed' %}
    {% do store_raw_result(
        'main', message=message, code='', rows_affected='', agate_table=engine_state().pass_result
    ) %}
    {{ return({'relations': []}) }}
{% endmaterialization %}

{#
  Build the current model. A new table, or one that is rebuilt, is made by dbt's materialization `stock`, which also
  applies grants and comments. Otherwise the model's rows are compared with the table, and the differences written.
#}
{% macro engine_build(stock) %}
    {% if not engine_is_followed(model) %}{% do return(stock()) %}{% endif %}
    {% for table in engine_unfollowed(engine_state().followed.get(model.unique_id, [])) %}
        {% do exceptions.raise_compiler_error(
            model.name ~ ' reads ' ~ table ~ ' but never asks for changes() of it: a change there would be missed. '
            ~ 'Name it in touched_slices(), or, if it never changes, in the setting static_inputs.'
        ) %}
    {% endfor %}
    {% if engine_has_news() %}{% do engine_check_gate() %}{% endif %}
    {% if engine_read().mode == 'full' %}
        {% do stock() %}
        {% do engine_look_again() %}
        {% set version = engine_commits(this)[0].version %}
        {% if not post_hooks %}{% do engine_count(this ~ ' version as of ' ~ version) %}{% endif %}
    {# Without a touched slice there are rows only if the SQL also reads changes, or the model's own table. #}
    {% elif engine_has_news() and (engine_recomputes() or engine_touched().filter != 'none'
        or 'table_changes(' in compiled_code or own_table() in compiled_code) %}
        {{ run_hooks(pre_hooks) }}
        {% do engine_write() %}
        {{ run_hooks(post_hooks) }}
    {% else %}
        {% call noop_statement('main', 'nothing changed') %}{% endcall %}
    {% endif %}
    {% do engine_state().built.update({model.unique_id: true}) %}
    {% do return({'relations': [this]}) %}
{% endmacro %}

{# The slices of the table that are compared and whose rows are deleted: all if the model is compared whole. #}
{% macro engine_touched() %}
    {% set read = engine_read() %}
    {% do return({'filter': 'all'} if read.mode == 'whole' else read.get('touched', {'filter': 'none'})) %}
{% endmacro %}

{#
  Whether rows must be computed again from all rows of the inputs: those that rows of a source have yielded that were
  deleted or updated, and those that refer to a key which a table of the setting `dimensions` has lost. Then their keys
  are the touched slices, and `recomputed` is the query of the rows.
#}
{% macro engine_recomputes() %}
    {% set read, key, found, rewritten = engine_read(), engine_key() | join(', '), [], [] %}
    {% if read.mode != 'changes' %}{% do return(false) %}{% endif %}
    {% for name, input in read.inputs.items() if input.is_rewritten and name not in read.get('sliced', []) %}
        {% do rewritten.append(name) %}
    {% endfor %}
    {% for table, column in config.meta_get('dimensions', {}).items() %}
        {% set lost = lost_keys(ref(table), column) %}
        {% if lost %}{% do found.append(own_table() ~ ' where ' ~ column ~ ' in ' ~ lost) %}{% endif %}
    {% endfor %}
    {% if not (found or rewritten) %}{% do return(false) %}{% endif %}
    {# Rows that arrive too: `recomputed` takes the place of the model's SQL. #}
    {% do found.append('(\n' ~ compiled_code ~ '\n)') %}
    {% if engine_touched().filter != 'none' %}
        {% do found.append(own_table() ~ ' where ' ~ in_slices(read.touched)) %}
    {% endif %}
    {% set query = 'select ' ~ key ~ ' from ' ~ found | join(' union select ' ~ key ~ ' from ') %}
    {% set keys = view_of_run(this.identifier ~ '__recomputed', query) %}
    {# Literals, so that Spark filters the rows of the inputs before it joins and sorts them. #}
    {% set first = engine_key()[0] %}
    {% set values = run_query('select distinct ' ~ first ~ ' from ' ~ keys ~ ' limit 1001').rows %}
    {% if not values %}{% do return(false) %}{% endif %}
    {% set few = engine_literals(values) if values | length <= 1000 %}
    {% do engine_state().reads.update({model.unique_id: {'mode': 'whole', 'inputs': read.inputs}}) %}
    {# dbt puts the SQL of ephemeral models before compiled code only. #}
    {% set ctes = model.extra_ctes | default([]) | map(attribute='sql') | join(', ') %}
    {% set all = '(\n' ~ ('with ' ~ ctes ~ ' select * from (\n' if ctes) ~ render(model.raw_code) ~ '\n)' ~ (')' if ctes) %}
    {% do engine_state().reads.update({model.unique_id: read}) %}
    {% set sql = 'select * from ' ~ all ~ ' where (' ~ key ~ ') in (select ' ~ key ~ ' from ' ~ keys ~ ')' %}
    {% if few %}{% set sql = sql ~ ' and ' ~ first ~ ' in (' ~ few | map('first') | join(', ') ~ ')' %}{% endif %}
    {% do read.update({'recomputed': sql, 'touched': {'columns': engine_key(), 'filter': 'view', 'view': keys}}) %}
    {% do return(true) %}
{% endmacro %}

{# Build the current seed or snapshot by dbt's materialization `stock` if it must run. #}
{% macro engine_build_if_changed(stock) %}
    {% if target.type == 'spark' and config.get('file_format') != 'delta' %}{% do return(stock()) %}{% endif %}
    {% if engine_is_building() and not engine_has_news() %}
        {# dbt reports the rows of a seed. #}
        {% do store_result('agate_table', 'OK', load_agate_table() if model.resource_type == 'seed' else none) %}
        {% call noop_statement('main', 'nothing changed') %}{% endcall %}
        {% do return({'relations': [this]}) %}
    {% endif %}
    {% set built = stock() %}
    {% if engine_is_run() %}{% do engine_look_again() %}{% endif %}
    {% if engine_is_building() and model.resource_type == 'seed' %}
        {# Its watermark is the version that was loaded, so that a seed whose table is changed is loaded again. #}
        {% set newest = engine_commits(this)[0] %}
        {% do engine_read().inputs.update({engine_name(this): {'to': newest.version, 'last': newest}}) %}
    {% endif %}
    {% do return(built) %}
{% endmacro %}

{#
  Write a model whose table exists. Its rows, the batch, are compared with the table. Rows that differ are written: by an
  append, if all are new, since a MERGE costs several times as much. The statement that counts them also runs the tests.
#}
{% macro engine_write() %}
    {% set is_whole, prune_by = engine_read().mode == 'whole', config.meta_get('prune_by') %}
    {% set sql = engine_read().recomputed or compiled_code %}
    {% set batch, pruned = '(\n' ~ sql ~ '\n)', 'true' %}
    {% if is_whole or prune_by %}{% set batch = view_of_run(this.identifier ~ '__batch', sql) %}{% endif %}
    {% if is_whole %}
        {% set view = api.Relation.create(identifier=batch, type='view') %}
        {% set changed = check_for_schema_changes(view, load_relation(this)) %}
        {% if changed.target_not_in_source or changed.new_target_types %}
            {# Delta cannot remove a column of this table, or change its type. #}
            {% call statement('main') %}{{ create_table_as(false, this, sql) }}{% endcall %}
            {% do return(engine_look_again()) %}
        {% endif %}
        {% do process_schema_changes(config.get('on_schema_change'), view, load_relation(this)) %}
    {% endif %}
    {% if prune_by %}
        {# The dates are computed from the key alone, so that rows with the same key have the same date. #}
        {% set date, of_key = prune_by.items() | first %}
        {% set rows = engine_touched().view if engine_read().recomputed else batch %}
        {% set keys = '(select ' ~ engine_key() | join(', ') ~ ' from ' ~ rows ~ ')' %}
        {% set dates = dates_of('select distinct ' ~ of_key ~ ' from ' ~ keys) %}
        {% set pruned = '(target.' ~ date ~ ' is null or ' ~ on_dates('target.' ~ date, dates) ~ ')' %}
        {% set wrong = engine_quoted(model.name ~ ': prune_by says ' ~ date ~ ' = ' ~ of_key ~ ', but a row differs') %}
        {% set checked = 'if(' ~ [date ~ ' <=> ' ~ of_key, date, 'raise_error(' ~ wrong ~ ')'] | join(', ') ~ ')' %}
        {% set batch = '(select * except (' ~ date ~ '), ' ~ checked ~ ' as ' ~ date ~ ' from ' ~ batch ~ ')' %}
    {% endif %}
    {% set columns = adapter.get_columns_in_relation(this) | map(attribute='name') | list %}
    {% set compared = view_of_run(this.identifier ~ '__compared', engine_compare_sql(columns, batch, pruned)) %}
    {% set written = engine_count(compared) %}
    {% call statement('main') %}{{ engine_write_sql(columns, compared, pruned, written) }}{% endcall %}
    {% if written %}{% do engine_look_again() %}{% endif %}
{% endmacro %}

{# Query: the rows of the batch and of the touched slices of the table, joined by key, and how to write each: `_write`. #}
{% macro engine_compare_sql(columns, batch, pruned) -%}
    {%- set touched, newest_by = engine_touched(), config.meta_get('newest_by', []) -%}
    {%- set same = ['true'] -%}
    {#- Lineage (`_...`) is written with a row, but is no reason to write it. -#}
    {%- for c in columns if c not in engine_key() and (not c.startswith('_') or c in newest_by) -%}
        {%- do same.append('source.' ~ c ~ ' <=> target.' ~ c) -%}
    {%- endfor -%}
    select
        {%- for c in columns %}
        {{ 'coalesce(source.' ~ c ~ ', target.' ~ c ~ ')' if c in engine_key() else 'source.' ~ c }} as {{ c }},
        {%- endfor %}
        source._is_there as _is_in_batch,
        case
            when target._is_there is null then 'insert'
            when source._is_there is null then 'delete'
            when not ({{ same | join(' and ') }})
            {%- if newest_by and engine_read().mode != 'whole' and not engine_read().recomputed %}
                and struct(source.{{ newest_by | join(', source.') }}) >= struct(target.{{ newest_by | join(', target.') }})
            {%- endif %} then 'update'
        end as _write
    from (select *, true as _is_there from {{ batch }}) as source
    {{ 'full outer' if touched.filter != 'none' else 'left' }} join (
        select *, true as _is_there from {{ own_table() }} as target where {{ pruned }}
    ) as target
        on {{ engine_same_key() }}
    {%- if touched.filter != 'none' %}
    where source._is_there or {{ in_slices(touched, 'target.') }}
    {%- endif %}
{%- endmacro %}

{# The statement that writes the rows of a view made by engine_compare_sql(); `written` names their kinds. #}
{% macro engine_write_sql(columns, compared, pruned, written) -%}
    {%- if not written -%}
    select 'nothing changed' as result
    {%- elif written != ['insert'] or not engine_is_exclusive() -%}
    {#- Leave out unchanged rows: MERGE rewrites each file in which it matches a row. -#}
    merge into {{ this }} as target
    using (select * from {{ compared }} where _write is not null) as source
    on {{ engine_same_key() }} and {{ pruned }}
    when matched and source._write = 'delete' then delete
    when matched and source._write = 'update' then update set
        {%- for c in columns %} {{ c }} = source.{{ c }}{{ ',' if not loop.last }}{% endfor %}
    when not matched then insert ({{ columns | join(', ') }}) values (source.{{ columns | join(', source.') }})
    {%- else -%}
    insert into {{ this }} ({{ columns | join(', ') }})
    select {{ columns | join(', ') }} from {{ compared }} where _write = 'insert'
    {%- endif -%}
{%- endmacro %}

{% macro engine_same_key() -%}
    {% for k in engine_key() %}source.{{ k }} <=> target.{{ k }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endmacro %}
