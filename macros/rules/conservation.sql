{#
  For tests: the lines of bronze that are unaccounted for, neither in their feed's silver table, nor
  superseded there by another line of the same key, nor in quarantine; and those that wait there for what is
  registered. In a build those that have arrived since the test last passed, or that quarantine has let go
  since; all of a feed whose table has lost a key. When everything is read, also rows of silver and of
  quarantine that no line accounts for.

    feeds  {bronze table: settings}:
      silver      the silver model; none if all lines are refused
      key         {column of silver: expression over the feed's bronze columns}
      is_same     condition: `line` is of the silver row `kept`; by default, their keys are equal
      superseded  condition over the columns of `key`: a usable line needs no row; by default none does
      prune_by    a date column of silver by which `event_time`, part of the key, is pruned
    waits  {reason of quarantine: (dimension, column)}: what lines with the reason wait for
#}
{% macro unaccounted_lines(feeds, waits) -%}
    {%- set looked_at = {} -%}
    {%- for feed, settings in feeds.items() -%}
        {%- set queries = lines_to_place(feed, settings) -%}
        {%- if queries -%}{%- do looked_at.update({feed: queries}) -%}{%- endif -%}
    {%- endfor -%}
    {%- set problems = [] -%}
    {%- if looked_at -%}{%- do problems.append(lines_without_place(looked_at)) -%}{%- endif -%}
    {%- if model_read().mode == 'full' -%}{%- do problems.append(rows_without_line(feeds)) -%}{%- endif -%}
    {%- set news_of_waits = [has_changes(ref('quarantine'))] -%}
    {%- for dimension, column in waits.values() -%}{%- do news_of_waits.append(has_changes(dimension)) -%}{%- endfor -%}
    {%- if model_read().mode != 'changes' or news_of_waits | select | list -%}
        {%- do problems.append(lines_that_need_not_wait(waits)) -%}
    {%- endif -%}
    {%- if not problems -%}
        {%- do return("select 'no line has come or gone' as problem where false") -%}
    {%- endif -%}
with

quarantined as (
    select
        row_id,
        feed,
        reason,
        raw,
        _waits_for
    from {{ ref('quarantine') }}
),

{% for queries in looked_at.values() -%}
{{ queries }},

{% endfor -%}

problems as (
    {{ problems | join('\n    union all\n    ') }}
)

select * from problems
{%- endmacro %}


{# Query: lines neither in silver nor in quarantine. #}
{% macro lines_without_place(feeds) %}
    select
        'line neither in silver nor in quarantine' as problem,
        line.feed,
        line.raw
    from (
        {%- for feed in feeds %}
        select * from {{ feed }}_left
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    ) as line
    left anti join quarantined on line.row_id = quarantined.row_id
{%- endmacro %}


{# Query: rows of quarantine and of silver that no line accounts for. #}
{% macro rows_without_line(feeds) %}
    select
        'row of quarantine without a line' as problem,
        quarantined.feed,
        quarantined.raw
    from quarantined
    left anti join (
        {%- for feed in feeds %}
        select {{ line_id(feed) }} as row_id from {{ feed }}_lines as line
        where line.raw in (select raw from quarantined)
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    ) as line
        on quarantined.row_id = line.row_id
    {%- for feed, settings in feeds.items() if settings.silver %}
    union all
    select
        'row of silver without a line' as problem,
        '{{ feed }}' as feed,
        to_json(struct(kept.*)) as raw
    from {{ ref(settings.silver) }} as kept
    left anti join {{ feed }}_lines as line on line.reason is null and {{ is_of_row(settings) }}
    {%- endfor %}
{%- endmacro %}


{# Query: lines that wait for what is there: they move on in the build that registers it. #}
{% macro lines_that_need_not_wait(waits) %}
    select
        'line waits in quarantine for what is registered' as problem,
        feed,
        raw
    from quarantined
    where
        {%- for reason, (dimension, column) in waits.items() %}
        {{ 'or ' if not loop.first }}(
            reason = '{{ reason }}'
            and _waits_for in (select cast({{ column }} as string) from {{ dimension }})
        )
        {%- endfor %}
{%- endmacro %}


{#
  Common table expressions of a feed: its lines to look at, `<feed>_lines`, and those of them that silver neither has nor
  has superseded, `<feed>_left`; none if there is nothing to look at.
#}
{% macro lines_to_place(feed, settings) -%}
    {%- set bronze = source('bronze', feed) -%}
    {%- set table = ref(settings.silver) if settings.silver -%}
    {%- set key = settings.key or {} -%}
    {%- set prune_by = settings.prune_by -%}
    {%- set reads_all = table and has_lost_rows(settings.silver, table) -%}
    {%- set has_released = has_deletes(ref('quarantine')) -%}
    {%- if not (reads_all or has_released or has_changes(bronze) or model_read().mode != 'changes') -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- set fields = '_fields' if feed in ('registered_users_bz', 'gym_logins_bz') else 'cast(null as string)' -%}
    {%- set dates = none -%}
    {%- if prune_by and not reads_all -%}
        {%- set dates = dates_of('select distinct cast(' ~ key.event_time ~ ' as date) from ' ~ arrivals(feed)) -%}
    {%- endif -%}
    {%- set kept = '(select * from ' ~ table ~ ' where ' ~ on_dates(prune_by, dates) ~ ')' if prune_by else table -%}
{{ feed }}_lines as (
    select
        cast(null as string) as row_id,
        {{ refusal(feed) if table else "'malformed'" }} as reason,
        {%- for column, expression in key.items() %}
        {{ expression }} as {{ column }},
        {%- endfor %}
        {{ fields }} as fields,
        _raw as raw
    from {{ bronze if reads_all else changes(bronze) }}
    {%- if has_released %}
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

{{ feed }}_left as (
    select
        '{{ feed }}' as feed,
        {{ line_id(feed) }} as row_id,
        line.raw
    from {{ feed }}_lines as line
    {%- if table %}
    left anti join {{ kept }} as kept on line.reason is null and {{ is_of_row(settings) }}
    {%- endif %}
    where line.reason is not null or not ({{ settings.superseded or 'false' }})
)
{%- endmacro %}


{# Of a line, its row_id in quarantine. Asked for few lines: a hash of every line takes longer than the joins. #}
{% macro line_id(feed) -%}
    coalesce(line.row_id, {{ row_id(quoted(feed), 'line.fields', 'line.raw') }})
{%- endmacro %}


{# Condition: `line` is of the silver row `kept`. #}
{% macro is_of_row(settings) -%}
    {%- set same = [] -%}
    {%- for column in settings.key %}{% do same.append('line.' ~ column ~ ' = kept.' ~ column) %}{% endfor -%}
    {{ settings.is_same or same | join(' and ') }}
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
