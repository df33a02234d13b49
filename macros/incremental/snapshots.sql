{#
  dbt compares all rows of a snapshot's relation with all current rows of the snapshot. If the relation is one whole
  table whose changes can be followed, this compares only the rows whose keys have changed.
#}
{% macro spark__snapshot_staging_table(strategy, source_sql, target_relation) %}
    {% set touched = touched_keys(strategy) %}
    {% if touched.filter == 'all' %}
        {% do return(default__snapshot_staging_table(strategy, source_sql, target_relation)) %}
    {% endif %}
    {% set source = 'select * from (' ~ source_sql ~ ') where ' ~ in_slices(touched) %}
    {% set target = '(select * from ' ~ at_run_start(target_relation) ~ ' where ' ~ in_slices(touched) ~ ')' %}
    {% do return(default__snapshot_staging_table(strategy, source, target)) %}
{% endmacro %}


{% macro touched_keys(strategy) %}
    {% set key = [strategy.unique_key] if strategy.unique_key is string else strategy.unique_key %}
    {% set is_table = modules.re.fullmatch("select \\* from \\{\\{ ref\\([^()]*\\) \\}\\}", model.raw_code.strip()) %}
    {# With `new_record`, dbt asks for the columns of the snapshot's table, so it cannot be a subquery. #}
    {% if model_read().mode != 'changes' or not is_table or strategy.hard_deletes == 'new_record' %}
        {% do return({'columns': key, 'filter': 'all'}) %}
    {% endif %}
    {% set table = watched_inputs().values() | first %}
    {% do return(touched_slices(key, [(table, 'select ' ~ key | join(', ') ~ ' from ' ~ changes(table))])) %}
{% endmacro %}


{# A temporary view, cached for the run. dbt's view is permanent, and could not read the temporary view of slices. #}
{% macro spark_build_snapshot_staging_table(strategy, sql, target_relation) %}
    {% set query = snapshot_staging_table(strategy, sql, target_relation) %}
    {% set view = keep_for_run(target_relation.identifier ~ '__changes', query) %}
    {% do return(api.Relation.create(identifier=view, type='view')) %}
{% endmacro %}

{# Replaced because release_kept() drops the view. #}
{% macro spark__post_snapshot(staging_relation) %}{% endmacro %}
