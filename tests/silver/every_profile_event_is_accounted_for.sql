-- Each line of user_info_bz is in a version of user_profile_history, superseded by a delete, or in quarantine.
{{ unaccounted_lines(
    'user_info_bz',
    'user_profile_history',
    {'user_id': 'user_id', 'event_time': instant('event_timestamp'), 'update_type': 'update_type'},
    is_same='line.user_id = kept.user_id and kept.valid_from <= line.event_time '
        ~ 'and (kept.valid_to is null or line.event_time < kept.valid_to)',
    superseded="line.update_type = 'delete' or (line.user_id, line.event_time) in "
        ~ "(select user_id, event_time from " ~ ref('profile_events') ~ " where update_type = 'delete')",
) }}
