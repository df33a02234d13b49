{#
  Who owned a device or mac address, and when, from its registrations: CTEs, the last of which is `assignments`.
  Expects a CTE `registrations` (user_id, device_id, mac_address, registered_at).

    key        the column of what is owned: device_id or mac_address
    companion  the other one of these two columns, taken from the registration that began the ownership; the smallest
               value if the user has several registrations at that instant
#}
{% macro ownerships(key, companion) -%}
registered as (
    select
        {{ key }},
        registered_at,
        user_id,
        min({{ companion }}) as {{ companion }}
    from registrations
    group by {{ key }}, registered_at, user_id
),

sequenced as (
    select
        *,
        lag(user_id) over (partition by {{ key }} order by registered_at, user_id) as previous_user_id
    from registered
),

-- An ownership ends only when another user registers.
owned as (
    select
        *,
        lead(registered_at) over (partition by {{ key }} order by registered_at, user_id) as valid_to
    from sequenced
    where previous_user_id is null or previous_user_id != user_id
),

-- The first ownership begins in 1900, because facts may be older than the first registration.
spans as (
    select
        {{ key }},
        if(previous_user_id is null, timestamp '1900-01-01', registered_at) as valid_from,
        valid_to,
        user_id,
        {{ companion }},
        registered_at
    from owned
),

assignments as (
    select * from spans
    where valid_to is null or valid_from < valid_to
)
{%- endmacro %}


{#
  To be added to the rows that arrive in an event table: rows of the table that may have another owner than when they
  were written, because the assignments of their device or mac address have changed. Nothing if none have.

    assignments  who owned what is in `key`, and when
    key, time    the columns of the table that say what was used, and when
    columns      the columns to select
#}
{% macro rows_with_another_owner(assignments, key, time, columns) -%}
    {%- set spans, date = reassigned_spans(assignments, key), (config.meta_get('prune_by') or {}) | first -%}
    {%- if spans -%}
    union all
    select own.{{ columns | join(', own.') }}
    from {{ own_table() }} as own
    inner join {{ spans.view }} as span
        on own.{{ key }} = span.{{ key }} and own.{{ time }} >= span.from_time and own.{{ time }} < span.to_time
    {%- if date %}
    where own.{{ date }} between date'{{ spans.from_date }}' and date'{{ spans.to_date }}'
    {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{#
  The spans of time in which the owner of a device or mac address may have changed: a view with `key`, from_time and
  to_time, and the dates that all spans cover; none if there are no spans. A key that is new in the assignments has no
  span, as no event table has rows of it.
#}
{% macro reassigned_spans(assignments, key) %}
    {% if not has_changes(assignments) %}{% do return(none) %}{% endif %}
    {% set query %}
        with changed as (
            select
                {{ key }}, valid_from, valid_to, user_id, _change_type,
                bool_or(_change_type in ('delete', 'update_preimage')) over (partition by {{ key }}) as was_known
            from {{ changes(assignments) }}
        )
        select
            {{ key }},
            -- If only the end of an ownership has changed, the owner differs only between the old and the new end.
            case
                when min(user_id) = max(user_id) and bool_and(_change_type like 'update%')
                    then min(coalesce(valid_to, timestamp'9999-12-31'))
                else min(valid_from)
            end as from_time,
            max(coalesce(valid_to, timestamp'9999-12-31')) as to_time
        from changed
        where was_known
        group by {{ key }}, valid_from
    {% endset %}
    {% set view = view_of_run(this.identifier ~ '__reassigned', query) %}
    {% set span = run_query('select min(cast(from_time as date)), max(cast(to_time as date)) from ' ~ view).rows[0] %}
    {% do return({'view': view, 'from_date': span[0], 'to_date': span[1]} if span[0] else none) %}
{% endmacro %}


{# Condition: the row `event`, with the columns `key` and `time`, falls into a span of `assignments`. #}
{% macro is_owned(event, key, time) -%}
    {{ event }}.{{ key }} = assignments.{{ key }}
    and {{ event }}.{{ time }} >= assignments.valid_from
    and (assignments.valid_to is null or {{ event }}.{{ time }} < assignments.valid_to)
{%- endmacro %}
