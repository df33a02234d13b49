{#
  The owned rows of `this` whose owner may have changed, because their device or mac address was
  passed on at another time than known before: a query of {key, from_time, to_time (NULL: for ever)}
  with the dates that it spans, or none if there are none. A key seen for the first time has no rows.
#}
{% macro reassigned(assignments, key) %}
    {% if not has_changes(assignments) %}
        {% do return(none) %}
    {% endif %}
    {% set view = keep_for_run(this.identifier ~ '__reassigned', "
        with changed as (
            select " ~ key ~ ", valid_from, valid_to, user_id, _change_type,
                bool_or(_change_type in ('delete', 'update_preimage')) over (partition by " ~ key ~ ") as was_known
            from " ~ changes(assignments) ~ "
        ),
        -- An ownership that only ends at another time differs between the two ends.
        spans as (
            select " ~ key ~ ",
                case
                    when min(user_id) = max(user_id) and bool_and(_change_type like 'update%')
                        then min(coalesce(valid_to, timestamp'9999-12-31'))
                    else min(valid_from)
                end as from_time,
                max(coalesce(valid_to, timestamp'9999-12-31')) as to_time
            from changed where was_known group by " ~ key ~ ", valid_from
        )
        select * from spans
    ") %}
    {% set span = run_query('select min(cast(from_time as date)), max(cast(to_time as date)) from ' ~ view).rows[0] %}
    {% do return({'view': view, 'from_date': span[0], 'to_date': span[1]} if span[0] else none) %}
{% endmacro %}
