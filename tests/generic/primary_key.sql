{#
  The columns together are a key: no two rows have the same values (NULL being equal to NULL), and only the columns in
  `nullable` may be NULL. One row per key that fails, with the reason.

    columns   list of column names
    nullable  list of the columns that may be NULL
#}
{% test primary_key(model, columns, nullable=[]) %}
{%- set required = columns | reject('in', nullable) | list %}

with

keys as (
    select
        {{ columns | join(', ') }},
        concat_ws(
            '; ',
            if(count(*) > 1, concat(count(*), ' rows of this key'), null)
            {%- for column in required %},
            if({{ column }} is null, '{{ column }} is NULL', null)
            {%- endfor %}
        ) as failure
    from {{ model }}
    group by {{ columns | join(', ') }}
)

select * from keys
where failure != ''

{% endtest %}
