{#
  For tests: the lines of a feed that are unaccounted for, neither in the feed's silver table, nor
  superseded there by another line of the same key, nor in quarantine. In a build those that have
  arrived since the test last passed, or that quarantine has let go since; all, if silver has lost a
  key. When everything is read, also rows of silver and of quarantine that no line accounts for.

    feed        the bronze table
    silver      the silver model; none if all lines are refused
    key         {column of silver: expression over the feed's bronze columns}
    is_same     condition: `line` is of the silver row `kept`; by default, their keys are equal
    superseded  condition over the columns of `key`: a usable line needs no row
    prune_by    a date column of silver by which `event_time`, part of the key, is pruned
#}
{% macro unaccounted_lines(feed, silver=none, key={}, is_same=none, superseded='false', prune_by=none) -%}
    {%- set bronze = source('bronze', feed) -%}
    {%- set table = ref(silver) if silver -%}
    {%- set fields = '_fields' if feed in ('registered_users_bz', 'gym_logins_bz') else 'cast(null as string)' -%}
    {%- if not is_same -%}
        {%- set same = [] -%}
        {%- for column in key %}{% do same.append('line.' ~ column ~ ' = kept.' ~ column) %}{% endfor -%}
        {%- set is_same = same | join(' and ') -%}
    {%- endif -%}
    {%- set reads_all = silver and has_lost_rows(silver, table) -%}
    {%- set dates = none -%}
    {%- if prune_by and not reads_all -%}
        {%- set dates = dates_of('select distinct cast(' ~ key.event_time ~ ' as date) from ' ~ arrivals(feed)) -%}
    {%- endif -%}
    {#- Computed for the few lines that are not in silver: a hash of every line takes longer than the joins. -#}
    {%- set line_id = 'coalesce(line.row_id, ' ~ row_id(quoted(feed), 'line.fields', 'line.raw') ~ ')' -%}
    {%- set kept = '(select * from ' ~ table ~ ' where ' ~ on_dates(prune_by, dates) ~ ')' if prune_by else table -%}
with

lines as (
    select
        cast(null as string) as row_id,
        {{ refusal(feed) if silver else "'malformed'" }} as reason,
        {%- for column, expression in key.items() %}
        {{ expression }} as {{ column }},
        {%- endfor %}
        {{ fields }} as fields,
        _raw as raw
    from {{ bronze if reads_all else changes(bronze) }}
    {%- if has_deletes(ref('quarantine')) %}
    union all
    select
        row_id,
        if(_record is null, reason, null),
        {%- for expression in key.values() %}
        {{ expression if feed in pending_feeds() else 'null' }},
        {%- endfor %}
        null,
        raw
    from {{ changes(ref('quarantine')) }}
    {%- if feed in pending_feeds() %}
    lateral view inline(array(from_json(_record, '{{ feed_columns(feed) }}'))) as {{ column_names(feed_columns(feed)) }}
    {%- endif %}
    where feed = '{{ feed }}' and _change_type = 'delete'
    {%- endif %}
),

quarantined as (
    select
        row_id,
        raw
    from {{ ref('quarantine') }}
    where feed = '{{ feed }}'
)

select
    'line neither in silver nor in quarantine' as problem,
    line.raw
from lines as line
{%- if silver %}
left anti join {{ kept }} as kept on line.reason is null and {{ is_same }}
{%- endif %}
left anti join quarantined on {{ line_id }} = quarantined.row_id
where line.reason is not null or not ({{ superseded }})
    {%- if model_read().mode == 'full' %}
union all
select
    'row of quarantine without a line' as problem,
    quarantined.raw
from quarantined
left anti join (
    select {{ line_id }} as row_id from lines as line where line.raw in (select raw from quarantined)
) as line
    on quarantined.row_id = line.row_id
    {%- if silver %}
union all
select
    'row of silver without a line' as problem,
    to_json(struct(kept.*)) as raw
from {{ kept }} as kept
left anti join lines as line on line.reason is null and {{ is_same }}
    {%- endif %}
    {%- endif %}
{%- endmacro %}


{# Whether the model has lost a key since this test last passed: any line of the feed may have been it. #}
{% macro has_lost_rows(name, table) %}
    {% if not is_building() or model_read().mode != 'changes' %}
        {% do return(false) %}
    {% endif %}
    {% set node = graph.nodes.values() | selectattr('name', 'eq', name) | selectattr('resource_type', 'eq', 'model') | first %}
    {% set key = node.config.unique_key | join(', ') %}
    {% do return(has_lost_keys(table, key, model_read().inputs[input_name(table)].from)) %}
{% endmacro %}


{# The feeds whose lines may wait in quarantine for a dimension row. #}
{% macro pending_feeds() %}
    {% do return(['gym_logins_bz', 'workouts_bz', 'heart_rate_bz']) %}
{% endmacro %}
