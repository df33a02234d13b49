{#
  dbt's materializations, replaced to follow changes:

    incremental  A model that follows changes is written by write_changes(). If no input has changed, it runs no
                 statement. A model that is rebuilt or compared whole is built by the adapter's own materialization,
                 which also applies schema changes, grants and comments.
    snapshot     If no input has changed, a snapshot runs no statement.
    table        Built by the adapter, as snapshots are. The log of the new table is read when a model needs it.
    test         In a build, a test passes without a query if none of its tables has changed since it last passed, or if
                 it was decided when its model was written (row_tests.sql). `dbt test` runs every test.
#}
{% materialization incremental, adapter='spark', supported_languages=['sql', 'python'] %}
    {% do check_follows_inputs(model) %}
    {% if is_following_changes() %}
        {{ return(follow_changes()) }}
    {% endif %}
    {% set was_there = load_relation(this) is not none %}
    {% set built = dbt.materialization_incremental_spark() %}
    {% do note_adapter_write(was_there) %}
    {% do evaluate_tests() %}
    {{ return(built) }}
{% endmaterialization %}

{% materialization incremental, adapter='databricks', supported_languages=['sql', 'python'] %}
    {% do check_follows_inputs(model) %}
    {% if is_following_changes() %}
        {{ return(follow_changes()) }}
    {% endif %}
    {% set built = dbt.materialization_incremental_databricks() %}
    {% do note_version() %}
    {% do evaluate_tests() %}
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
    {% set built = dbt.materialization_snapshot_spark() if has_news() else skip_build() %}
    {% do forget_version() %}
    {{ return(built) }}
{% endmaterialization %}

{% materialization snapshot, adapter='databricks' %}
    {% set built = dbt.materialization_snapshot_databricks() if has_news() else skip_build() %}
    {% do forget_version() %}
    {{ return(built) }}
{% endmaterialization %}

{% materialization test, adapter='spark' %}
    {{ return(skip_test() if is_skipped() else dbt.materialization_test_default()) }}
{% endmaterialization %}

{% materialization test, adapter='databricks' %}
    {{ return(skip_test() if is_skipped() else dbt.materialization_test_default()) }}
{% endmaterialization %}


{% macro is_following_changes() %}
    {% do return(is_building() and model.language == 'sql' and model_read().mode == 'changes') %}
{% endmacro %}


{# Whether the current node must run: false if it follows changes and no input has changed. #}
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
        {% do skip_build() %}
    {% endif %}
    {# Read its log, if it is not known, before the models that read it start. #}
    {% do commits(this) %}
    {% do return({'relations': [this]}) %}
{% endmacro %}


{# Whether the model may have rows to write: a slice is touched, or the model also reads its own table. #}
{% macro has_batch() %}
    {% set read = model_read() %}
    {% do return(read.get('touched', {}).filter != 'none' or read.get('reads_itself', false)) %}
{% endmacro %}


{% macro skip_build() %}
    {% call noop_statement('main', 'nothing changed') %}{% endcall %}
    {% do return({'relations': [this]}) %}
{% endmacro %}


{# Whether the current test passes without a query. #}
{% macro is_skipped() %}
    {% do return(not has_news() or is_decided()) %}
{% endmacro %}


{% macro skip_test() %}
    {% set message = 'decided with its model' if has_news() else 'nothing changed' %}
    {% do store_raw_result('main', message=message, code='', rows_affected='', agate_table=run_state().pass_result) %}
    {% do return({'relations': []}) %}
{% endmacro %}
