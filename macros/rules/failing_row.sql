{#
  Condition: a row fails the generic test `name`; none if the rows of its table, and of the parent table of a
  relationships test, do not decide that. With `part`, a column, no_overlapping_validity compares a row only with rows
  that have the same value in it.
#}
{% macro failing_row(name, arguments, part=none) %}
    {% set column = arguments.column_name %}
    {% if name == 'not_null' %}
        {% do return(column ~ ' is null') %}
    {% elif name == 'accepted_values' %}
        {% set mark = "'" if arguments.get('quote', true) else '' %}
        {% do return(column ~ ' not in (' ~ mark ~ arguments['values'] | join(mark ~ ', ' ~ mark) ~ mark ~ ')') %}
    {% elif name == 'in_range' %}
        {% set outside = [] %}
        {% for sign, bound in (('<', 'min_value'), ('>', 'max_value')) if arguments.get(bound) is not none %}
            {% do outside.append([column, sign, arguments[bound]] | join(' ')) %}
        {% endfor %}
        {% do return(outside | join(' or ')) %}
    {% elif name == 'satisfies' %}
        {% do return('(' ~ arguments.condition ~ ') is not true') %}
    {% elif name == 'primary_key' %}
        {% set failing = ['count(*) over (partition by ' ~ arguments.columns | join(', ') ~ ') > 1'] %}
        {% for key in arguments.columns | reject('in', arguments.get('nullable', [])) %}
            {% do failing.append(key ~ ' is null') %}
        {% endfor %}
        {% do return(failing | join(' or ')) %}
    {% elif name == 'no_overlapping_validity' %}
        {% set columns = ([part] if part else []) + arguments.columns %}
        {% set in_order = 'over (partition by ' ~ columns | join(', ') ~ ' order by valid_from)' %}
        {% set next_from = 'lead(valid_from) ' ~ in_order %}
        {% if arguments.get('since') is none %}
            {% do return(next_from ~ ' < valid_to or valid_to is null and ' ~ next_from ~ ' is not null') %}
        {% endif %}
        {% do return('not (valid_to <=> ' ~ next_from ~ ' and valid_from <=> coalesce(lag(valid_to) '
            ~ in_order ~ ', ' ~ arguments.since ~ '))') %}
    {% elif name == 'relationships' and arguments.parent %}
        {% do return(column ~ ' is not null and not exists (select 1 from (select ' ~ arguments.field
            ~ ' as _parent_key from ' ~ arguments.parent ~ ') where _parent_key = ' ~ column ~ ')') %}
    {% endif %}
    {% do return(none) %}
{% endmacro %}
