-- A pending line moves on in the build in which its device, user or mac address is registered.
select * from {{ ref('quarantine') }}
where (
    reason = 'unknown_device'
    and _waits_for in (select cast(device_id as string) from {{ ref('device_assignments') }})
)
or (
    reason = 'unknown_user'
    and _waits_for in (select cast(user_id as string) from {{ ref('users') }})
)
or (
    reason = 'unknown_mac'
    and _waits_for in (select mac_address from {{ ref('mac_assignments') }})
)
