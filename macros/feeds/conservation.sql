{#
  The query of the test every_line_is_accounted_for, one row per problem:
    - a line of the feed is neither in its silver table, nor superseded there by another line, nor in quarantine;
    - a line in quarantine waits for a key that is registered, or has a reason that its contract does not have;
    - when everything is read: a row of silver or of quarantine comes from no line.
  In a build, the test reads the lines that have arrived, or were released from quarantine, since it last passed; all
  lines if the silver table has lost a key.
#}
{% macro unaccounted_lines(silver, feed, same_row, superseded) -%}
    {%- set bronze, quarantine = source('bronze', feed), ref('quarantine') -%}
    {#- While dbt parses there are no contracts. This call lets it know which tables the test depends on. #}
    {%- do dimensions() -%}
    {%- if not execute -%}{%- do return("select 'dbt is parsing' as problem where false") -%}{%- endif -%}
    {%- set contract = contracts().get(feed) -%}
    {%- set settings = graph.nodes[model.attached_node].config -%}
    {%- set waits = waits_for(contract) if contract -%}
    {%- set same_row = same_row or is_same_row(settings) -%}
    {%- set is_whole = read_mode() != 'changes' -%}
    {%- set has_lost_rows = contract and not is_whole and has_lost_rows(settings) -%}
    {%- set has_released = has_deletes(quarantine) -%}
    {%- set problems = [] -%}
    {%- if is_whole or has_lost_rows or has_released or has_changes(bronze) -%}
        {%- do problems.append(lines_without_place(feed)) -%}
    {%- endif -%}
    {%- if read_mode() == 'full' -%}
        {%- do problems.append(quarantined_without_line(feed)) -%}
        {%- if contract -%}{%- do problems.append(rows_without_line(same_row)) -%}{%- endif -%}
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
lines as (
    select
        cast(null as string) as row_id,
        {{ refusal(contract) if contract else "'malformed'" }} as reason,
        {{ line_columns(contract) }}
        {{ '_fields' if contract and contract.folder else 'cast(null as string)' }} as fields,
        _raw as raw
    from {{ bronze if has_lost_rows else changes(bronze) }}
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
    where {{ on_line_dates(settings, feed, contract) if not has_lost_rows else 'true' }}
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


{# Query: rows of silver that no line accounts for. #}
{% macro rows_without_line(same_row) %}
    select
        'row of silver without a line' as problem,
        to_json(struct(kept.*)) as raw
    from kept
    left anti join lines as line on line.reason is null and {{ same_row }}
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


{# Condition: the date of a silver row is one of the lines' dates, if the table has `prune_by`; else true. #}
{% macro on_line_dates(settings, feed, contract) -%}
    {%- set column = ((settings.meta or {}).get('prune_by') or {}) | first -%}
    {%- if not column -%}{%- do return('true') -%}{%- endif -%}
    {%- set date = 'cast(' ~ instant(contract.event_time) ~ ' as date)' -%}
    {{ on_dates(column, dates_of('select distinct ' ~ date ~ ' from ' ~ arrivals(feed))) }}
{%- endmacro %}


{# Whether the tested model has lost a key since this test last passed: then all lines must be checked. #}
{% macro has_lost_rows(settings) %}
    {% set table = ref(graph.nodes[model.attached_node].name) %}
    {% do return(has_lost_keys(table, engine_key(settings) | join(', '))) %}
{% endmacro %}
