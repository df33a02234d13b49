{#
  dbt compares all rows of a snapshot's relation with all that the snapshot has open. Here, where the
  relation is one table as it is and its changes are followed, only rows of the keys that have changed.
#}
{% macro spark__snapshot_staging_table(strategy, source_sql, target_relation) %}
    {% set touched = touched_keys(strategy) %}
    {% if touched.filter == 'all' %}
        {% do return(default__snapshot_staging_table(strategy, source_sql, target_relation)) %}
    {% endif %}
    {% set source = 'select * from (' ~ source_sql ~ ') where ' ~ in_slices(touched) %}
    {% set target = '(select * from ' ~ as_it_was(target_relation) ~ ' where ' ~ in_slices(touched) ~ ')' %}
    {% do return(default__snapshot_staging_table(strategy, source, target)) %}
{% endmacro %}


{% macro touched_keys(strategy) %}
    {% set key = [strategy.unique_key] if strategy.unique_key is string else strategy.unique_key %}
    {% set is_table = modules.re.fullmatch("select \\* from \\{\\{ ref\\([^()]*\\) \\}\\}", model.raw_code.strip()) %}
    {# A record of a deletion is made of the columns of the whole table. #}
    {% if model_read().mode != 'changes' or not is_table or strategy.hard_deletes == 'new_record' %}
        {% do return({'columns': key, 'filter': 'all'}) %}
    {% endif %}
    {% set table = watched_inputs().values() | first %}
    {% do return(touched_slices(key, [(table, 'select ' ~ key | join(', ') ~ ' from ' ~ changes(table))])) %}
{% endmacro %}


{# A temporary view, computed once; dbt makes one that stays, which could not read a view of touched slices. #}
{% macro spark_build_snapshot_staging_table(strategy, sql, target_relation) %}
    {% set view = keep_for_run(target_relation.identifier ~ '__changes', snapshot_staging_table(strategy, sql, target_relation)) %}
    {% do return(api.Relation.create(identifier=view, type='view')) %}
{% endmacro %}

{# release_kept() drops the view. #}
{% macro spark__post_snapshot(staging_relation) %}{% endmacro %}
