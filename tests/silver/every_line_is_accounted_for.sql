-- Each line of bronze is in its feed's silver table, superseded there, or in quarantine, where none waits for what is
-- registered. One test of all feeds, which reads quarantine once, and for which no model has to wait.
{{ unaccounted_lines(feeds={
    'registered_users_bz': {
        'silver': 'users',
        'key': {'user_id': 'user_id', 'device_id': 'device_id'},
    },
    'user_info_bz': {
        'silver': 'user_profile_history',
        'key': {'user_id': 'user_id', 'event_time': instant('event_timestamp'), 'update_type': 'update_type'},
        'is_same': 'line.user_id = kept.user_id and kept.valid_from <= line.event_time '
            ~ 'and (kept.valid_to is null or line.event_time < kept.valid_to)',
        'superseded': "line.update_type = 'delete' or exists (select 1 from " ~ ref('profile_events') ~ " as deleted "
            ~ "where deleted.update_type = 'delete' and deleted.user_id = line.user_id "
            ~ "and deleted.event_time = line.event_time)",
    },
    'workouts_bz': {
        'silver': 'workouts',
        'key': {
            'user_id': 'user_id',
            'workout_id': 'workout_id',
            'session_id': 'session_id',
            'action': 'action',
            'event_time': instant('event_timestamp'),
        },
    },
    'heart_rate_bz': {
        'silver': 'heart_rate',
        'key': {'device_id': 'device_id', 'event_time': instant('time')},
        'prune_by': 'event_date',
    },
    'gym_logins_bz': {
        'silver': 'gym_logs',
        'key': {'mac_address': 'mac_address', 'gym': 'gym', 'login': instant('login')},
    },
    'unrouted_bz': {},
}, waits={
    'unknown_device': (ref('device_assignments'), 'device_id'),
    'unknown_user': (ref('users'), 'user_id'),
    'unknown_mac': (ref('mac_assignments'), 'mac_address'),
}) }}
