{# A text as a SQL string. #}
{% macro quoted(text) %}
    {%- do return("'" ~ (text | string | replace('\\', '\\\\') | replace("'", "\\'")) ~ "'") -%}
{% endmacro %}
