-- A pending line moves on in the build in which its device, user or mac address is registered.
{%- set registered = {
    'unknown_device': (ref('device_assignments'), 'device_id'),
    'unknown_user': (ref('users'), 'user_id'),
    'unknown_mac': (ref('mac_assignments'), 'mac_address'),
} %}
{%- set news = [(ref('quarantine'), 'select row_id from ' ~ changes(ref('quarantine')))] %}
{%- for reason, (dimension, key) in registered.items() %}
    {%- do news.append((dimension,
        'select row_id from ' ~ ref('quarantine') ~ " where reason = '" ~ reason ~ "' and _waits_for in ("
        ~ 'select cast(' ~ key ~ ' as string) from ' ~ changes(dimension) ~ ')')) %}
{%- endfor %}
{%- set touched = touched_slices(['row_id'], news) %}
{%- set is_registered = [] %}
{%- for reason, (dimension, key) in registered.items() %}
    {%- do is_registered.append(
        "(reason = '" ~ reason ~ "' and _waits_for in (select cast(" ~ key ~ ' as string) from ' ~ dimension ~ '))'
    ) %}
{%- endfor %}
select * from {{ ref('quarantine') }}
where {{ in_slices(touched) }} and ({{ is_registered | join(' or ') }})
