{#
  The newest commits of a Delta table, newest first, at least back to version `from` if the log still has it: a list of
  {version, committed_at, operation, appends, deletes, is_maintenance, vacuumed_before}, the last for a VACUUM: it may
  have removed the files that were out of use before then. A log is looked at once in a run, and after a write.
#}
{% macro engine_commits(relation, from=none) %}
    {% set known, name = engine_state().commits, engine_name(relation) %}
    {# If two threads look at the same time, both use the result of the first. #}
    {% if name not in known %}{% do known.setdefault(name, engine_history(relation, from)) %}{% endif %}
    {% if from is not none and known[name][-1].version > from %}
        {# Without commits that are newer than the first look, so that the run stays at one version. #}
        {% set found = engine_history(relation, from) | selectattr('version', 'le', known[name][0].version) | list %}
        {% do known.update({name: found}) %}
    {% endif %}
    {% do return(known[name]) %}
{% endmacro %}

{# Look again at the log of the current node's table, which was written, before the nodes that read it start. #}
{% macro engine_look_again() %}
    {% set known, name = engine_state().commits, engine_name(this) %}
    {% set before = known.get(name, []) %}
    {% set found = engine_history(this, before[0].version if before else none) %}
    {# Older commits are known, unless the table was made anew. #}
    {% if before and before[0] in found %}{% set found = found[:found.index(before[0])] + before %}{% endif %}
    {% do known.update({name: found}) %}
{% endmacro %}

{# Whether a commit of a table after version `from` may have deleted rows. #}
{% macro engine_deletes_since(relation, from) %}
    {% set later = engine_commits(relation, from) | selectattr('version', 'gt', from) | list %}
    {% do return(later | selectattr('deletes') | list | length > 0) %}
{% endmacro %}

{# The values of `key` that a table has lost since version `from`, as a subquery; none if there are none. #}
{% macro engine_lost_since(relation, key, from) %}
    {# EXCEPT, unlike NOT IN, takes NULL as a value like any other. #}
    {% set lost %}(
        select {{ key }} from {{ engine_change_feed(relation, from, engine_commits(relation)[0].version) }}
        where _change_type in ('delete', 'update_preimage')
        except
        select {{ key }} from {{ relation }}
    ){% endset %}
    {% set is_any = engine_deletes_since(relation, from) and run_query('select 1 from ' ~ lost ~ ' limit 1').rows %}
    {% do return(lost if is_any else none) %}
{% endmacro %}

{# Read the commits of one table, at least back to version `from`; the newest if it is none. #}
{% macro engine_history(relation, from) %}
    {% set query = 'describe history ' ~ relation ~ ' limit ' %}
    {% set found = run_query(query ~ (1 if from is none else 10)).rows %}
    {% if from is not none and found[-1]['version'] > from %}
        {% set found = run_query(query ~ (found[0]['version'] - from + 10)).rows %}
    {% endif %}
    {% do return(engine_as_commits(found)) %}
{% endmacro %}

{#
  Look at the logs of all tables that have watermarks, by one statement, which takes as long as one `describe history`,
  if the tables lie at <warehouse>/<schema>/<table>. Tables that dbt itself builds are left to their first readers.
#}
{% macro engine_look_at_logs() %}
    {% set oldest, own = {}, [] %}
    {% for inputs in engine_watermarks().values() %}
        {% for input, mark in inputs.items() if '.' in input %}
            {% do oldest.update({input: [oldest.get(input, mark.version), mark.version] | min}) %}
        {% endfor %}
    {% endfor %}
    {% for id in selected_resources if id.startswith('model.') %}
        {% set table = api.Relation.create(schema=graph.nodes[id].schema, identifier=graph.nodes[id].alias) %}
        {% do own.append(table) if engine_is_followed(graph.nodes[id]) else oldest.pop(engine_name(table), none) %}
    {% endfor %}
    {% if oldest and own and target.type == 'spark' and engine_is_in_warehouse(own[0]) %}
        {% do engine_state().commits.update(engine_read_logs(oldest)) %}
    {% endif %}
{% endmacro %}

{# Read the logs of tables below the warehouse folder: of each its commits from a version on, {`schema.table`: version}. #}
{% macro engine_read_logs(oldest) %}
    {% set wanted, rows, found = [], {}, {} %}
    {% for table, version in oldest.items() %}{% do wanted.append("when '" ~ table ~ "' then " ~ version) %}{% endfor %}
    {% set name = "replace(regexp_extract(_metadata.file_path, '([^/]+/[^/]+)/_delta_log/', 1), '/', '.')" %}
    {% set version = "cast(split_part(_metadata.file_name, '.', 1) as bigint)" %}
    {# Spark refuses a pattern that matches nothing; the table of watermarks always exists. It reads no file that a
       condition on the file's name excludes. A writer may leave out the commitInfo. #}
    {% set folders = (oldest | list + [engine_name(engine_watermarks_table())]) | join(',') | replace('.', '/') %}
    {% set query %}
        select
            name, version, timestamp,
            get_json_object(info, '$.commitInfo.operation') as operation,
            get_json_object(info, '$.commitInfo.userMetadata') as userMetadata,
            get_json_object(info, '$.commitInfo.operationParameters') as operationParameters,
            get_json_object(info, '$.commitInfo.operationMetrics') as operationMetrics
        from (
            select
                {{ name }} as name, {{ version }} as version,
                cast(_metadata.file_modification_time as string) as timestamp,
                max(if(value like '{"commitInfo"%', value, null)) as info
            from {{ engine_lines_below('{' ~ folders ~ '}/_delta_log') }}
            where _metadata.file_name rlike '^[0-9]+[.]json$'
                and {{ version }} >= case {{ name }} {{ wanted | join(' ') }} end
            group by all
        )
        order by version desc
    {% endset %}
    {% for row in run_query(query).rows %}{% do rows.setdefault(row['name'], []).append(row) %}{% endfor %}
    {% for table, own in rows.items() %}{% do found.update({table: engine_as_commits(own)}) %}{% endfor %}
    {% do return(found) %}
{% endmacro %}

{# Convert rows of `describe history`, newest first, to the form that engine_commits() returns. #}
{% macro engine_as_commits(rows) %}
    {% set found = [] %}
    {% for row in rows %}
        {% set operation, parameters = row['operation'] or '', row['operationParameters'] | string %}
        {% set appends = operation == 'STREAMING UPDATE' or (operation == 'WRITE' and 'Append' in parameters) %}
        {# Commits that change no row, and those whose changes no model is to follow. #}
        {% set is_maintenance = 'PROPERTIES' in operation or 'COLUMN' in operation or row.userMetadata == 'maintenance'
            or operation in ('OPTIMIZE', 'VACUUM START', 'VACUUM END', 'CREATE TABLE', 'REORG', 'CLUSTER BY') %}
        {% set at, vacuumed_before = engine_utc_text(row['timestamp']), none %}
        {% if operation == 'VACUUM START' %}
            {% set kept = modules.re.findall('specifiedRetentionMillis\\W+(\\d+)', parameters)
                or modules.re.findall('defaultRetentionMillis\\W+(\\d+)', parameters) %}
            {% set kept = modules.datetime.timedelta(milliseconds=kept[0] | int) %}
            {% set vacuumed_before = engine_utc_text((modules.datetime.datetime.fromisoformat(at) - kept) | string) %}
        {% endif %}
        {% set deletes_none = modules.re.search('numTargetRowsDeleted\\W+0\\b', row['operationMetrics'] | string) %}
        {% do found.append({
            'version': row['version'] | int, 'committed_at': at, 'operation': operation, 'appends': appends,
            'deletes': not (appends or is_maintenance or deletes_none), 'is_maintenance': is_maintenance,
            'vacuumed_before': vacuumed_before,
        }) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}

{#
  The change feed of a table, from the version after `from` up to `to`, without maintenance. The name is in capitals,
  which catalogs ignore: if a query read a table and its feed by the same name, Spark would mistake one for the other.
#}
{% macro engine_change_feed(relation, from, to) -%}
    {%- set name = [relation.database, relation.schema, relation.identifier] | reject('none') | join('.') -%}
    {%- set skipped = engine_commits(relation, from) | selectattr('is_maintenance') | join(', ', 'version') -%}
    (select * from table_changes('{{ name | upper }}', {{ from + 1 }}, {{ to }})
    {{- ' where _commit_version not in (' ~ skipped ~ ')' if skipped }})
{%- endmacro %}

{# The warehouse folder, which has a folder for each schema. #}
{% macro engine_warehouse() %}
    {% set state = engine_state() %}
    {% set query = 'set spark.sql.warehouse.dir' %}
    {% if not state.warehouse %}{% do state.update({'warehouse': run_query(query).rows[0]['value']}) %}{% endif %}
    {% do return(state.warehouse) %}
{% endmacro %}
{# The lines of the text files below the warehouse folder, in folders that match a pattern. #}
{% macro engine_lines_below(folders) -%}
    {%- set warehouse = modules.re.sub('([][{}*?\\\\])', '\\\\\\1', engine_warehouse()) -%}
    text.`{{ warehouse | replace('`', '``') }}/{{ folders }}`
{%- endmacro %}
{# Whether a table lies at <warehouse>/<schema>/<table>. By default Spark adds `.db` to the schema's folder. #}
{% macro engine_is_in_warehouse(relation) %}
    {% set folder, found = ['', relation.schema, relation.identifier] | join('/'), load_relation(relation) %}
    {% do return(found is not none and folder ~ '\n' in (found.information or '') ~ '\n') %}
{% endmacro %}
