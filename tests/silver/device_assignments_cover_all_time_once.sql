-- Every device has exactly one owner at every instant: each ownership begins when the one before
-- ends, the first at the beginning of time, and the last has no end.
{%- set touched = touched_slices(['device_id'], [
    (ref('device_assignments'), 'select device_id from ' ~ changes(ref('device_assignments'))),
]) %}
with

sequenced as (
    select
        *,
        lag(valid_to) over (partition by device_id order by valid_from) as previous_valid_to,
        lead(valid_from) over (partition by device_id order by valid_from) as next_valid_from
    from {{ ref('device_assignments') }}
    where {{ in_slices(touched) }}
)

select * from sequenced
where not valid_to <=> next_valid_from
    or valid_from != coalesce(previous_valid_to, timestamp '1900-01-01')
