{#
  The date before which fitness/old_lines.py has deleted lines of a feed whose rows are in silver, as a SQL literal; none
  if it has not. It is a property of the tables of bronze and silver: if one is lost, the other one has it. It is not
  looked up for a fingerprint, so that a new date is no change of the code.
#}
{% macro kept_from(feed) %}
    {# While a fingerprint is computed, a node has no inputs. #}
    {% if engine_read().inputs or (flags.WHICH == 'test' and model.resource_type == 'test') %}
        {% set is_test, dates = model.resource_type == 'test', [] %}
        {% set silver = ref(graph.nodes[model.attached_node].name) if is_test else load_relation(this) %}
        {% for table in [source('bronze', feed), silver] if table %}
            {% for row in run_query('show tblproperties ' ~ table).rows if row['key'] == 'fitness.kept_from' %}
                {% do dates.append(row['value']) %}
            {% endfor %}
        {% endfor %}
        {% if dates %}{% do return("date'" ~ dates | max ~ "'") %}{% endif %}
    {% endif %}
    {% do return(none) %}
{% endmacro %}


{#
  To be added to the rows that arrive in an event table that is rebuilt or compared whole: its own rows from before
  kept_from(), since bronze may no longer have their lines. Nothing if it reads changes.
#}
{% macro own_old_rows(feed, columns) -%}
    {%- set kept_from = kept_from(feed) if read_mode() != 'changes' -%}
    {%- if kept_from and load_relation(this) %}
    union all
    select {{ columns | join(', ') }} from {{ own_table() }}
    where event_date < {{ kept_from }}
    {%- endif -%}
{%- endmacro %}
