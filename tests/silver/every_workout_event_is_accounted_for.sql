-- Each line of workouts_bz is in workouts, superseded there, or in quarantine.
{{ unaccounted_lines('workouts_bz', 'workouts', {
    'user_id': 'user_id',
    'workout_id': 'workout_id',
    'session_id': 'session_id',
    'action': 'action',
    'event_time': instant('event_timestamp'),
}) }}
