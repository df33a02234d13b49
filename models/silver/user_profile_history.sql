-- All versions of each user's profile, in event time. Grain: one row per user_id and valid_from.
{{ config(unique_key=['user_id', 'valid_from']) }}

{%- set touched = touched_slices(['user_id'], [source('bronze', 'user_info_bz')]) %}

with

events as (
    select
        user_id,
        event_time,
        update_type = 'delete' as is_delete,
        -- Of events at one instant, delete wins over update, update over new; then the larger raw text wins.
        struct(array_position(array('new', 'update', 'delete'), update_type), _raw) as precedence,
        struct(dob, sex, gender, first_name, last_name, street_address, city, state, zip) as profile
    from {{ ref('profile_events') }}
    where {{ in_slices(touched) }}
),

winners as (
    select
        user_id,
        event_time,
        max_by(struct(is_delete, if(is_delete, null, profile) as profile), precedence) as state
    from events
    group by user_id, event_time
),

sequenced as (
    select
        *,
        lag(state) over (partition by user_id order by event_time) as previous_state
    from winners
),

-- An event that changes nothing does not begin a version.
versions as (
    select
        user_id,
        event_time as valid_from,
        lead(event_time) over (partition by user_id order by event_time) as valid_to,
        state
    from sequenced
    where not state <=> previous_state
)

select
    user_id,
    valid_from,
    valid_to,
    valid_to is null as is_current,
    state.profile.dob,
    state.profile.sex,
    state.profile.gender,
    state.profile.first_name,
    state.profile.last_name,
    state.profile.street_address,
    state.profile.city,
    state.profile.state,
    state.profile.zip,
    valid_from as updated_at
from versions
where not state.is_delete
