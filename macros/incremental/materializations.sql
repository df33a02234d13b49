{#
  A model that follows changes is written by write_changes(), and costs no statement when its inputs
  have no news; one that is made anew or compared whole is built by the adapter's own
  materialization, with schema changes, grants and comments. Snapshots likewise.
#}
{% materialization incremental, adapter='spark', supported_languages=['sql', 'python'] %}
    {{ return(follow_changes() if is_following_changes() else dbt.materialization_incremental_spark()) }}
{% endmaterialization %}

{% materialization incremental, adapter='databricks', supported_languages=['sql', 'python'] %}
    {{ return(follow_changes() if is_following_changes() else dbt.materialization_incremental_databricks()) }}
{% endmaterialization %}

{% materialization snapshot, adapter='spark' %}
    {{ return(dbt.materialization_snapshot_spark() if has_news() else leave_as_it_is()) }}
{% endmaterialization %}

{% materialization snapshot, adapter='databricks' %}
    {{ return(dbt.materialization_snapshot_databricks() if has_news() else leave_as_it_is()) }}
{% endmaterialization %}


{% macro is_following_changes() %}
    {% do return(is_building() and model.language == 'sql' and model_read().mode == 'changes') %}
{% endmacro %}


{# Whether there is anything to do: not so if changes are followed and no input has any. #}
{% macro has_news() %}
    {% set read = model_read() %}
    {% do return(read.mode != 'changes' or read.inputs.values() | selectattr('is_changed') | list | length > 0) %}
{% endmacro %}


{% macro follow_changes() %}
    {% if not has_news() %}
        {% do return(leave_as_it_is()) %}
    {% endif %}
    {{ run_hooks(pre_hooks) }}
    {% do write_changes() %}
    {{ run_hooks(post_hooks) }}
    {% do return({'relations': [this]}) %}
{% endmacro %}


{% macro leave_as_it_is() %}
    {% call noop_statement('main', 'nothing changed') %}{% endcall %}
    {% do return({'relations': [this]}) %}
{% endmacro %}
