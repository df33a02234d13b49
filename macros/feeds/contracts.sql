{#
  The contracts of the feeds, by bronze table: topic or folder, event_time, silver, waits_for and bad_value as in
  models/bronze/<feed>.yml, and `columns`, each with name, data_type, required, unit, field and person. Empty while dbt
  parses, because it has not read all files yet, and empty in unit tests.
#}
{% macro contracts() %}
    {% set found = {} %}
    {% for table in graph.get('sources', {}).values() if table.source_name == 'bronze' and table.meta.event_time %}
        {% set columns = [] %}
        {% for column in table.columns.values() %}
            {% do columns.append(dict(column.meta, name=column.name, data_type=column.data_type)) %}
        {% endfor %}
        {% do found.update({table.name: dict(table.meta, table=table.name, columns=columns)}) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# The tables whose keys facts wait for: {model: (relation, key column)}. A model that calls this depends on all. #}
{% macro dimensions() %}
    {% do return({
        'device_assignments': (ref('device_assignments'), 'device_id'),
        'mac_assignments': (ref('mac_assignments'), 'mac_address'),
        'users': (ref('users'), 'user_id'),
    }) %}
{% endmacro %}


{# What the lines of a feed wait for: {reason, column, dimension, key}; none if they wait for nothing. #}
{% macro waits_for(contract) %}
    {% for column, name in (contract.waits_for or {}).items() %}
        {% set person = (contract.columns | selectattr('name', 'eq', column) | first).person %}
        {% set dimension, key = dimensions()[name] %}
        {% do return({'reason': 'unknown_' ~ person, 'column': column, 'dimension': dimension, 'key': key}) %}
    {% endfor %}
    {% do return(none) %}
{% endmacro %}


{# What the pending lines of all feeds wait for, by reason. #}
{% macro waits_by_reason() %}
    {% set found = {} %}
    {% for contract in contracts().values() %}
        {% set waits = waits_for(contract) %}
        {% if waits %}{% do found.update({waits.reason: waits}) %}{% endif %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{#
  SQL expression over the columns of a bronze table: the first reason why the row cannot be used, apart from keys that
  are not registered; NULL if there is none.
#}
{% macro refusal(contract) -%}
    {%- set missing_key, bad_value = [], contract.bad_value | list -%}
    {%- for column in contract.columns -%}
        {%- if column.required -%}
            {%- set is_missing = is_empty(column.name) if column.data_type == 'string' else column.name ~ ' is null' -%}
            {%- do missing_key.append(is_missing) -%}
        {%- elif contract.folder and column.data_type != 'string' -%}
            {%- do bad_value.append(is_unreadable(column)) -%}
        {%- endif -%}
        {%- if column.unit -%}{%- do bad_value.append('not ' ~ is_instant(column.name)) -%}{%- endif -%}
    {%- endfor -%}
    case
        when _is_malformed then 'malformed'
        when {{ missing_key | join(' or ') }} then 'missing_key'
        when {{ bad_value | join(' or ') }} then 'bad_value'
    end
{%- endmacro %}


{# Condition: a text column is NULL or blank. #}
{% macro is_empty(column) -%}
    coalesce(trim({{ column }}) = '', true)
{%- endmacro %}


{# Condition: a line of a CSV file has a value for an optional column, but not of the column's type. #}
{% macro is_unreadable(column) -%}
    ({{ column.name }} is null and trim(get_json_object(_fields, '$.{{ column.field or column.name }}')) != '')
{%- endmacro %}


{# Condition: the key that a line of quarantine waits for is registered. #}
{% macro is_released(waits) -%}
    reason = '{{ waits.reason }}' and _waits_for in (select cast({{ waits.key }} as string) from {{ waits.dimension }})
{%- endmacro %}


{#
  Query: the lines of a feed that have arrived, or wait again because their key is no longer registered, each with the
  reason why it is refused; NULL if it is not.
#}
{% macro lines_with_reason(feed) %}
    {%- set contract, bronze = contracts()[feed], source('bronze', feed) -%}
    {%- set waits = waits_for(contract) -%}
    {%- set inputs, lost = [changes(bronze)], lost_keys(waits.dimension, waits.key) if waits else none -%}
    {%- if lost %}{% do inputs.append('(select * from ' ~ bronze ~ ' where ' ~ waits.column ~ ' in ' ~ lost ~ ')') %}{% endif -%}
    {%- for lines in inputs %}
    select
        '{{ feed }}' as feed,
        {%- if waits %}
        coalesce({{ refusal(contract) }}, if(known.key is null, '{{ waits.reason }}', null)) as reason,
        cast({{ waits.column }} as string) as waits_for,
        {{ to_record(contract) }} as record,
        {%- else %}
        {{ refusal(contract) }} as reason,
        cast(null as string) as waits_for,
        cast(null as string) as record,
        {%- endif %}
        {{ '_fields' if contract.folder else 'cast(null as string)' }} as fields,
        _raw,
        _source_file,
        _ingested_at
    from {{ lines }} as line
    {%- if waits %}
    left join (select distinct {{ waits.key }} as key from {{ waits.dimension }}) as known
        on line.{{ waits.column }} = known.key
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{% endmacro %}


{# Condition: a line of a feed has no refusal(); true in unit tests. #}
{% macro is_usable(feed) -%}
    {%- set contract = contracts().get(feed) -%}
    {{ '(' ~ refusal(contract) ~ ') is null' if contract else 'true' }}
{%- endmacro %}


{# The key of a line in quarantine, from SQL expressions for its feed, its fields by name and the line itself. #}
{% macro row_id(feed, fields, raw) -%}
    md5(concat_ws('\n', {{ feed }}, {{ fields }}, {{ raw }}))
{%- endmacro %}


{# The columns of a pending line that quarantine keeps: those of its contract, and the broker's timestamp and offset. #}
{% macro record_columns(contract) %}
    {% set broker = [{'name': 'timestamp', 'data_type': 'double'}, {'name': 'offset', 'data_type': 'bigint'}] %}
    {% do return(contract.columns + (broker if contract.topic else [])) %}
{% endmacro %}


{# The columns of a pending line as JSON, for `_record` in quarantine. #}
{% macro to_record(contract) -%}
    to_json(struct({{ record_columns(contract) | map(attribute='name') | join(', ') }}))
{%- endmacro %}


{# The columns of a pending line as a struct, from `_record` in quarantine. #}
{% macro from_record(contract) -%}
    {%- set types = [] -%}
    {%- for column in record_columns(contract) -%}
        {%- do types.append(column.name ~ ' ' ~ column.data_type) -%}
    {%- endfor -%}
    from_json(_record, '{{ types | join(", ") }}')
{%- endmacro %}


{#
  The rows of a feed that a silver event table reads in this run, as a subquery: usable rows that have arrived in
  bronze, and rows that quarantine has released because their key is now registered.
#}
{% macro arrivals(feed) -%}
    {%- set contract = contracts().get(feed) -%}
    {%- set released = changes(ref('quarantine')) -%}
    (
        select {{ record_columns(contract) | map(attribute='name') | join(', ') if contract else '*' }}
        from {{ changes(source('bronze', feed)) }}
        where {{ is_usable(feed) }}
        {%- if has_deletes(ref('quarantine')) %}
        union all
        select record.*
        from (
            select {{ from_record(contract) }} as record
            from {{ released }}
            where feed = '{{ feed }}' and _change_type = 'delete' and _record is not null
        )
        {%- endif %}
    )
{%- endmacro %}


{#
  Raises an error if the silver table of a feed has no test every_line_is_accounted_for, or if lines wait for different
  dimensions with the same reason.
#}
{% macro check_contracts() %}
    {% set dimension_of = {} %}
    {% for feed, contract in contracts().items() %}
        {% set waits = waits_for(contract) %}
        {% if waits and dimension_of.setdefault(waits.reason, waits.dimension) != waits.dimension %}
            {% do exceptions.raise_compiler_error(
                'models/bronze/' ~ feed ~ '.yml: lines of another feed wait as ' ~ waits.reason ~ ' for '
                ~ dimension_of[waits.reason] ~ '. Give column ' ~ waits.column ~ ' another person.'
            ) %}
        {% endif %}
    {% endfor %}
    {% set tested = {} %}
    {% set name = 'every_line_is_accounted_for' %}
    {% for node in graph.get('nodes', {}).values() if (node.test_metadata or {}).name == name %}
        {% do tested.update({node.test_metadata.kwargs.feed: graph.nodes[node.attached_node].name}) %}
    {% endfor %}
    {% for feed, contract in contracts().items() if tested.get(feed) != contract.silver %}
        {% do exceptions.raise_compiler_error(
            'models/bronze/' ~ feed ~ '.yml says silver: ' ~ contract.silver ~ '. Give that model, under data_tests, '
            ~ 'the test every_line_is_accounted_for with feed: ' ~ feed ~ '.'
        ) %}
    {% endfor %}
{% endmacro %}
