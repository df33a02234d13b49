{# Files of Delta logs below the warehouse folder, as lines of text; `folders` is a pattern of the logs' folders. #}
{% macro log_files(folders) -%}
    text.`{{ literal_path(warehouse()) | replace('`', '``') }}/{{ folders }}`
{%- endmacro %}

{# Condition: a file of a log is a commit. #}
{% macro is_commit() -%}
    _metadata.file_name rlike '^[0-9]+[.]json$'
{%- endmacro %}

{# Of a commit: the table, `schema.table`, and the version. Spark reads no file that these rule out. #}
{% macro log_table() -%}
    replace(regexp_extract(_metadata.file_path, '([^/]+/[^/]+)/_delta_log/', 1), '/', '.')
{%- endmacro %}

{% macro log_version() -%}
    cast(split_part(_metadata.file_name, '.', 1) as bigint)
{%- endmacro %}
