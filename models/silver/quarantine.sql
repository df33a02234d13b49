-- Every refused line, with the reason why it was refused. Grain: one row per row_id.
--
-- The rules are in the contracts, models/bronze/<feed>.yml. Lines with a reason unknown_<...> are pending: when the key
-- of such a line is registered, the line is deleted here, and the event table reads it from this table's change feed.
{{ config(
    unique_key=['row_id'],
    meta={'all_sources_of': 'bronze'},
) }}

{%- do check_contracts() %}
{#- While dbt parses there are no contracts. This lets it know which tables the model depends on. #}
{%- for table, key in dimensions().values() %}{% do has_changes(table) %}{% endfor %}
{%- set pending = waits_by_reason() %}
{%- set released = [] %}
{%- for reason, wait in pending.items() %}
    {%- set rows %}
        select row_id from {{ this }}
        where reason = '{{ reason }}'
            and _waits_for in (select cast({{ wait.key }} as string) from {{ changes(wait.dimension) }})
    {%- endset %}
    {%- do released.append((wait.dimension, rows)) %}
{%- endfor %}
{%- set touched = touched_slices(['row_id'], released) %}

with

{% for feed in contracts() -%}
    {{ feed }} as (
        {{ lines_with_reason(feed) }}
    ),

{% endfor -%}
unrouted_bz as (
    select
        'unrouted_bz' as feed,
        'malformed' as reason,
        cast(null as string) as waits_for,
        cast(null as string) as record,
        cast(null as string) as fields,
        _raw,
        _source_file,
        _ingested_at
    from {{ changes(source('bronze', 'unrouted_bz')) }}
),

arrived as (
    {%- for feed in contracts() %}
        select * from {{ feed }}
        union all
    {%- endfor %}
    select * from unrouted_bz
),

refused as (
    select
        {{ row_id('feed', 'fields', '_raw') }} as row_id,
        feed,
        reason,
        _raw as raw,
        if(reason like 'unknown%', record, null) as _record,
        if(reason like 'unknown%', waits_for, null) as _waits_for,
        _source_file,
        _ingested_at as _first_seen_at
    from arrived
    where reason is not null
    {%- if touched.filter in ('literals', 'view') %}
    union all
    -- Lines in a touched slice, because a dimension has changed, whose key is still not registered.
    select
        row_id,
        feed,
        reason,
        raw,
        _record,
        _waits_for,
        _source_file,
        _first_seen_at
    from {{ own_table() }}
    where {{ in_slices(touched) }}
        {%- for reason, wait in pending.items() %} and not ({{ is_released(wait) }}){% endfor %}
    {%- endif %}
),

-- A line that was sent several times is one row, with the values of its first arrival.
first_seen as (
    select
        row_id,
        min_by(
            struct(feed, reason, raw, _record, _waits_for, _source_file, _first_seen_at),
            struct(_first_seen_at, _source_file)
        ) as line
    from refused
    group by row_id
)

select
    row_id,
    line.*
from first_seen
