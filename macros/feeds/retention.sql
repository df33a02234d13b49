{#
  The date before which fitness/old_lines.py has deleted lines of a feed whose rows are in silver, as a SQL literal; none
  if it has not. It is not looked up for a fingerprint, so that a new date is no change of the code.
#}
{% macro kept_from(feed) %}
    {# While a fingerprint is computed, a node has no inputs. #}
    {% if engine_read().inputs or (flags.WHICH == 'test' and model.resource_type == 'test') %}
        {% for row in run_query('show tblproperties ' ~ source('bronze', feed)).rows if row['key'] == 'fitness.kept_from' %}
            {% do return("date'" ~ row['value'] ~ "'") %}
        {% endfor %}
    {% endif %}
    {% do return(none) %}
{% endmacro %}


{#
  To be added to the rows that arrive in an event table that is rebuilt or compared whole: its own rows from before
  kept_from(), since bronze may no longer have their lines. Nothing if it reads changes.
#}
{% macro own_old_rows(feed, columns) -%}
    {%- set horizon = kept_from(feed) if read_mode() != 'changes' -%}
    {%- if horizon and load_relation(this) %}
    union all
    select {{ columns | join(', ') }} from {{ own_table() }}
    where event_date < {{ horizon }}
    {%- endif -%}
{%- endmacro %}
