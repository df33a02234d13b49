{#
  Why a bronze row cannot be used, whatever the dimensions hold: the first reason that applies, NULL
  if none. Columns are those of the feed's bronze table. Reasons that depend on the dimensions
  (unknown_device, unknown_user, unknown_mac) are the model quarantine's.
#}
{% macro refusal(feed) -%}
    {%- set rules = {
        'registered_users_bz': {
            'missing_key': [is_blank('user_id', 'device_id', 'registration_timestamp'), is_empty('mac_address')],
            'bad_value': ['user_id < 0', 'device_id < 0', 'not ' ~ is_instant('registration_timestamp')],
        },
        'gym_logins_bz': {
            'missing_key': [is_empty('mac_address'), is_blank('gym', 'login')],
            'bad_value': [
                'gym < 0',
                'not ' ~ is_instant('login'),
                "(logout is null and trim(get_json_object(_fields, '$.logout')) != '')",
                'not ' ~ is_instant('logout'),
                'logout < login',
            ],
        },
        'user_info_bz': {
            'missing_key': [is_blank('user_id', 'event_timestamp')],
            'bad_value': [
                'user_id < 0',
                'not ' ~ is_instant('event_timestamp'),
                "coalesce(update_type not in ('new', 'update', 'delete'), true)",
            ],
        },
        'workouts_bz': {
            'missing_key': [is_blank('user_id', 'workout_id', 'session_id', 'event_timestamp'), is_empty('action')],
            'bad_value': [
                'user_id < 0', 'workout_id < 0', 'session_id < 0',
                'not ' ~ is_instant('event_timestamp'),
                "action not in ('start', 'stop')",
            ],
        },
        'heart_rate_bz': {
            'missing_key': [is_blank('device_id', 'time')],
            'bad_value': ['device_id < 0', 'not ' ~ is_instant('time'), 'heartrate is null'],
        },
    }[feed] -%}
    case
        when _is_malformed then 'malformed'
        {%- for reason in ['missing_key', 'bad_value'] %}
        when {{ rules[reason] | join(' or ') }} then '{{ reason }}'
        {%- endfor %}
    end
{%- endmacro %}


{% macro is_blank() -%}
    {%- for column in varargs %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor -%}
{%- endmacro %}

{% macro is_empty(column) -%}
    coalesce(trim({{ column }}) = '', true)
{%- endmacro %}


{# The key of a refused line in quarantine, from expressions of its feed, its fields by name and the line. #}
{% macro row_id(feed, fields, raw) -%}
    md5(concat_ws('\n', {{ feed }}, {{ fields }}, {{ raw }}))
{%- endmacro %}


{# The columns of a feed that its silver tables are made of, with their types: what quarantine keeps. #}
{% macro feed_columns(feed) %}
    {% do return({
        'gym_logins_bz': 'mac_address string, gym bigint, login double, logout double',
        'workouts_bz': 'user_id bigint, workout_id bigint, session_id bigint, event_timestamp double, action string',
        'heart_rate_bz': 'device_id bigint, time double, heartrate double, timestamp double, offset bigint',
    }[feed]) %}
{% endmacro %}


{% macro column_names(columns) %}
    {% set names = [] %}
    {% for column in columns.split(', ') %}{% do names.append(column.split(' ')[0]) %}{% endfor %}
    {% do return(names | join(', ')) %}
{% endmacro %}


{#
  The feed's rows that a silver event table takes in this run, as a subquery: the usable ones that
  have arrived in bronze, and those that quarantine has let go since their dimension row is there.
#}
{% macro arrivals(feed) -%}
    {%- set columns = feed_columns(feed) -%}
    {%- set released = changes(ref('quarantine')) -%}
    (
        select {{ column_names(columns) }}
        from {{ changes(source('bronze', feed)) }}
        where ({{ refusal(feed) }}) is null
        {%- if has_deletes(ref('quarantine')) %}
        union all
        select row.*
        from (
            select from_json(_record, '{{ columns }}') as row
            from {{ released }}
            where feed = '{{ feed }}' and _change_type = 'delete'
        )
        {%- endif %}
    )
{%- endmacro %}


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
