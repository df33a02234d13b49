-- Each line of unrouted_bz is in quarantine.
{{ unaccounted_lines('unrouted_bz') }}
