-- Gym visits, with the user who owned the mac address at login. Grain: one row per mac_address, gym and login.
{{ config(
    unique_key=['mac_address', 'gym', 'login'],
    meta={
        'gate': 'quarantine',
        'newest_by': ['logout'],
        'dimensions': {'mac_assignments': 'mac_address'},
    },
) }}

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
    {{ rows_with_another_owner(
        ref('mac_assignments'), 'mac_address', 'login', ['mac_address', 'gym', 'login', 'logout']
    ) }}
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
inner join assignments on {{ is_owned('visits', 'mac_address', 'login') }}
