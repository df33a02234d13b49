{# A text as a SQL string literal. #}
{% macro quoted(text) %}
    {%- do return("'" ~ (text | string | replace('\\', '\\\\') | replace("'", "\\'")) ~ "'") -%}
{% endmacro %}


{# A path with its wildcard characters escaped, for use in a file pattern. #}
{% macro literal_path(path) %}
    {% do return(modules.re.sub('([][{}*?\\\\])', '\\\\\\1', path)) %}
{% endmacro %}
