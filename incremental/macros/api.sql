{#
  All that a model calls, in the order in which it needs it; api.yml has the arguments. The settings of a model, such as
  newest_by, are in `meta` of its config, and in docs/incremental.md with the two patterns of models.
#}

{# The rows of an input committed since this model last read it, as a subquery with the column `_change_type`. #}
{% macro changes(relation) %}
    {%- do engine_follow(relation) -%}
    {%- set read = engine_read() -%}
    {%- set input = read.inputs.get(engine_name(relation)) -%}
    {%- if not input -%}
        (select *, 'insert' as _change_type from {{ relation }})
    {%- elif read.mode != 'changes' -%}
        (select *, 'insert' as _change_type from {{ relation }} version as of {{ input.to }})
    {%- elif input.is_rewritten and model.resource_type == 'model' -%}
        {#- Deleted rows too: of these the keys are computed again, see engine_recomputes(). -#}
        (
            select * except (_change_type), 'insert' as _change_type
            from {{ engine_change_feed(relation, input.from, input.to) }}
        )
    {%- elif input.is_changed -%}
        {{ engine_change_feed(relation, input.from, input.to) }}
    {%- else -%}
        (select *, 'insert' as _change_type from {{ relation }} where false)
    {%- endif -%}
{% endmacro %}

{# The slices of the table that this run must compute again: the values of `columns` in the changes of the inputs. #}
{% macro touched_slices(columns, inputs) %}
    {% set read = engine_read() %}
    {% if model.resource_type == 'model' and 'touched' in read %}
        {% do exceptions.raise_compiler_error(
            model.name ~ ' calls touched_slices() twice: rows of the first slices would not be deleted. '
            ~ 'Give one call the inputs of both.'
        ) %}
    {% endif %}
    {% set news, sliced = [], [] %}
    {% for input in inputs %}
        {% set relation, query = (input, none) if input.identifier is defined else input %}
        {% if has_changes(relation) %}
            {% set found = '(' ~ query ~ ')' if query else changes(relation) %}
            {% do news.append('select ' ~ columns | join(', ') ~ ' from ' ~ found) %}
        {% endif %}
        {% if not query %}{% do sliced.append(engine_name(relation)) %}{% endif %}
    {% endfor %}
    {% set touched = {'columns': columns, 'filter': 'all'} %}
    {% if engine_is_building() and read.mode == 'changes' %}
        {% do touched.update(engine_found_slices(columns, news | unique(true) | list)) %}
    {% endif %}
    {% do read.update({'touched': touched, 'sliced': sliced}) %}
    {% do return(touched) %}
{% endmacro %}

{# Condition: the row belongs to a touched slice. #}
{% macro in_slices(touched, prefix='') %}
    {%- set columns = [] -%}
    {%- for c in touched.columns %}{% do columns.append(prefix ~ c) %}{% endfor -%}
    {%- if touched.filter == 'all' -%}
        true
    {%- elif touched.filter == 'none' -%}
        false
    {%- elif touched.filter == 'view' -%}
        ({{ columns | join(', ') }}) in (select {{ touched.columns | join(', ') }} from {{ touched.view }})
    {%- elif columns | length == 1 -%}
        {{ columns[0] }} in ({{ touched.rows | map('first') | join(', ') }})
    {%- else -%}
        ({{ columns | join(', ') }}) in (
            select * from values
            {%- for row in touched.rows %} ({{ row | join(', ') }}){{ ',' if not loop.last }}{% endfor %}
        )
    {%- endif -%}
{% endmacro %}

{# The distinct dates in the only column of `query`, as text; none when the model reads everything. #}
{% macro dates_of(query) %}
    {% if not engine_is_building() or engine_read().mode != 'changes' %}
        {% do return(none) %}
    {% elif not engine_has_news() %}
        {% do return([]) %}
    {% endif %}
    {% do return(run_query(query).columns[0].values() | reject('none') | map('string') | list) %}
{% endmacro %}

{# Condition: `column` is one of `dates`, as literals, so that Spark skips the files of other dates; true if none. #}
{% macro on_dates(column, dates) %}
    {%- if dates is none -%}
        true
    {%- elif not dates -%}
        false
    {%- else -%}
        {{ column }} in ({% for d in dates %}date'{{ d }}'{{ ', ' if not loop.last }}{% endfor %})
    {%- endif -%}
{% endmacro %}

{# How this run reads: 'full' (the table is rebuilt), 'whole' (compared with all rows) or 'changes'. #}
{% macro read_mode() %}
    {% do return(engine_read().mode) %}
{% endmacro %}

{# Whether an input has changed since this model last read it. If not, a part of the query can be left out. #}
{% macro has_changes(relation) %}
    {% do engine_follow(relation) %}
    {% set read = engine_read() %}
    {% set input = read.inputs.get(engine_name(relation)) %}
    {% do return(read.mode == 'changes' and input is not none and input.is_changed) %}
{% endmacro %}

{# Whether rows of an input may have been deleted since this model last read it. #}
{% macro has_deletes(relation) %}
    {% do return(
        has_changes(relation) and engine_deletes_since(relation, engine_read().inputs[engine_name(relation)].from)
    ) %}
{% endmacro %}

{#
  The values of `key`, a column or several with commas, that an input has lost since this model last read it, as a
  subquery; none if there are none.
#}
{% macro lost_keys(relation, key) %}
    {% set read, name = engine_read(), engine_name(relation) %}
    {% if read.mode != 'changes' %}{% do return(none) %}{% endif %}
    {% set known, from = read.setdefault('lost_keys', {}), read.inputs[name].from %}
    {% if (name, key) not in known %}
        {% do known.update({(name, key): engine_lost_since(relation, key, from)}) %}
    {% endif %}
    {% do return(known[(name, key)]) %}
{% endmacro %}

{#
  The model's own table, at its version before this run, for a model that writes rows of it again. When a table is
  written, Spark computes again every cached query that names it, so here it is named by its folder. Where builds may
  overlap, a MERGE must see what another build has written: there it is the table itself.
#}
{% macro own_table() -%}
    {%- if read_mode() == 'changes' and engine_is_exclusive() and engine_is_in_warehouse(this) -%}
        {%- set folder = [engine_warehouse(), this.schema, this.identifier] | join('/') | replace('`', '``') -%}
        delta.`{{ folder }}` version as of {{ engine_commits(this)[0].version }}
    {%- else -%}
        {{ this }}
    {%- endif -%}
{%- endmacro %}

{# A temporary view of this run, of which the name is returned. Where threads share a session, it is computed once. #}
{% macro view_of_run(name, query) %}
    {% set view = [this.schema, name, invocation_id[:8]] | join('_') %}
    {% if engine_read().logic is not defined %}
        {# Nothing is built, or the SQL is rendered for its fingerprint. #}
    {% elif engine_is_exclusive() %}
        {# `if exists`: if the query fails, there is no view. #}
        {% do engine_state().views.append('drop view if exists ' ~ view) %}
        {% do run_query('cache lazy table ' ~ view ~ ' as ' ~ query) %}
    {% else %}
        {# A server's cache would outlive the session, and a SQL warehouse has no cache. #}
        {% do run_query('create or replace temporary view ' ~ view ~ ' as ' ~ query) %}
    {% endif %}
    {% do return(view) %}
{% endmacro %}
