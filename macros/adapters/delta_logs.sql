{# The lines of files in Delta logs below the warehouse folder; `folders` is a pattern that the logs' folders match. #}
{% macro log_files(folders) -%}
    text.`{{ literal_path(warehouse()) | replace('`', '``') }}/{{ folders }}`
{%- endmacro %}

{# Condition: the file is a commit. #}
{% macro is_commit() -%}
    _metadata.file_name rlike '^[0-9]+[.]json$'
{%- endmacro %}

{# The table of a log file, `schema.table`. Spark reads no file that a condition on the table or version excludes. #}
{% macro log_table() -%}
    replace(regexp_extract(_metadata.file_path, '([^/]+/[^/]+)/_delta_log/', 1), '/', '.')
{%- endmacro %}

{# The version of a commit, from its file name. #}
{% macro log_version() -%}
    cast(split_part(_metadata.file_name, '.', 1) as bigint)
{%- endmacro %}
