{#
  The rows of `relation` committed since this model last read it, as a subquery with a column `_change_type` (insert,
  update_preimage, update_postimage, delete). When the model is rebuilt or compared whole: all rows, as inserts. Name
  the columns that you select: under a semi join Spark cannot prune the columns of a `select *` from a change feed.
#}
{% macro changes(relation) %}
    {%- do follow(relation) -%}
    {%- set read = model_read() -%}
    {%- set input = read.inputs.get(input_name(relation)) -%}
    {%- if not input -%}
        (select *, 'insert' as _change_type from {{ relation }})
    {%- elif read.mode != 'changes' -%}
        (select *, 'insert' as _change_type from {{ relation }} version as of {{ input.to }})
    {%- elif input.is_changed -%}
        (select * from {{ change_feed(relation, input.from, input.to) }})
    {%- else -%}
        (select *, 'insert' as _change_type from {{ relation }} where false)
    {%- endif -%}
{% endmacro %}


{#
  The change feed of a table, from the version after `from` up to `to`, as a call of a table function. The name is in
  capitals because Spark resolves each name once per query: if a query read a table and its feed by the same name, it
  would mistake one for the other. Catalogs ignore case.
#}
{% macro change_feed(relation, from, to) -%}
    {%- set name = [relation.database, relation.schema, relation.identifier] | reject('none') | join('.') -%}
    table_changes('{{ name | upper }}', {{ from + 1 }}, {{ to }})
{%- endmacro %}


{# Whether `relation` has changed since this model last read it. If not, the model can leave out a part of its query. #}
{% macro has_changes(relation) %}
    {% do follow(relation) %}
    {% set read = model_read() %}
    {% set input = read.inputs.get(input_name(relation)) %}
    {% do return(read.mode == 'changes' and input is not none and input.is_changed) %}
{% endmacro %}


{# Whether rows of `relation` may have been deleted since this model last read it. #}
{% macro has_deletes(relation) %}
    {% do return(has_changes(relation) and deletes_since(relation, model_read().inputs[input_name(relation)].from)) %}
{% endmacro %}


{#
  A table at its version at the start of this run, for a model that reads its own table. When a table is written, Spark
  computes again every cached query that names the table, whatever version the query reads. Naming the table by its
  folder avoids that. On other targets builds may overlap, and a MERGE must see what another build has written: there
  this is the table itself.
#}
{% macro at_run_start(relation) -%}
    {%- do model_read().update({'reads_itself': true}) -%}
    {%- if model_read().mode == 'changes' and nodes_share_session() -%}
        {%- set version = commits(relation)[0].version -%}
        {%- if input_name(relation) in run_state().outside_warehouse -%}
            {{ relation }}
        {%- else -%}
            delta.`{{ [warehouse(), relation.schema, relation.identifier] | join('/') | replace('`', '``') }}`
        {%- endif %} version as of {{ version }}
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}
