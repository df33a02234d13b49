{#
  The query of the test every_line_is_accounted_for, one row per problem:
    - a line of the feed is neither in its silver table, nor superseded there by another line, nor in quarantine;
    - a line in quarantine waits for a key that is registered, or has a reason that its contract does not have;
    - when everything is read: a row of silver or of quarantine comes from no line.
  In a build, the test reads the lines that have arrived, or were released from quarantine, since it last passed, and
  those whose key the silver table has lost; all lines in that case if they are not placed by the key (`same_row`).
#}
{% macro unaccounted_lines(silver, feed, same_row, superseded) -%}
    {%- set bronze, quarantine = source('bronze', feed), ref('quarantine') -%}
    {#- While dbt parses there are no contracts. This call lets it know which tables the test depends on. #}
    {%- do dimensions() -%}
    {%- if not execute -%}{%- do return("select 'dbt is parsing' as problem where false") -%}{%- endif -%}
    {%- set contract = contracts().get(feed) -%}
    {%- set settings = graph.nodes[model.attached_node].config -%}
    {%- set waits = waits_for(contract) if contract -%}
    {%- set is_whole = read_mode() != 'changes' -%}
    {%- set key = engine_key(settings) | join(', ') -%}
    {%- set lost = lost_keys(ref(graph.nodes[model.attached_node].name), key) if contract else none -%}
    {%- set reads_all = lost is not none and same_row is not none -%}
    {%- set same_row = same_row or is_same_row(settings) -%}
    {%- set has_released = has_deletes(quarantine) -%}
    {%- set problems = [] -%}
    {%- if is_whole or lost or has_released or has_changes(bronze) -%}
        {%- do problems.append(lines_without_place(feed)) -%}
    {%- endif -%}
    {%- if read_mode() == 'full' -%}
        {%- do problems.append(quarantined_without_line(feed)) -%}
        {%- if contract -%}{%- do problems.append(rows_without_line(feed, same_row)) -%}{%- endif -%}
    {%- endif -%}
    {%- set look_at_lines = problems | length > 0 -%}
    {%- if is_whole or has_changes(quarantine) -%}
        {%- do problems.append(foreign_reasons(contract, waits)) -%}
    {%- endif -%}
    {%- if waits and (is_whole or has_changes(quarantine) or has_changes(waits.dimension)) -%}
        {%- do problems.append(lines_that_need_not_wait(waits)) -%}
    {%- endif -%}
    {%- if not problems -%}
        {%- do return("select 'no line has come or gone' as problem where false") -%}
    {%- endif -%}
with

quarantined as (
    select
        row_id,
        reason,
        raw,
        _waits_for
    from {{ quarantine }}
    where feed = '{{ feed }}'
),

{% if look_at_lines -%}
{% if has_deletes(bronze) -%}
deleted as (
    select * from {{ changes(bronze) }}
    where _change_type = 'delete'
),

{% endif -%}
lines as (
    {%- set columns_of_line %}
    select
        cast(null as string) as row_id,
        {{ refusal(contract) if contract else "'malformed'" }} as reason,
        {{ line_columns(contract) }}
        {{ '_fields' if contract and contract.folder else 'cast(null as string)' }} as fields,
        _raw as raw
    {%- endset %}
    {%- if reads_all %}
    {{ columns_of_line }}
    from {{ bronze }}
    {%- else %}
    {{ columns_of_line }}
    from {{ changes(bronze) }} as line
    {%- if has_deletes(bronze) %}
    left anti join deleted
        on line._raw = deleted._raw
        and line._source_file = deleted._source_file
        and line._commit_version < deleted._commit_version
    {%- endif %}
    where _change_type in ('insert', 'update_postimage')
    {%- if lost %}
    union all
    select * from (
        {{ columns_of_line }}
        from {{ bronze }}
    )
    where ({{ key }}) in {{ lost }}
    {%- endif %}
    {%- endif %}
    {%- if has_released %}
    union all
    select
        row_id,
        if(_record is null, reason, null) as reason,
        {{ line_columns(contract, 'record.') }}
        cast(null as string) as fields,
        raw
    from (
        select
            *,
            {{ from_record(contract) if contract else 'null' }} as record
        from {{ changes(quarantine) }}
        where feed = '{{ feed }}' and _change_type = 'delete'
            {%- if has_deletes(bronze) %} and raw not in (select _raw from deleted){% endif %}
    )
    {%- endif %}
),

{% if superseded -%}
all_lines as (
    select
        {{ line_columns(contract) }}
        _raw as raw
    from {{ bronze }}
    where {{ is_usable(feed) }}
),

{% endif -%}
{% if contract -%}
kept as (
    select * from {{ silver }}
    where {{ on_line_dates(settings, feed, contract, lost) if not reads_all else 'true' }}
),

{% endif -%}
unplaced as (
    select line.*
    from lines as line
    {%- if contract %}
    left anti join kept on line.reason is null and {{ same_row }}
    {%- endif %}
    where line.reason is not null or not ({{ superseded or 'false' }})
),

{% endif -%}
problems as (
    {{ problems | join('\n    union all\n    ') }}
)

select * from problems
{%- endmacro %}


{# Query: lines neither in silver nor in quarantine. Only lines without a row in silver are hashed: hashing is slow. #}
{% macro lines_without_place(feed) %}
    select
        'line neither in silver nor in quarantine' as problem,
        line.raw
    from unplaced as line
    left anti join quarantined on {{ line_id(feed) }} = quarantined.row_id
{%- endmacro %}


{# Query: rows of quarantine that no line accounts for. #}
{% macro quarantined_without_line(feed) %}
    select
        'row of quarantine without a line' as problem,
        quarantined.raw
    from quarantined
    left anti join (select * from lines where raw in (select raw from quarantined)) as line
        on quarantined.row_id = {{ line_id(feed) }}
{%- endmacro %}


{# Query: rows of silver that no line accounts for, but for those whose lines may have been deleted. #}
{% macro rows_without_line(feed, same_row) %}
    {%- set kept_from = kept_from(feed) %}
    select
        'row of silver without a line' as problem,
        to_json(struct(kept.*)) as raw
    from kept
    left anti join lines as line on line.reason is null and {{ same_row }}
    {%- if kept_from %}
    where kept.event_date >= {{ kept_from }}
    {%- endif %}
{%- endmacro %}


{# Query: lines in quarantine with a reason that is not one of their feed. #}
{% macro foreign_reasons(contract, waits) %}
    {%- set reasons = ['malformed'] + (['missing_key', 'bad_value'] if contract else []) %}
    {%- if waits %}{% do reasons.append(waits.reason) %}{% endif %}
    select
        'reason that the contract does not have' as problem,
        raw
    from quarantined
    where coalesce(reason not in ('{{ reasons | join("', '") }}'), true)
{%- endmacro %}


{# Query: lines that still wait for a key that is registered. The build that registers it should have released them. #}
{% macro lines_that_need_not_wait(waits) %}
    select
        'line waits in quarantine for what is registered' as problem,
        raw
    from quarantined
    where {{ is_released(waits) }}
{%- endmacro %}


{# The select list of a feed's line with silver's types: epoch seconds as instants, and `event_time` added. #}
{% macro line_columns(contract, prefix='') -%}
    {%- for column in contract.columns if contract %}
        {{ instant(prefix ~ column.name) if column.unit else prefix ~ column.name }} as {{ column.name }},
    {%- endfor %}
    {%- if contract and not contract.columns | selectattr('name', 'eq', 'event_time') | list %}
        {{ instant(prefix ~ contract.event_time) }} as event_time,
    {%- endif %}
{%- endmacro %}


{# The row_id in quarantine of a `line`. #}
{% macro line_id(feed) -%}
    coalesce(line.row_id, {{ row_id(engine_quoted(feed), 'line.fields', 'line.raw') }})
{%- endmacro %}


{# Condition: a silver row, `kept`, has the same key as the `line`. #}
{% macro is_same_row(settings) -%}
    {%- for key in engine_key(settings) %}line.{{ key }} = kept.{{ key }}{{ ' and ' if not loop.last }}{% endfor -%}
{%- endmacro %}


{#
  Condition: the date of a silver row is one of the dates of the lines that have arrived, or of the keys that are `lost`,
  if the table has `prune_by`; else true.
#}
{% macro on_line_dates(settings, feed, contract, lost) -%}
    {%- set column, of_key = ((settings.meta or {}).get('prune_by') or {none: none}).items() | first -%}
    {%- if not column -%}{%- do return('true') -%}{%- endif -%}
    {%- set query = 'select cast(' ~ instant(contract.event_time) ~ ' as date) from ' ~ arrivals(feed) -%}
    {%- if lost -%}{%- set query = query ~ ' union all select ' ~ of_key ~ ' from ' ~ lost -%}{%- endif -%}
    {{ on_dates(column, dates_of('select distinct * from (' ~ query ~ ')')) }}
{%- endmacro %}
