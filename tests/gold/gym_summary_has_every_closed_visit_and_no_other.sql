-- A closed visit has a row, also one without a workout; an open visit has none.
{%- set key = 'mac_address, gym, login' %}
{%- set touched = touched_slices(key.split(', '), [
    (ref('gym_logs'), 'select ' ~ key ~ ' from ' ~ changes(ref('gym_logs'))),
    (ref('gym_summary'), 'select ' ~ key ~ ' from ' ~ changes(ref('gym_summary'))),
]) %}
with

visits as (
    select {{ key }} from {{ ref('gym_logs') }}
    where logout is not null and {{ in_slices(touched) }}
),

summarised as (
    select distinct {{ key }} from {{ ref('gym_summary') }}
    where {{ in_slices(touched) }}
)

{{ differing_rows('visits', 'summarised', key) }}
