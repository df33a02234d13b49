-- Gym visits, with the user who owned the mac address at login. Grain: one row per mac_address, gym and login.
{{ config(
    unique_key=['mac_address', 'gym', 'login'],
    meta={
        'gate': 'quarantine',
        'newest_by': ['logout'],
        'dimensions': {'mac_assignments': 'mac_address'},
    },
) }}

{%- set reassigned = reassigned(ref('mac_assignments'), 'mac_address') %}

with

assignments as (
    select * from {{ ref('mac_assignments') }}
),

arrived as (
    select
        mac_address,
        gym,
        {{ instant('login') }} as login,
        {{ instant('logout') }} as logout
    from {{ arrivals('gym_logins_bz') }}
    {%- if reassigned %}
    union all
    -- Visits in this table that may now belong to another user.
    select
        visit.mac_address,
        visit.gym,
        visit.login,
        visit.logout
    from {{ at_run_start(this) }} as visit
    inner join {{ reassigned.view }} as span
        on visit.mac_address = span.mac_address
        and visit.login >= span.from_time
        and visit.login < span.to_time
    {%- endif %}
),

-- A visit has the largest logout that is known; NULL while it is open.
visits as (
    select
        mac_address,
        gym,
        login,
        max(logout) as logout
    from arrived
    group by mac_address, gym, login
)

select
    visits.mac_address,
    visits.gym,
    visits.login,
    visits.logout,
    assignments.user_id
from visits
inner join assignments
    on
        visits.mac_address = assignments.mac_address
        and visits.login >= assignments.valid_from
        and (assignments.valid_to is null or visits.login < assignments.valid_to)
