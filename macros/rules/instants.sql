{# Epoch seconds, integer or fractional, as a TIMESTAMP, rounded to the microsecond. #}
{% macro instant(seconds) -%}
    timestamp_micros(cast(rint({{ seconds }} * 1000000) as bigint))
{%- endmacro %}


{# Condition: epoch seconds from 1970 to the end of the year 9999. #}
{% macro is_instant(seconds) -%}
    ({{ seconds }} >= 0 and {{ seconds }} < 253402300800)
{%- endmacro %}


{# Seconds between two TIMESTAMPs, a double. #}
{% macro seconds_between(start, end) -%}
    ((unix_micros({{ end }}) - unix_micros({{ start }})) / 1000000)
{%- endmacro %}


{# Minutes between two TIMESTAMPs, a double. #}
{% macro minutes_between(start, end) -%}
    ((unix_micros({{ end }}) - unix_micros({{ start }})) / 60000000)
{%- endmacro %}


{# Whole years from one date to another. A year is complete on the birthday; 1 March stands in for 29 February. #}
{% macro whole_years(start, end) -%}
    year({{ end }}) - year({{ start }})
    - if(month({{ end }}) * 100 + day({{ end }}) < month({{ start }}) * 100 + day({{ start }}), 1, 0)
{%- endmacro %}
