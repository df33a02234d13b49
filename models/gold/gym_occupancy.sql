-- How full each gym was in each hour in which anybody was there. Grain: one row per gym and hour_start.
{{ config(unique_key=['gym', 'hour_start'], meta={'slices': ['gym', 'local_date']}) }}

{#- Visits that count. #}
{%- set counted %}logout > login and {{ minutes_between('login', 'logout') }} <= {{ var('max_visit_hours') }} * 60{% endset %}
{#- A local date differs from the UTC date by one day at most, in the gym's old time zone too. #}
{%- set possible_dates %}explode(sequence(cast(login as date) - interval 1 day, cast(logout as date) + interval 1 day)) as local_date{% endset %}
{%- set dates_of_changed_visits %}
    select distinct gym, {{ possible_dates }}
    from {{ changes(ref('gym_logs')) }}
    where {{ counted }}
{%- endset %}
{%- set dates_of_changed_gyms %}
    select distinct gym, {{ possible_dates }}
    from {{ ref('gym_logs') }}
    where {{ counted }} and gym in (select gym from {{ changes(ref('gym_settings')) }})
{%- endset %}
{%- set touched = touched_slices(['gym', 'local_date'], [
    (ref('gym_logs'), dates_of_changed_visits),
    (ref('gym_settings'), dates_of_changed_gyms),
]) %}

with

gyms as (
    select * from {{ ref('gym_settings') }}
),

logs as (
    select
        gym_logs.*,
        coalesce(gyms.time_zone, '{{ var("default_time_zone") }}') as time_zone
    from {{ ref('gym_logs') }} as gym_logs
    left join gyms on gym_logs.gym = gyms.gym
    where {{ counted }}
),

dated as (
    select
        *,
        explode(sequence(
            cast(from_utc_timestamp(login, time_zone) as date), cast(from_utc_timestamp(logout, time_zone) as date)
        )) as local_date
    from logs
),

-- One row per visit and local date.
visits as (
    select * from dated
    where {{ in_slices(touched) }}
),

-- Overlapping visits of one user count as one.
numbered as (
    select
        *,
        max(logout) over (
            partition by gym, local_date, user_id
            order by login, logout
            rows between unbounded preceding and 1 preceding
        ) as last_logout
    from visits
),

chained as (
    select
        *,
        count_if(last_logout is null or login >= last_logout) over (
            partition by gym, local_date, user_id order by login, logout, last_logout rows unbounded preceding
        ) as number
    from numbered
),

merged as (
    select
        gym,
        time_zone,
        local_date,
        user_id,
        min(login) as login,
        max(logout) as logout
    from chained
    group by gym, time_zone, local_date, user_id, number
),

gym_dates as (
    select distinct
        gym,
        time_zone,
        local_date
    from visits
),

-- From before the date's first hour in any time zone until after its last, by quarters of an hour, since clocks are put
-- forward or back at one and by some.
instants as (
    select
        *,
        explode(sequence(
            cast(local_date as timestamp) - interval 16 hours,
            cast(local_date as timestamp) + interval 40 hours,
            interval 15 minutes
        )) as instant
    from gym_dates
),

quarters as (
    select
        *,
        from_utc_timestamp(instant, time_zone) as clock
    from instants
),

-- An hour begins when the hand passes the full hour, and also when the clock is put forward or back.
ticks as (
    select
        *,
        minute(clock) = 0
        or clock != lag(clock) over (partition by gym, local_date order by instant) + interval 15 minutes as is_start
    from quarters
),

hours as (
    select
        gym,
        local_date,
        instant as hour_start,
        hour(clock) as local_hour,
        lead(instant) over (partition by gym, local_date order by instant) as hour_end,
        cast(clock as date) as clock_date
    from ticks
    where is_start
),

present as (
    select
        merged.*,
        hours.hour_start,
        hours.hour_end,
        hours.local_hour,
        greatest(merged.login, hours.hour_start) as since,
        least(merged.logout, hours.hour_end) as until
    from merged
    inner join hours
        on
            merged.gym = hours.gym
            and merged.local_date = hours.local_date
            and hours.clock_date = hours.local_date
            and merged.login < hours.hour_end
            and merged.logout > hours.hour_start
),

-- Everybody's coming and going within an hour.
moves as (
    select
        *,
        explode(array(struct(since as at, 1 as persons), struct(until as at, -1 as persons))) as move
    from present
),

-- Who leaves at an instant goes before who arrives.
counted as (
    select
        *,
        sum(move.persons) over (
            partition by gym, hour_start order by move.at, move.persons rows unbounded preceding
        ) as persons
    from moves
)

select
    gym,
    hour_start,
    local_date,
    local_hour,
    weekday(local_date) + 1 as weekday,
    size(collect_set(user_id)) as visitors,
    count_if(move.persons = 1 and login >= hour_start) as entries,
    sum(if(move.persons = 1, unix_micros(until) - unix_micros(since), 0)) / 60000000 as person_minutes,
    max(persons) as peak
from counted
group by gym, hour_start, local_date, local_hour
