{#
  The columns together are a key: no two rows have the same values (NULL being equal to NULL), and only the columns in
  `nullable` may be NULL. Returns the rows that fail.

    columns   list of column names
    nullable  list of the columns that may be NULL
#}
{% test primary_key(model, columns, nullable=[]) %}

select * from {{ model }}
qualify
    count(*) over (partition by {{ columns | join(', ') }}) > 1
    {%- for column in columns | reject('in', nullable) %}
    or {{ column }} is null
    {%- endfor %}

{% endtest %}
