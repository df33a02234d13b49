-- The tables of the lakehouse out of its landing files, all at once and by DuckDB: what Spark costs
-- beyond it is the price of Spark. The rules are those of the models of the same names,
-- their limits the defaults of the vars in dbt_project.yml.
--
-- Variables: `landing`, the landing folder, and `gyms` and `heart_rate_maxima`, the CSV files of
-- these seeds.

set timezone = 'UTC';
-- No table promises an order of rows, and without one all threads write.
set preserve_insertion_order = false;

create schema bronze;
create schema silver;
create schema gold;


-- Values ------------------------------------------------------------------------------------------

-- Epoch seconds as TIMESTAMP in UTC. The cast rounds half to even.
create temp macro instant(seconds) as make_timestamp(cast(seconds * 1000000 as bigint));

create temp macro is_instant(seconds) as seconds >= 0 and seconds < 253402300800;

create temp macro is_empty(text) as coalesce(trim(text) = '', true);

create temp macro micros_between(begun, ended) as epoch_us(ended) - epoch_us(begun);

-- Half a hundredth of a minute rounds up: by whole numbers, for 0.005 is no double.
create temp macro minutes_between(begun, ended) as
    (micros_between(begun, ended) + 300000) // 600000 / 100;

-- From UTC to a local clock.
create temp macro local_time(instant, time_zone) as
    instant at time zone 'UTC' at time zone time_zone;

-- A birthday counts on its day, 29 February on 1 March.
create temp macro whole_years(born, day) as
    year(day) - year(born)
    - if(month(day) * 100 + day(day) < month(born) * 100 + day(born), 1, 0);

-- JSON's "1" and 1.0 are no integers and "1" is no number, though a cast would take them.
create temp macro json_integer(token) as
    if(json_type(token) in ('BIGINT', 'UBIGINT'), try_cast(token as bigint), null);

create temp macro json_number(token) as try_cast(cast(token as varchar) as double);

-- Whether a text is an object if it is JSON at all.
create temp macro is_object(text) as regexp_matches(text, '^\s*\{');

create temp macro csv_integer(text) as
    if(regexp_full_match(text, '\s*[+-]?[0-9]+\s*'), try_cast(trim(text) as bigint), null);

create temp macro csv_number(text) as if(
    regexp_full_match(text, '\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*'),
    try_cast(trim(text) as double),
    null
);


-- Bronze ------------------------------------------------------------------------------------------

-- The values of a line of CSV, NULL if its quotes do not match.
create temp macro csv_values(line) as if(
    regexp_full_match(',' || line, '(,("([^"]|"")*"|[^,"]*))+'),
    [
        if(starts_with(value, '"'), replace(value[2:-2], '""', '"'), value)
        for value in regexp_extract_all(',' || line, ',("(?:[^"]|"")*"|[^,"]*)', 1)
    ],
    null
);

-- Read as text, since quarantine keeps the lines; there are few. `fields` are by header name, NULL
-- if they cannot be named: a file without any of the feed's names in its first line has no header.
create temp macro csv_records(folder, feed_fields) as table (
    with

    files as (
        select
            filename,
            [
                line
                for line in string_split_regex(ltrim(content, chr(65279)), '\r?\n')
                if regexp_matches(line, '\S')
            ] as lines
        from read_text(getvariable('landing') || '/' || folder || '/[!._]*')
    ),

    headers as (
        select
            filename,
            lines,
            [lower(trim(name)) for name in csv_values(lines[1])] as header,
            list_has_any(header, feed_fields) and list_unique(header) = len(header) as has_header
        from files
    ),

    lines as (
        select
            filename,
            if(has_header, header, null) as header,
            unnest(if(has_header, lines[2:], lines)) as line
        from headers
    )

    select
        if(len(header) = len(csv_values(line)), map(header, csv_values(line)), null) as fields,
        cast(to_json(map_from_entries(list_sort(map_entries(fields)))) as varchar) as _fields,
        line as _raw,
        filename as _source_file,
        now() at time zone 'UTC' as _ingested_at
    from lines
);

