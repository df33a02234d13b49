{#
  Each line of a feed is in its silver table (the tested model), or superseded there by another line, or in quarantine;
  and no line waits in quarantine for a key that is registered. One row per problem.

    feed        the bronze table
    same_row    condition: `line` belongs to the silver row `kept`; by default their keys are equal
    superseded  condition: a usable `line` needs no row, since another one of `all_lines` replaces it
#}
{% test every_line_is_accounted_for(model, feed, same_row=none, superseded=none) %}

{#- Not read: the test runs after this table, one of the last, so that gold need not wait and has all of dbt's threads. #}
{{- config(meta={'static_inputs': ['workout_bpm_summary']}) }}
{%- do ref('workout_bpm_summary') %}
{{ unaccounted_lines(model, feed, same_row, superseded) }}

{% endtest %}
