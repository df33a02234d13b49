{#
  The slices of a derived table that this run must compute again: the distinct values of `columns` that `queries` yield.
  Give a query on changes() for every input through which a row of a slice can change. Use the result with in_slices();
  rows of a touched slice that the model no longer yields are deleted.

    columns  list of column names: columns of the table that are never NULL
    queries  list of pairs (relation, "select <columns> from " ~ changes(relation))
#}
{% macro touched_slices(columns, queries) %}
    {% set read = model_read() %}
    {% if model.resource_type == 'model' and 'touched' in read %}
        {% do exceptions.raise_compiler_error(
            model.name ~ ' calls touched_slices() twice: rows of the first slices would not be deleted. '
            ~ 'Give one call the queries of both.'
        ) %}
    {% endif %}
    {% set touched = {'columns': columns, 'filter': 'all'} %}
    {% if is_building() and read.mode == 'changes' %}
        {% set news = [] %}
        {% for relation, query in queries if has_changes(relation) %}
            {% do news.append('select ' ~ columns | join(', ') ~ ' from (' ~ query ~ ')') %}
        {% endfor %}
        {% set touched = {'columns': columns, 'filter': 'none'} %}
        {% if news %}
            {% set touched = found_slices(columns, news | join(' union all ')) %}
        {% endif %}
    {% endif %}
    {% do read.update({'touched': touched}) %}
    {% do return(touched) %}
{% endmacro %}


{# The slices that a query yields. Each query runs once per run: the tests of a model share it. #}
{% macro found_slices(columns, news) %}
    {% set query = 'select distinct ' ~ columns | join(', ') ~ ' from (' ~ news ~ ')' %}
    {% set known = run_state().touched %}
    {% if query not in known %}
        {# Up to 1,000 slices are written as literals, which is faster than a join with a view. #}
        {% set most = 1000 %}
        {% set touched = {'columns': columns, 'filter': 'none'} %}
        {% set found = run_query(query ~ ' limit ' ~ (most + 1)).rows %}
        {% set rows = literal_rows(found) if found | length <= most %}
        {% if rows %}
            {% do touched.update({'filter': 'literals', 'rows': rows}) %}
        {% elif found %}
            {% do touched.update({'filter': 'view', 'view': keep_for_run(this.identifier ~ '__touched', query)}) %}
        {% endif %}
        {% if touched.filter == 'view' and not nodes_share_session() %}
            {% do return(touched) %}
        {% endif %}
        {# If two threads run the query at the same time, both use the result of the first. #}
        {% do known.setdefault(query, touched) %}
    {% endif %}
    {% do return(known[query]) %}
{% endmacro %}


{# Rows as SQL literals, a list of lists; none if a value is not an integer, text, date or instant. #}
{% macro literal_rows(rows) %}
    {% set found = [] %}
    {% for row in rows %}
        {% set cells = [] %}
        {% for value in row.values() %}
            {% if value is string %}
                {% do cells.append(quoted(value)) %}
            {% elif value is number and value is not boolean and value == value | int %}
                {% do cells.append(value | int ~ 'L') %}
            {% elif value.hour is defined %}
                {% do cells.append("timestamp'" ~ utc_text(value) ~ " UTC'") %}
            {% elif value.year is defined %}
                {% do cells.append("date'" ~ value ~ "'") %}
            {% else %}
                {% do return(none) %}
            {% endif %}
        {% endfor %}
        {% do found.append(cells) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# Condition: the row belongs to a touched slice. `prefix`: the row's alias, with its dot. #}
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


{# The distinct dates in the only column of `query`, as text; none when the model reads everything. #}
{% macro dates_of(query) %}
    {% if not is_building() or model_read().mode != 'changes' %}
        {% do return(none) %}
    {% elif not has_news() %}
        {% do return([]) %}
    {% endif %}
    {% do return(run_query(query).columns[0].values() | reject('none') | map('string') | list) %}
{% endmacro %}


