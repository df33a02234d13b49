-- Each line of registered_users_bz is in users, superseded there, or in quarantine.
{{ unaccounted_lines('registered_users_bz', 'users', {'user_id': 'user_id', 'device_id': 'device_id'}) }}
