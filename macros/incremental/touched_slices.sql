{#
  The slices of a derived table that this run must compute anew: the distinct values of `columns`
  that `queries` yield, each query built on changes(). Give one for every input through which a row
  of the slice can change. Use the result with in_slices(); rows of a touched slice that the model
  no longer yields are deleted by the merge.

    columns  list of column names, not null, part of the table's rows
    queries  {relation: "select <columns> from " ~ changes(relation)}, a list of pairs
#}
{% macro touched_slices(columns, queries) %}
    {% set read = model_read() %}
    {% if not is_building() or read.mode != 'changes' %}
        {% do return({'columns': columns, 'filter': 'all'}) %}
    {% endif %}
    {% set news = [] %}
    {% for relation, query in queries if has_changes(relation) %}
        {% do news.append('select ' ~ columns | join(', ') ~ ' from (' ~ query ~ ')') %}
    {% endfor %}
    {% set touched = {'columns': columns, 'filter': 'none'} %}
    {% if news %}
        {% set view = this.identifier ~ '__touched' %}
        {% do keep_for_run(view, 'select distinct ' ~ columns | join(', ') ~ ' from (' ~ news | join(' union all ') ~ ')') %}
        {% if run_query('select 1 from ' ~ view ~ ' limit 1').rows %}
            {% do touched.update({'filter': 'view', 'view': view}) %}
        {% endif %}
    {% endif %}
    {% do read.update({'touched': touched}) %}
    {% do return(touched) %}
{% endmacro %}


{# Condition: the row belongs to a touched slice. `prefix`: the row's alias, with its dot. #}
{% macro in_slices(touched, prefix='') %}
    {%- if touched.filter == 'all' -%}
        true
    {%- elif touched.filter == 'none' -%}
        false
    {%- else -%}
        ({% for c in touched.columns %}{{ prefix }}{{ c }}{{ ', ' if not loop.last }}{% endfor %}) in (select {{ touched.columns | join(', ') }} from {{ touched.view }})
    {%- endif -%}
{% endmacro %}


{# Condition: `column` is one of `values`, written as literal dates so that files of other dates are skipped. #}
{% macro on_dates(column, dates) %}
    {%- if dates is none -%}
        true
    {%- elif not dates -%}
        false
    {%- else -%}
        {{ column }} in ({% for d in dates %}date'{{ d }}'{{ ', ' if not loop.last }}{% endfor %})
    {%- endif -%}
{% endmacro %}


{# The distinct dates that `query` yields, its only column; none when the model reads everything. #}
{% macro dates_of(query) %}
    {% if not is_building() or model_read().mode != 'changes' %}
        {% do return(none) %}
    {% endif %}
    {% do return(run_query(query).columns[0].values() | reject('none') | map('string') | list) %}
{% endmacro %}


