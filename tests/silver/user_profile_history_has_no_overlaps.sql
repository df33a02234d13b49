-- A user has at most one profile at every instant: a version ends before the next begins, or then.
{%- set touched = touched_slices(['user_id'], [
    (ref('user_profile_history'), 'select user_id from ' ~ changes(ref('user_profile_history'))),
]) %}
with

sequenced as (
    select
        *,
        lead(valid_from) over (partition by user_id order by valid_from) as next_valid_from
    from {{ ref('user_profile_history') }}
    where {{ in_slices(touched) }}
)

select * from sequenced
where next_valid_from is not null and (valid_to is null or valid_to > next_valid_from)
