-- A closed visit has a row, also one without a workout; an open visit has none.
with

visits as (
    select
        mac_address,
        gym,
        login
    from {{ ref('gym_logs') }}
    where logout is not null
),

summarised as (
    select distinct
        mac_address,
        gym,
        login
    from {{ ref('gym_summary') }}
)

(
    select * from visits
    except all
    select * from summarised
)
union all
(
    select * from summarised
    except all
    select * from visits
)
