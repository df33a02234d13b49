{#
  In place of macros/incremental, what people write without it: an event table takes the rows of
  bronze that are newer than its newest, a derived table is computed anew from everything, and both
  are merged by dbt-spark's own MERGE, which inserts and updates.

  Faster where it is, for it gets wrong:
    - A late row is lost: a reading older than the newest stored, one of the same instant, and the
      line that closes a visit, whose login is no newer. A row with a time far ahead ends the table.
    - Nothing is deleted: a profile stays when its user is deleted, a session when it is completed
      no more, an ownership when an earlier registration comes.
    - A row that waits for its registration is never released from quarantine.
    - A row whose owner turns out to be another keeps the first.
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


{% macro as_it_was(relation) -%}
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


{# What the seeds' macros share. #}
{% macro run_state() %}
    {% do return(graph.setdefault('stock ' ~ invocation_id, {'seeds_kept': [], 'seeds_made': []})) %}
{% endmacro %}


{% macro note_version() %}
{% endmacro %}


{% macro note_made(was_there) %}
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
