-- Each line of gym_logins_bz is in gym_logs, superseded there, or in quarantine.
{{ unaccounted_lines(
    'gym_logins_bz',
    'gym_logs',
    {'mac_address': 'mac_address', 'gym': 'gym', 'login': instant('login')},
) }}
