-- The profiles are the current versions of the history: what only one of the two has.
{%- set columns %}
    user_id, dob, sex, gender, first_name, last_name, street_address, city, state, zip, updated_at
{%- endset %}
with

profiles as (
    select {{ columns }} from {{ ref('user_profile') }}
),

current_versions as (
    select {{ columns }} from {{ ref('user_profile_history') }}
    where is_current
)

(
    select * from profiles
    except all
    select * from current_versions
)
union all
(
    select * from current_versions
    except all
    select * from profiles
)
