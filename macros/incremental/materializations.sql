{#
  A model that follows changes is written by write_changes(), and costs no statement when its inputs
  have no news; one that is made anew or compared whole is built by the adapter's own
  materialization, with schema changes, grants and comments. Snapshots likewise. What reads a snapshot or a
  table that is always made anew looks at its log after it was made. In a build, a test
  none of whose tables has changed since it passed has passed; `dbt test` runs every test.
#}
{% materialization incremental, adapter='spark', supported_languages=['sql', 'python'] %}
    {% do check_follows_inputs(model) %}
    {% if is_following_changes() %}
        {{ return(follow_changes()) }}
    {% endif %}
    {% set was_there = load_relation(this) is not none %}
    {% set built = dbt.materialization_incremental_spark() %}
    {% do note_made(was_there) %}
    {% do judge_table() %}
    {{ return(built) }}
{% endmaterialization %}

{% materialization incremental, adapter='databricks', supported_languages=['sql', 'python'] %}
    {% do check_follows_inputs(model) %}
    {% if is_following_changes() %}
        {{ return(follow_changes()) }}
    {% endif %}
    {% set built = dbt.materialization_incremental_databricks() %}
    {% do note_version() %}
    {% do judge_table() %}
    {{ return(built) }}
{% endmaterialization %}

{% materialization table, adapter='spark', supported_languages=['sql', 'python'] %}
    {% set built = dbt.materialization_table_spark() %}
    {% do forget_version() %}
    {{ return(built) }}
{% endmaterialization %}

{% materialization table, adapter='databricks', supported_languages=['sql', 'python'] %}
    {% set built = dbt.materialization_table_databricks() %}
    {% do forget_version() %}
    {{ return(built) }}
{% endmaterialization %}

{% materialization snapshot, adapter='spark' %}
    {% set built = dbt.materialization_snapshot_spark() if has_news() else leave_as_it_is() %}
    {% do forget_version() %}
    {{ return(built) }}
{% endmaterialization %}

{% materialization snapshot, adapter='databricks' %}
    {% set built = dbt.materialization_snapshot_databricks() if has_news() else leave_as_it_is() %}
    {% do forget_version() %}
    {{ return(built) }}
{% endmaterialization %}

{% materialization test, adapter='spark' %}
    {{ return(pass_unread() if is_passed_unread() else dbt.materialization_test_default()) }}
{% endmaterialization %}

{% materialization test, adapter='databricks' %}
    {{ return(pass_unread() if is_passed_unread() else dbt.materialization_test_default()) }}
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
    {% if has_news() and has_batch() %}
        {{ run_hooks(pre_hooks) }}
        {% do write_changes() %}
        {{ run_hooks(post_hooks) }}
    {% else %}
        {% do leave_as_it_is() %}
    {% endif %}
    {# Its readers start at once, and would each ask. #}
    {% do commits(this) %}
    {% do return({'relations': [this]}) %}
{% endmacro %}


{# Whether the model may have rows to write: not if no slice is touched, unless it also takes rows of its own table. #}
{% macro has_batch() %}
    {% set read = model_read() %}
    {% do return(read.get('touched', {}).filter != 'none' or read.get('reads_itself', false)) %}
{% endmacro %}


{% macro leave_as_it_is() %}
    {% call noop_statement('main', 'nothing changed') %}{% endcall %}
    {% do return({'relations': [this]}) %}
{% endmacro %}


{# Whether a test has passed without a look at its tables. #}
{% macro is_passed_unread() %}
    {% do return(not has_news() or is_judged()) %}
{% endmacro %}


{% macro pass_unread() %}
    {% set message = 'decided with its model' if has_news() else 'nothing changed' %}
    {% do store_raw_result('main', message=message, code='', rows_affected='', agate_table=run_state().passed) %}
    {% do return({'relations': []}) %}
{% endmacro %}
