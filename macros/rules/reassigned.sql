{#
  The spans of time in which rows of `this` may have another owner than when they were written, because the assignments
  of their device or mac address have changed: a view with key, from_time and to_time, and the dates that all spans
  cover; none if there are no spans. A key that is new in the assignments has no span, as `this` has no rows of it.
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
        -- If only the end of an ownership has changed, the owner differs only between the old and the new end.
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
