{# The slices that queries yield: as literals, or, if they are many, as a view. #}
{% macro engine_found_slices(columns, queries) %}
    {% set query = 'select distinct ' ~ columns | join(', ') ~ ' from (' ~ queries | join(' union all ') ~ ')' %}
    {% set found = run_query(query ~ ' limit 1001').rows if queries else [] %}
    {% if not found %}{% do return({'filter': 'none'}) %}{% endif %}
    {# By literals Spark skips files; more than 1,000 would slow it down. #}
    {% set rows = engine_literals(found) if found | length <= 1000 %}
    {% if rows %}{% do return({'filter': 'literals', 'rows': rows}) %}{% endif %}
    {% do return({'filter': 'view', 'view': view_of_run(this.identifier ~ '__touched', query)}) %}
{% endmacro %}

{# Rows as SQL literals, a list of lists; none if a value is not an integer, text, date or instant. #}
{% macro engine_literals(rows) %}
    {% set found = [] %}
    {% for row in rows %}
        {% set cells = [] %}
        {% for value in row.values() %}
            {% if value is string %}
                {% do cells.append(engine_quoted(value)) %}
            {% elif value is number and value is not boolean and value == value | int %}
                {% do cells.append(value | int ~ 'L') %}
            {% elif value.hour is defined %}
                {% do cells.append("timestamp'" ~ engine_utc_text(value) ~ " UTC'") %}
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
