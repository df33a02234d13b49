{#
  The condition is true in every row; a row for which it is false or NULL fails.

    condition  a SQL condition on the model's columns
#}
{% test satisfies(model, condition) %}

select * from {{ model }}
where ({{ condition }}) is not true

{% endtest %}