create table bronze.registered_users_bz as
select
    csv_integer(fields['user_id']) as user_id,
    csv_integer(fields['device_id']) as device_id,
    fields['mac_address'] as mac_address,
    csv_number(fields['registration_timestamp']) as registration_timestamp,
    case
        when fields is null then 'malformed'
        when
            user_id is null or device_id is null
            or is_empty(mac_address) or registration_timestamp is null
            then 'missing_key'
        when user_id < 0 or device_id < 0 or not is_instant(registration_timestamp) then 'bad_value'
    end as _refusal,
    * exclude (fields)
from csv_records(
    'registered_users_bz', ['user_id', 'device_id', 'mac_address', 'registration_timestamp']
);

create table bronze.gym_logins_bz as
select
    fields['mac_address'] as mac_address,
    csv_integer(fields['gym']) as gym,
    csv_number(fields['login']) as login,
    csv_number(fields['logout']) as logout,
    case
        when fields is null then 'malformed'
        when is_empty(mac_address) or gym is null or login is null then 'missing_key'
        when
            gym < 0
            or not is_instant(login)
            or (logout is null and not is_empty(fields['logout']))
            or not is_instant(logout)
            or logout < login
            then 'bad_value'
    end as _refusal,
    * exclude (fields)
from csv_records('gym_logins_bz', ['mac_address', 'gym', 'login', 'logout']);

-- One table for all topics: it takes one query, and a column without values takes no room.
create table bronze.kafka_multiplex_bz as
with

-- Read as lines and not as JSON, since the line itself is kept, also if it is malformed.
lines as (
    select
        _raw,
        filename as _source_file
    from read_csv(
        getvariable('landing') || '/kafka_multiplex_bz/[!._]*',
        columns = {'_raw': 'varchar'},
        auto_detect = false,
        header = false,
        delim = '',
        quote = '',
        escape = '',
        strict_mode = false,  -- line ends may be mixed
        filename = true
    )
    where regexp_matches(_raw, '\S')
),

