{#
  The newest commits of a Delta table, newest first, at least back to version `down_to` if the log still has it: a list
  of {version, committed_at, operation, appends, deletes, is_maintenance, written, vacuumed_before}. `written` counts
  the rows that were inserted, updated and deleted. `vacuumed_before` is set for a VACUUM only: it may have removed the
  files that were out of use before then. All models of a run see the same version of a table, because its log is read
  once.
#}
{% macro commits(relation, down_to=none) %}
    {% set known = run_state().commits %}
    {% set name = input_name(relation) %}
    {% if name not in known %}
        {# If two threads read the log at the same time, both use the result of the first. #}
        {% for table, found in read_commits(relation, oldest_watermarks()).items() %}
            {% do known.setdefault(table, found) %}
        {% endfor %}
    {% endif %}
    {% if down_to is not none and known[name][-1].version > down_to %}
        {# Leave out commits that are newer than the first read, so that the run stays at one version. #}
        {% set found = read_commits(relation, {name: down_to})[name] %}
        {% do known.update({name: found | selectattr('version', 'le', known[name][0].version) | list}) %}
    {% endif %}
    {% do return(known[name]) %}
{% endmacro %}


{#
  Read all logs at the start of a run. Otherwise dbt's first threads would do it concurrently, and one of them could
  mistake a commit of another for one from before the run.
#}
{% macro read_all_logs() %}
    {% if execute and is_run_of_models() and nodes_share_session() %}{% do commits(watermarks_relation()) %}{% endif %}
{% endmacro %}


{# Whether a commit of a table after version `from` may have deleted rows. #}
{% macro deletes_since(relation, from) %}
    {% set later = commits(relation, from) | selectattr('version', 'gt', from) | list %}
    {% do return(later | selectattr('deletes') | list | length > 0) %}
{% endmacro %}


{#
  Read the log of the model's table again, which has just been written, before the models that read it start. All known
  versions are read again, because the table may have been dropped and created.
#}
{% macro note_version() %}
    {% if is_run_of_models() %}
        {% set known = run_state().commits %}
        {% set name = input_name(this) %}
        {% set oldest = {name: known[name][-1].version} if name in known else {} %}
        {% do known.update({name: read_commits(this, oldest)[name]}) %}
    {% endif %}
{% endmacro %}


{#
  The same for a table that the adapter's materialization has written. In the embedded lakehouse, a rebuild adds exactly
  one commit to the table's log unless hooks, comments or a contract add more, so the log need not be read.
#}
{% macro note_adapter_write(was_there) %}
    {% set state = run_state() %}
    {% set name = input_name(this) %}
    {# Only if the table is under the warehouse and its whole log was read at the start of the run: of a table with
       watermarks, only the versions from the oldest watermark on were read. #}
    {% set watermarks = input_name(watermarks_relation()) %}
    {% set is_log_known = not config.get('location_root')
        and watermarks in state.commits and watermarks not in state.outside_warehouse
        and (name in state.commits) == was_there and (was_there or name not in oldest_watermarks()) %}
    {% set is_one_commit = model_read().mode == 'full' and model.language != 'python' and not (
        pre_hooks or post_hooks or config.get('persist_docs') or config.get('contract', {}).enforced
    ) %}
    {% if is_log_known and is_one_commit and not builds_may_overlap() %}
        {% do note_write('CREATE OR REPLACE TABLE AS SELECT') %}
    {% else %}
        {% do note_version() %}
    {% endif %}
{% endmacro %}


{#
  Assume that the model's write is the commit after the last known one, instead of reading the log. Only where builds
  do not overlap; confirm_writes() checks all these assumptions at the end of the run. `written` counts the rows that
  were inserted, updated and deleted; none for a table that was rebuilt.
#}
{% macro note_write(operation, written=none) %}
    {% set state = run_state() %}
    {% set name = input_name(this) %}
    {% set known = state.commits.get(name, []) %}
    {% set commit = {
        'version': known[0].version + 1 if known else 0,
        'committed_at': utc_text(modules.datetime.datetime.now(modules.pytz.utc)),
        'operation': operation,
        'appends': operation == 'WRITE',
        'deletes': not written or written.deletes > 0,
        'is_maintenance': false,
        'vacuumed_before': none,
        'written': written,
        'table': this,
    } %}
    {% do state.commits.update({name: [commit] + known}) %}
    {% do state.writes.update({name: commit}) %}
{% endmacro %}


{#
  Whether all commits that note_write() assumed are in the logs; sets their times. If not, something else has written a
  table during the run. No watermarks are recorded then, and the next run reads the same changes again.
#}
{% macro confirm_writes() %}
    {% set writes = run_state().writes %}
    {% set outside = run_state().outside_warehouse %}
    {% if writes %}
        {# Include the table of watermarks, which always exists: Spark refuses a pattern that matches no file. #}
        {% set watermarks = input_name(watermarks_relation()) %}
        {% set known = run_state().commits %}
        {% set versions = {watermarks: known[watermarks][0].version} if watermarks in known else {} %}
        {% for name, commit in writes.items() if name not in outside %}
            {% do versions.update({name: commit.version}) %}
        {% endfor %}
        {% set logs = read_logs('{' ~ versions | join(',') | replace('.', '/') ~ '}', versions) if versions else {} %}
        {% for name, commit in writes.items() %}
            {% set own = logs[name] if name in logs else default__read_commits(commit.table, {})[name] %}
            {% set found = own | selectattr('version', 'eq', commit.version) | first | default({}) %}
            {% set has_other_rows = commit.written and found.written not in (none, commit.written) %}
            {% if found.operation != commit.operation or has_other_rows %}
                {% do log(
                    'Something else wrote ' ~ name ~ ' during this build: the next build repeats its work.', info=true
                ) %}
                {% do return(false) %}
            {% endif %}
            {% do commit.update({'committed_at': found.committed_at}) %}
        {% endfor %}
    {% endif %}
    {% do return(true) %}
{% endmacro %}


{# Forget the commits of a table that has just been written: the first model that reads it, if any, reads its log. #}
{% macro forget_version() %}
    {% do run_state().commits.pop(input_name(this), none) %}
{% endmacro %}


{#
  The commits of a table, and possibly of others: {name: commits, newest first}. `oldest` maps a name to the oldest
  version that is needed; of a table that it does not name, the newest commits suffice.
#}
{% macro read_commits(relation, oldest) %}
    {% do return(adapter.dispatch('read_commits', 'fitness')(relation, oldest)) %}
{% endmacro %}

{% macro default__read_commits(relation, oldest) %}
    {% set name = input_name(relation) %}
    {# Ten are enough in most runs. #}
    {% set found = run_query('describe history ' ~ relation ~ ' limit 10').rows %}
    {% set older = found[-1]['version'] - oldest[name] if name in oldest else 0 %}
    {% if older > 0 %}
        {% set found = run_query('describe history ' ~ relation ~ ' limit ' ~ (older + 50)).rows %}
    {% endif %}
    {% do return({name: as_commits(found)}) %}
{% endmacro %}

{# Without this, dbt-databricks would use the macro of Spark; the folders of its managed tables are not known here. #}
{% macro databricks__read_commits(relation, oldest) %}
    {% do return(default__read_commits(relation, oldest)) %}
{% endmacro %}

{#
  The first call reads the logs of all tables below the warehouse folder by one statement, which takes as long as one
  `describe history`.
#}
{% macro spark__read_commits(relation, oldest) %}
    {% set known = run_state().commits %}
    {% set name = input_name(relation) %}
    {% set outside = run_state().outside_warehouse %}
    {% set found = {} %}
    {% if not known or (name in known and name not in outside) %}
        {% do found.update(read_logs(relation.schema ~ '/' ~ relation.identifier if known else '*/*', oldest)) %}
    {% endif %}
    {% if name not in found %}
        {% do outside.append(name) %}
        {% do found.update(default__read_commits(relation, oldest)) %}
    {% endif %}
    {% do return(found) %}
{% endmacro %}


{# The commits of the tables whose folders, `schema/table`, match a pattern; `oldest` as for read_commits(). #}
{% macro read_logs(tables, oldest) %}
    {% set versions = [] %}
    {% for table, version in oldest.items() %}
        {% do versions.append("when '" ~ table ~ "' then " ~ version) %}
    {% endfor %}
    {% set wanted = 'case ' ~ log_table() ~ ' ' ~ versions | join(' ') ~ ' else 0 end' if versions else 0 %}
    {# `info` is NULL if a writer did not add a commitInfo to its commit; the commit counts as a change all the same. #}
    {% set query %}
        select
            name,
            version,
            timestamp,
            {%- for field in ['operation', 'operationParameters', 'operationMetrics'] %}
            get_json_object(info, '$.commitInfo.{{ field }}') as {{ field }}{{ ',' if not loop.last }}
            {%- endfor %}
        from (
            select
                {{ log_table() }} as name,
                {{ log_version() }} as version,
                cast(_metadata.file_modification_time as string) as timestamp,
                max(if(value like '{"commitInfo"%', value, null)) as info
            from {{ log_files(tables ~ '/_delta_log') }}
            where {{ is_commit() }} and {{ log_version() }} >= {{ wanted }}
            group by all
        )
        order by version desc
    {% endset %}
    {% set rows = {} %}
    {% for row in run_query(query).rows %}{% do rows.setdefault(row['name'], []).append(row) %}{% endfor %}
    {% set found = {} %}
    {% for table, own in rows.items() %}{% do found.update({table: as_commits(own)}) %}{% endfor %}
    {% do return(found) %}
{% endmacro %}


{# Convert rows of `describe history`, newest first, to the form that commits() returns. #}
{% macro as_commits(rows) %}
    {% set found = [] %}
    {% for row in rows %}
        {% set metrics = row['operationMetrics'] | string %}
        {% set appends = row['operation'] == 'STREAMING UPDATE'
            or (row['operation'] == 'WRITE' and 'Append' in (row['operationParameters'] | string)) %}
        {% set deletes_none = appends or is_maintenance(row['operation'])
            or metric(metrics, 'numTargetRowsDeleted') == '0' %}
        {% set committed_at = utc_text(row['timestamp']) %}
        {% do found.append({
            'version': row['version'] | int,
            'committed_at': committed_at,
            'operation': row['operation'],
            'appends': appends,
            'deletes': not deletes_none,
            'is_maintenance': is_maintenance(row['operation']),
            'written': written_rows(row['operation'], metrics),
            'vacuumed_before': vacuumed_before(row, committed_at) if row['operation'] == 'VACUUM START' else none,
        }) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# How many rows a commit inserted, updated and deleted; none if its metrics do not say. #}
{% macro written_rows(operation, metrics) %}
    {% if operation == 'MERGE' %}
        {% set names = {
            'inserts': 'numTargetRowsInserted', 'updates': 'numTargetRowsUpdated', 'deletes': 'numTargetRowsDeleted'
        } %}
    {% else %}
        {% set names = {'inserts': 'numOutputRows'} %}
    {% endif %}
    {% set found = {'inserts': 0, 'updates': 0, 'deletes': 0} %}
    {% for kind, name in names.items() %}
        {% if metric(metrics, name) is none %}{% do return(none) %}{% endif %}
        {% do found.update({kind: metric(metrics, name) | int}) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# A number among a commit's metrics or parameters, as text; none if there is none of that name. #}
{% macro metric(metrics, name) %}
    {% do return((modules.re.findall(name ~ "\\W+(\\d+)", metrics) or [none])[0]) %}
{% endmacro %}


{#
  An instant as text in UTC. Connections return instants in different forms: as text or naive datetimes in the session's
  time zone, which is UTC; as aware datetimes; or (pyspark) as naive datetimes in the local time zone.
#}
{% macro utc_text(instant) %}
    {% if instant is string %}
        {% set at = modules.datetime.datetime.fromisoformat(instant) %}
    {% elif instant.tzinfo or nodes_share_session() %}
        {% set at = instant.astimezone(modules.pytz.utc) %}
    {% else %}
        {% set at = instant %}
    {% endif %}
    {% do return(at.strftime('%Y-%m-%d %H:%M:%S.%f')) %}
{% endmacro %}


{# The time before which a VACUUM's files were out of use, in the form of committed_at. #}
{% macro vacuumed_before(row, committed_at) %}
    {% set parameters = row['operationParameters'] | string %}
    {% set kept = metric(parameters, 'specifiedRetentionMillis') or metric(parameters, 'defaultRetentionMillis') %}
    {% set at = modules.datetime.datetime.fromisoformat(committed_at) %}
    {% do return(utc_text((at - modules.datetime.timedelta(milliseconds=kept | int)) | string)) %}
{% endmacro %}


{# Operations that change no row. #}
{% macro is_maintenance(operation) %}
    {% do return(
        operation in ('OPTIMIZE', 'VACUUM START', 'VACUUM END', 'CREATE TABLE', 'REORG', 'CLUSTER BY')
        or 'PROPERTIES' in operation
        or 'COLUMN' in operation
    ) %}
{% endmacro %}
