-- The profiles are the current versions of the history. Returns the rows that only one of the two tables has.
{%- set touched = touched_slices(['user_id'], [ref('user_profile'), ref('user_profile_history')]) %}
{%- set columns %}
    user_id, dob, sex, gender, first_name, last_name, street_address, city, state, zip, updated_at
{%- endset %}
with

profiles as (
    select {{ columns }} from {{ ref('user_profile') }}
    where {{ in_slices(touched) }}
),

current_versions as (
    select {{ columns }} from {{ ref('user_profile_history') }}
    where is_current and {{ in_slices(touched) }}
)

{{ differing_rows('profiles', 'current_versions', columns) }}