-- `value` as text is the payload's JSON, whether it is an object or its text.
envelopes as (
    select
        *,
        try(from_json(_raw, '{
            "key": "varchar", "value": "varchar", "topic": "varchar",
            "partition": "bigint", "offset": "bigint", "timestamp": "double"
        }')) as envelope
    from lines
),

payloads as (
    select
        _raw,
        _source_file,
        envelope,
        case envelope.topic
            when 'bpm' then 'heart_rate_bz'
            when 'workout' then 'workouts_bz'
            when 'user_info' then 'user_info_bz'
            else 'unrouted_bz'
        end as feed,
        if(feed != 'unrouted_bz' and is_object(envelope.value), try(from_json(envelope.value, '{
            "device_id": "json", "time": "json", "heartrate": "json",
            "user_id": "json", "workout_id": "json", "session_id": "json",
            "timestamp": "json", "action": "json", "update_type": "varchar",
            "dob": "varchar", "sex": "varchar", "gender": "varchar",
            "first_name": "varchar", "last_name": "varchar",
            "address": {
                "street_address": "varchar", "city": "varchar", "state": "varchar", "zip": "varchar"
            }
        }')), null) as payload
    from envelopes
)

select
    feed,
    envelope.key,
    envelope.topic,
    envelope.partition,
    envelope.offset,
    envelope.timestamp,
    json_integer(payload.device_id) as device_id,
    json_number(payload.time) as time,
    json_number(payload.heartrate) as heartrate,
    json_integer(payload.user_id) as user_id,
    json_integer(payload.workout_id) as workout_id,
    json_integer(payload.session_id) as session_id,
    json_number(payload.timestamp) as event_timestamp,
    if(starts_with(payload.action, '"'), payload.action ->> '$', null) as action,
    payload.update_type,
    payload.dob,
    payload.sex,
    payload.gender,
    payload.first_name,
    payload.last_name,
    payload.address,
    case
        when payload is null then 'malformed'
        when feed = 'heart_rate_bz' then
            case
                when device_id is null or time is null then 'missing_key'
                when device_id < 0 or not is_instant(time) or heartrate is null then 'bad_value'
            end
        when feed = 'workouts_bz' then
            case
                when
                    user_id is null or workout_id is null or session_id is null
                    or event_timestamp is null or is_empty(action)
                    then 'missing_key'
                when
                    user_id < 0 or workout_id < 0 or session_id < 0
                    or not is_instant(event_timestamp) or action not in ('start', 'stop')
                    then 'bad_value'
            end
        when user_id is null or event_timestamp is null then 'missing_key'
        when
            user_id < 0 or not is_instant(event_timestamp)
            or coalesce(payload.update_type not in ('new', 'update', 'delete'), true)
            then 'bad_value'
    end as _refusal,
    _raw,
    _source_file,
    now() at time zone 'UTC' as _ingested_at
from payloads;


-- Silver ------------------------------------------------------------------------------------------

create temp view registrations as
select
    user_id,
    device_id,
    mac_address,
    instant(registration_timestamp) as registered_at
from bronze.registered_users_bz
where _refusal is null;

create table silver.users as
select
    user_id,
    device_id,
    min(registered_at) as registered_at,
    arg_min(mac_address, (registered_at, mac_address)) as mac_address
from registrations
group by user_id, device_id;

-- Who owned a thing when, from a view of registrations that names it `thing`, and the other thing
-- that a registration names `companion`: the least of the one that began the ownership is kept.
create temp macro ownerships(registrations_of_things) as table (
    with

    registered as (
        select
            thing,
            registered_at,
            user_id,
            min(companion) as companion
        from query_table(registrations_of_things)
        group by all
    ),

    -- Only another user ends an ownership.
    owned as (
        select
            *,
            lag(user_id) over (
                partition by thing order by registered_at, user_id
            ) as previous_user_id
        from registered
        qualify previous_user_id is distinct from user_id
    ),

    -- The first owner has it from the beginning of time: facts may be older than registrations.
    spans as (
        select
            thing,
            if(previous_user_id is null, timestamp '1900-01-01', registered_at) as valid_from,
            lead(registered_at) over (
                partition by thing order by registered_at, user_id
            ) as valid_to,
            user_id,
            companion,
            registered_at
        from owned
    )

    select * from spans
    where valid_to is null or valid_from < valid_to
);

create temp view registrations_of_devices as
select * rename (device_id as thing, mac_address as companion) from registrations;

create temp view registrations_of_macs as
select * rename (mac_address as thing, device_id as companion) from registrations;

create table silver.device_assignments as
select * rename (thing as device_id, companion as mac_address)
from ownerships('registrations_of_devices');

create table silver.mac_assignments as
select * rename (thing as mac_address, companion as device_id)
from ownerships('registrations_of_macs');

create table silver.user_profile_history as
with

events as (
    select
        user_id,
        instant(event_timestamp) as event_time,
        -- Of events at one instant: delete before update before new, then the larger raw text.
        (list_position(['new', 'update', 'delete'], update_type), _raw) as precedence,
        if(update_type = 'delete', null, {
            'dob': if(
                regexp_full_match(dob, '\d\d/\d\d/\d{4}'),
                cast(try_strptime(dob, '%m/%d/%Y') as date),
                null
            ),
            'sex': sex,
            'gender': gender,
            'first_name': first_name,
            'last_name': last_name,
            'street_address': address.street_address,
            'city': address.city,
            'state': address.state,
            'zip': address.zip
        }) as profile
    from bronze.kafka_multiplex_bz
    where feed = 'user_info_bz' and _refusal is null
),

-- In a struct, since arg_max passes over NULL.
winners as (
    select
        user_id,
        event_time,
        arg_max({'profile': profile}, precedence).profile as profile
    from events
    group by user_id, event_time
),

-- An event that changes nothing begins no version, and neither does a delete that comes first.
changes as (
    select
        *,
        lag(profile) over (partition by user_id order by event_time) as previous_profile
    from winners
    qualify profile is distinct from previous_profile
),

versions as (
    select
        user_id,
        event_time as valid_from,
        lead(event_time) over (partition by user_id order by event_time) as valid_to,
        profile
    from changes
)

select
    user_id,
    valid_from,
    valid_to,
    valid_to is null as is_current,
    unnest(profile),
    valid_from as updated_at
from versions
where profile is not null;

create table silver.user_profile as
select * exclude (valid_from, valid_to, is_current)
from silver.user_profile_history
where is_current;

create table silver.workouts as
select distinct
    user_id,
    workout_id,
    session_id,
    action,
    instant(event_timestamp) as event_time
from bronze.kafka_multiplex_bz
semi join silver.users using (user_id)
where feed = 'workouts_bz' and _refusal is null;

create table silver.workout_sessions as
with

events as (
    select
        *,
        min(event_time) filter (action = 'start') over (
            partition by user_id, workout_id, session_id
        ) as start_time
    from silver.workouts
)

select
    user_id,
    workout_id,
    session_id,
    start_time,
    min(event_time) filter (
        action = 'stop' and (start_time is null or event_time >= start_time)
    ) as end_time,
    case
        when start_time is null then 'orphan_stop'
        when end_time is null then 'open'
        when end_time > start_time + interval 3 hours then 'overlong'
        else 'completed'
    end as state
from events
group by user_id, workout_id, session_id, start_time;

create table silver.completed_workouts as
select * exclude (state)
from silver.workout_sessions
where state = 'completed';

create table silver.heart_rate as
with

arrived as (
    select
        device_id,
        instant(time) as event_time,
        heartrate,
        timestamp as _broker_timestamp,
        "offset" as _offset
    from bronze.kafka_multiplex_bz
    where feed = 'heart_rate_bz' and _refusal is null
),

newest as (
    select *
    from arrived
    qualify row_number() over (
        partition by device_id, event_time
        order by _broker_timestamp desc nulls last, _offset desc nulls last, heartrate desc
    ) = 1
)

select
    newest.device_id,
    newest.event_time,
    cast(newest.event_time as date) as event_date,
    assignments.user_id,
    newest.heartrate,
    newest.heartrate between 30 and 230 as is_valid,
    newest._broker_timestamp,
    newest._offset
from newest
inner join silver.device_assignments as assignments
    on
        newest.device_id = assignments.device_id
        and newest.event_time >= assignments.valid_from
        and newest.event_time < coalesce(assignments.valid_to, 'infinity');

create table silver.gym_logs as
with

-- The largest logout known; an open visit has none.
visits as (
    select
        mac_address,
        gym,
        instant(login) as login,
        max(instant(logout)) as logout
    from bronze.gym_logins_bz
    where _refusal is null
    group by all
)

select
    visits.*,
    assignments.user_id
from visits
inner join silver.mac_assignments as assignments
    on
        visits.mac_address = assignments.mac_address
        and visits.login >= assignments.valid_from
        and visits.login < coalesce(assignments.valid_to, 'infinity');

create table silver.quarantine as
with

lines as (
    select 'registered_users_bz' as feed, * from bronze.registered_users_bz
    union all by name
    select 'gym_logins_bz' as feed, * from bronze.gym_logins_bz
    union all by name
    select * from bronze.kafka_multiplex_bz
),

refused as (
    select feed, _refusal as reason, _fields, _raw, _source_file, _ingested_at
    from lines
    where _refusal is not null
    union all
    select feed, 'unknown_mac', _fields, _raw, _source_file, _ingested_at
    from lines
    anti join silver.mac_assignments using (mac_address)
    where feed = 'gym_logins_bz' and _refusal is null
    union all
    select feed, 'unknown_user', _fields, _raw, _source_file, _ingested_at
    from lines
    anti join silver.users using (user_id)
    where feed = 'workouts_bz' and _refusal is null
    union all
    select feed, 'unknown_device', _fields, _raw, _source_file, _ingested_at
    from lines
    anti join silver.device_assignments using (device_id)
    where feed = 'heart_rate_bz' and _refusal is null
)

select
    md5(concat_ws(E'\n', feed, _fields, _raw)) as row_id,
    feed,
    reason,
    _raw as raw,
    min(_source_file) as _source_file,
    min(_ingested_at) as _first_seen_at
from refused
group by all;


-- Gold --------------------------------------------------------------------------------------------

create table gold.gyms as
select * from read_csv(getvariable('gyms'), header = true);

create table gold.heart_rate_maxima as
select * from read_csv(
    getvariable('heart_rate_maxima'),
    columns = {'user_id': 'bigint', 'valid_from': 'date', 'bpm': 'decimal(5, 2)'},
    header = true
);

create table gold.date_lookup as
select
    cast(day as date) as date,
    year(date) as year,
    weekofyear(date) as week,
    month(date) as month,
    dayofweek(date) + 1 as dayofweek,
    dayofmonth(date) as dayofmonth,
    dayofyear(date) as dayofyear,
    year(date) || '-' || weekofyear(date) as week_part
from generate_series(date '2015-01-01', date '2040-12-31', interval 1 day) as days (day);

-- The valid readings of each completed workout, from 10 seconds before its end at the latest to 65
-- seconds after it.
create temp view workout_readings as
with

-- A row a date, so that a reading meets only its day's workouts; none is longer than a day.
workout_dates as (
    select
        *,
        least(start_time, end_time - interval 10 seconds) as first_time,
        end_time + interval 65 seconds as last_time,
        unnest(list_distinct([cast(first_time as date), cast(last_time as date)])) as event_date
    from silver.completed_workouts
)

-- readings.user_id owned the device at that time.
select
    workouts.user_id,
    workouts.workout_id,
    workouts.session_id,
    workouts.start_time,
    workouts.end_time,
    readings.event_time,
    readings.heartrate
from workout_dates as workouts
inner join silver.heart_rate as readings
    on
        workouts.user_id = readings.user_id
        and workouts.event_date = readings.event_date
        and readings.event_time between workouts.first_time and workouts.last_time
where readings.is_valid;

create table gold.workout_bpm_summary as
with

measured as (
    select
        user_id,
        workout_id,
        session_id,
        min(heartrate) as min_bpm,
        avg(heartrate) as avg_bpm,
        max(heartrate) as max_bpm,
        count(*) as num_recordings
    from workout_readings
    where start_time <= event_time and event_time < end_time
    group by all
)

select
    workouts.user_id,
    workouts.workout_id,
    workouts.session_id,
    workouts.start_time,
    whole_years(profiles.dob, cast(workouts.start_time as date)) as age,
    profiles.gender,
    profiles.city,
    profiles.state,
    measured.min_bpm,
    measured.avg_bpm,
    measured.max_bpm,
    coalesce(measured.num_recordings, 0) as num_recordings
from silver.completed_workouts as workouts
left join measured using (user_id, workout_id, session_id)
left join silver.user_profile as profiles using (user_id);

create table gold.gym_summary as
select
    visits.mac_address,
    visits.gym,
    visits.login,
    workouts.workout_id,
    workouts.session_id,
    cast(local_time(visits.login, coalesce(gyms.time_zone, 'UTC')) as date) as date,
    minutes_between(visits.login, visits.logout) as minutes_in_gym,
    -- `greatest` skips NULL.
    if(
        workouts.user_id is null,
        0,
        minutes_between(
            greatest(workouts.start_time, visits.login), least(workouts.end_time, visits.logout)
        )
    ) as minutes_exercising
from silver.gym_logs as visits
left join silver.completed_workouts as workouts
    on
        visits.user_id = workouts.user_id
        and greatest(workouts.start_time, visits.login) < least(workouts.end_time, visits.logout)
left join gold.gyms as gyms on visits.gym = gyms.gym
where visits.logout is not null;

-- For how many seconds a condition is true; NULL if the condition is.
create temp macro seconds_where(condition, micros) as
    sum(micros * cast(condition as integer)) / 1000000;

create table gold.workout_zones as
with

-- Decimals, so that the bounds of the zones are exact.
rated as (
    select
        summaries.user_id,
        summaries.workout_id,
        summaries.session_id,
        cast(
            coalesce(
                maxima.bpm, if(summaries.age between 5 and 100, 208 - 0.7 * summaries.age, null)
            ) as decimal(5, 2)
        ) as hr_max,
        case
            when maxima.bpm is not null then 'set'
            when hr_max is not null then 'age'
        end as hr_max_source
    from gold.workout_bpm_summary as summaries
    asof left join gold.heart_rate_maxima as maxima
        on
            summaries.user_id = maxima.user_id
            and cast(summaries.start_time as date) >= maxima.valid_from
),

-- The start is an instant too, if need be without a heart rate: the first gap begins there.
measured as (
    select *
    from workout_readings
    where start_time <= event_time and event_time < end_time
    union all by name
    select *, start_time as event_time from silver.completed_workouts
),

-- Of several devices the mean.
instants as (
    select
        user_id,
        workout_id,
        session_id,
        start_time,
        end_time,
        event_time,
        avg(heartrate) as bpm
    from measured
    group by all
),

held as (
    select
        *,
        micros_between(event_time, lead(event_time, 1, end_time) over (
            partition by user_id, workout_id, session_id order by event_time
        )) as gap,
        if(bpm is null, 0, least(gap, 10000000)) as micros
    from instants
),

zoned as (
    select
        *,
        case
            when hr_max is null then null
            when bpm >= 0.9 * hr_max then 5
            when bpm >= 0.8 * hr_max then 4
            when bpm >= 0.7 * hr_max then 3
            when bpm >= 0.6 * hr_max then 2
            when bpm >= 0.5 * hr_max then 1
            else 0
        end as zone
    from held
    inner join rated using (user_id, workout_id, session_id)
),

recoveries as (
    select
        user_id,
        workout_id,
        session_id,
        avg(heartrate) filter (event_time < end_time)
        - avg(heartrate) filter (event_time > end_time) as recovery_60
    from workout_readings as workouts
    -- There is no recovery if the user begins another workout meanwhile.
    anti join silver.completed_workouts as later
        on
            workouts.user_id = later.user_id
            and later.start_time between workouts.end_time
                and workouts.end_time + interval 65 seconds
            and (workouts.workout_id, workouts.session_id) != (later.workout_id, later.session_id)
    where
        (event_time >= end_time - interval 10 seconds and event_time < end_time)
        or event_time >= end_time + interval 55 seconds
    group by user_id, workout_id, session_id
    having
        count(*) filter (event_time < end_time) >= 5
        and count(*) filter (event_time > end_time) >= 5
)

select
    user_id,
    workout_id,
    session_id,
    start_time,
    end_time,
    cast(hr_max as double) as hr_max,
    hr_max_source,
    sum(micros) / 1000000 as seconds_measured,
    sum(micros) / nullif(sum(gap), 0) as coverage,
    max(gap) / 1000000 as longest_gap_seconds,
    seconds_where(zone = 0, micros) as seconds_below,
    seconds_where(zone = 1, micros) as seconds_zone_1,
    seconds_where(zone = 2, micros) as seconds_zone_2,
    seconds_where(zone = 3, micros) as seconds_zone_3,
    seconds_where(zone = 4, micros) as seconds_zone_4,
    seconds_where(zone = 5, micros) as seconds_zone_5,
    if(count(bpm) > 0, sum(zone * micros) / 60000000, null) as edwards_load,
    recovery_60
from zoned
left join recoveries using (user_id, workout_id, session_id)
group by all;

-- What a day's load adds to fitness or fatigue some days later.
create temp macro effect(load, days_later, time_constant) as
    load * (1 - exp(-1 / time_constant)) * exp(-days_later / time_constant);

create table gold.training_days as
with

days as (
    select
        user_id,
        cast(start_time as date) as date,
        count(*) as workouts,
        sum(micros_between(start_time, end_time)) / 60000000 as minutes,
        coalesce(sum(edwards_load), 0) as load,
        count(*) filter (edwards_load is null) as unmeasured_workouts
    from gold.workout_zones
    group by all
),

-- Each day with itself and the user's days before it.
effects as (
    select
        days.*,
        past.load as past_load,
        days.date - past.date as days_later
    from days
    inner join days as past on days.user_id = past.user_id and days.date >= past.date
)

-- The recursive formulas as sums over the days.
select
    * exclude (past_load, days_later),
    sum(effect(past_load, days_later, 42)) as fitness,
    sum(effect(past_load, days_later, 7)) as fatigue,
    coalesce(
        sum(effect(past_load, days_later - 1, 42) - effect(past_load, days_later - 1, 7))
            filter (days_later > 0),
        0
    ) as form
from effects
group by all;

create table gold.gym_occupancy as
with

visits as (
    select
        logs.*,
        coalesce(gyms.time_zone, 'UTC') as time_zone
    from silver.gym_logs as logs
    left join gold.gyms as gyms on logs.gym = gyms.gym
    where logs.login < logs.logout and logs.logout <= logs.login + interval 12 hours
),

-- Overlapping visits of one user count as one.
numbered as (
    select
        *,
        max(logout) over (
            partition by gym, user_id
            order by login, logout
            rows between unbounded preceding and 1 preceding
        ) as last_logout
    from visits
),

chained as (
    select
        *,
        count(*) filter (login >= last_logout) over (
            partition by gym, user_id order by login, logout
        ) as number
    from numbered
),

merged as (
    select
        gym,
        user_id,
        min(login) as login,
        max(logout) as logout
    from chained
    group by gym, user_id, number
),

-- From before the first hour of each visit until after its last, by quarters of an hour, since
-- clocks are put forward or back at one and by some.
quarters as (
    select distinct
        gym,
        unnest(generate_series(
            date_trunc('hour', login) - interval 1 hour,
            logout + interval 1 hour,
            interval 15 minutes
        )) as instant,
        local_time(instant, time_zone) as clock
    from visits
),

-- Put forward or back, the clock begins another hour.
hours as (
    select
        gym,
        date_trunc('hour', clock) as local_hour,
        min(instant) as hour_start,
        max(instant) + interval 15 minutes as hour_end
    from quarters
    group by gym, local_hour, clock - instant
),

present as (
    select
        merged.gym,
        merged.user_id,
        hours.local_hour,
        hours.hour_start,
        greatest(merged.login, hours.hour_start) as since,
        least(merged.logout, hours.hour_end) as until,
        merged.login >= hours.hour_start as is_entry
    from merged
    inner join hours
        on
            merged.gym = hours.gym
            and merged.login < hours.hour_end
            and merged.logout > hours.hour_start
),

moves as (
    select *, since as instant, 1 as persons from present
    union all
    select *, until as instant, -1 as persons from present
),

-- Who leaves at an instant goes before who arrives.
counted as (
    select
        *,
        sum(persons) over (partition by gym, hour_start order by instant, persons) as present
    from moves
)

select
    gym,
    hour_start,
    cast(local_hour as date) as local_date,
    hour(local_hour) as local_hour,
    isodow(local_date) as weekday,
    count(distinct user_id) as visitors,
    count(*) filter (persons = 1 and is_entry) as entries,
    sum(micros_between(since, until)) filter (persons = 1) / 60000000 as person_minutes,
    max(present) as peak
from counted
group by all;
