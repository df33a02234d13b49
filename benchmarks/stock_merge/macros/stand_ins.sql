{#
  Replaces macros/incremental by what a project usually writes without it. An event table reads the bronze rows that are
  newer than its newest row. A derived table is computed from all rows. dbt-spark's own MERGE writes both: it inserts
  and updates.

  Where this is faster, it is because its tables become wrong:
    - Late rows are lost: a reading that is not newer than the newest one stored, and the line that closes a visit,
      because its login is not newer. After a row with a time in the far future, no other row is read.
    - Nothing is deleted: a profile stays after its user was deleted, a session after it is no longer completed, an
      ownership after an earlier registration has arrived.
    - A row that waits for a registration is never released from quarantine.
    - A row keeps its first owner, even if a late registration gives it another.
#}
{% macro changes(relation) -%}
    {%- set newer = {
        'heart_rate': [instant('time'), 'event_time'],
        'workouts': [instant('event_timestamp'), 'event_time'],
        'gym_logs': [instant('login'), 'login'],
        'quarantine': ['_ingested_at', '_first_seen_at'],
    }.get(model.name) -%}
    (
        select *, 'insert' as _change_type from {{ relation }}
        {%- if newer and relation.schema == 'bronze' and is_incremental() %}
        where {{ newer[0] }} > (select coalesce(max({{ newer[1] }}), timestamp '1900-01-01') from {{ this }})
        {%- endif %}
    )
{%- endmacro %}


{% macro has_changes(relation) %}
    {% do return(false) %}
{% endmacro %}


{% macro has_deletes(relation) %}
    {% do return(false) %}
{% endmacro %}


{% macro at_run_start(relation) -%}
    {{ relation }}
{%- endmacro %}


{% macro model_read() %}
    {% do return({'mode': 'full', 'inputs': {}}) %}
{% endmacro %}


{% macro touched_slices(columns, queries) %}
    {% do return({'columns': columns, 'filter': 'all'}) %}
{% endmacro %}


{% macro in_slices(touched, prefix='') -%}
    true
{%- endmacro %}


{% macro dates_of(query) %}
    {% do return(none) %}
{% endmacro %}


{% macro on_dates(column, dates) -%}
    true
{%- endmacro %}


{# The state that the macros of seeds use. #}
{% macro run_state() %}
    {% do return(graph.setdefault('stock ' ~ invocation_id, {'seeds_unchanged': [], 'seeds_created': []})) %}
{% endmacro %}


{% macro note_version() %}
{% endmacro %}


{% macro note_adapter_write(was_there) %}
{% endmacro %}


{% macro forget_version() %}
{% endmacro %}


{% macro is_run_of_models() %}
    {% do return(false) %}
{% endmacro %}


{% macro watermarks() %}
    {% do return({}) %}
{% endmacro %}


{% macro input_name(relation) %}
    {% do return(relation.schema ~ '.' ~ relation.identifier) %}
{% endmacro %}
