-- Each line of heart_rate_bz is in heart_rate, superseded there, or in quarantine.
{{ unaccounted_lines(
    'heart_rate_bz',
    'heart_rate',
    {'device_id': 'device_id', 'event_time': instant('time')},
    prune_by='event_date',
) }}
