-- Every mac address has exactly one owner at every instant: each assignment begins when the one before
-- ends, the first at the beginning of time, and the last has no end.
{%- set touched = touched_slices(['mac_address'], [
    (ref('mac_assignments'), 'select mac_address from ' ~ changes(ref('mac_assignments'))),
]) %}
with

sequenced as (
    select
        *,
        lag(valid_to) over (partition by mac_address order by valid_from) as previous_valid_to,
        lead(valid_from) over (partition by mac_address order by valid_from) as next_valid_from
    from {{ ref('mac_assignments') }}
    where {{ in_slices(touched) }}
)

select * from sequenced
where not valid_to <=> next_valid_from
    or valid_from != coalesce(previous_valid_to, timestamp '1900-01-01')
