{#
  The rows of `relation` committed since this model last read it, as a subquery with a column
  `_change_type` (insert, update_preimage, update_postimage, delete); all its rows, as inserts, when
  the model is made anew or compared whole. Name the columns that you select: Spark cannot prune
  a `select *` of a change feed under a semi join.
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
  The change feed of a table after version `from` up to `to`, a table function. Its name is in
  capitals since Spark resolves a name once a query, and would take the feed for the table wherever
  a query reads both; catalogs do not mind the case.
#}
{% macro change_feed(relation, from, to) -%}
    {%- set name = [relation.database, relation.schema, relation.identifier] | reject('none') | join('.') -%}
    table_changes('{{ name | upper }}', {{ from + 1 }}, {{ to }})
{%- endmacro %}


{# Whether `relation` has news for this model: false lets it leave out work for what stayed the same. #}
{% macro has_changes(relation) %}
    {% do follow(relation) %}
    {% set read = model_read() %}
    {% set input = read.inputs.get(input_name(relation)) %}
    {% do return(read.mode == 'changes' and input is not none and input.is_changed) %}
{% endmacro %}


{# Whether rows of `relation` were deleted since this model last read it: false lets it leave out work for them. #}
{% macro has_deletes(relation) %}
    {% do return(has_changes(relation) and deletes_since(relation, model_read().inputs[input_name(relation)].from)) %}
{% endmacro %}


{#
  A table at its version of the beginning of this run, for a model that reads its own: what is kept of
  that would be planned and computed anew once the model has written it. By its folder, since Spark plans anew
  whatever reads a table of that name, whichever version. On other targets builds may overlap, and a MERGE must
  see what another has written.
#}
{% macro as_it_was(relation) -%}
    {%- do model_read().update({'reads_itself': true}) -%}
    {%- if model_read().mode == 'changes' and nodes_share_session() -%}
        {%- set version = commits(relation)[0].version -%}
        {%- if input_name(relation) in run_state().elsewhere -%}
            {{ relation }}
        {%- else -%}
            delta.`{{ [warehouse(), relation.schema, relation.identifier] | join('/') | replace('`', '``') }}`
        {%- endif %} version as of {{ version }}
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}
