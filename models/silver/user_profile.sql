-- The current profile of each user who was not deleted. Grain: one row per user_id.
{{ config(unique_key=['user_id']) }}

{%- set touched = touched_slices(['user_id'], [ref('user_profile_history')]) %}

select
    user_id,
    dob,
    sex,
    gender,
    first_name,
    last_name,
    street_address,
    city,
    state,
    zip,
    updated_at
from {{ ref('user_profile_history') }}
where is_current and {{ in_slices(touched) }}
