{# A text as a SQL string. #}
{% macro quoted(text) %}
    {%- do return("'" ~ (text | string | replace('\\', '\\\\') | replace("'", "\\'")) ~ "'") -%}
{% endmacro %}


{# A pattern that matches a path alone. #}
{% macro literal_path(path) %}
    {% do return(modules.re.sub('([][{}*?\\\\])', '\\\\\\1', path)) %}
{% endmacro %}
