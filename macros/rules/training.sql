{#
  Seconds of a workout at heart rates `at.bpm` for which a condition is true, from its `seconds_at_bpm`. To the
  microsecond, as all times: a sum of doubles could be more than the whole workout.
#}
{% macro seconds_at(condition) -%}
    round(aggregate(filter(seconds_at_bpm, at -> {{ condition }}), 0D, (total, at) -> total + at.seconds), 6)
{%- endmacro %}


{#
  Fitness or fatigue after a day of training: what is left of it from the last day in the array `past`, which decays by
  a factor e in `days`, and the day's load. Source: Banister's impulse-response model, with the constants of Coggan's
  performance management chart.
#}
{% macro training_effect(name, days) -%}
    coalesce(
        try_element_at(past, -1).{{ name }} * exp(-datediff(day.date, try_element_at(past, -1).date) / {{ days }}), 0
    ) + day.load * (1 - exp(-1 / {{ days }}))
{%- endmacro %}
