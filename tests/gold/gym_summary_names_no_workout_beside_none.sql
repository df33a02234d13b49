-- The row without a workout stands alone: a visit with a workout has no such row.
{%- set key = 'mac_address, gym, login' %}
{%- set touched = touched_slices(key.split(', '), [
    (ref('gym_summary'), 'select ' ~ key ~ ' from ' ~ changes(ref('gym_summary'))),
]) %}
select {{ key }} from {{ ref('gym_summary') }}
where {{ in_slices(touched) }}
group by {{ key }}
having count(*) > count(workout_id) and count(workout_id) > 0
