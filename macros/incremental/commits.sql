{#
  The newest commits of a Delta table, newest first, back to version `down_to` where the log still
  has it: a list of {version, committed_at, operation, appends, deletes, is_upkeep, written,
  vacuumed_before}, the last for a VACUUM: files given up before then are gone. Asked once a run for each input,
  so every model of a run sees the same version of it.
#}
{% macro commits(relation, down_to=none) %}
    {% set known = run_state().commits %}
    {% set name = input_name(relation) %}
    {% if name not in known %}
        {# Of two nodes that ask at once the first answer counts. #}
        {% for table, found in read_commits(relation, oldest_watermarks()).items() %}
            {% do known.setdefault(table, found) %}
        {% endfor %}
    {% endif %}
    {% if down_to is not none and known[name][-1].version > down_to %}
        {# Later commits than the first look are cut off: the run stays at the version it saw first. #}
        {% set found = read_commits(relation, {name: down_to})[name] %}
        {% do known.update({name: found | selectattr('version', 'le', known[name][0].version) | list}) %}
    {% endif %}
    {% do return(known[name]) %}
{% endmacro %}


{#
  Called at the start of a run: dbt's threads would all ask first, and one of them see what another has just written
  as what was there before.
#}
{% macro look_at_logs() %}
    {% if execute and is_run_of_models() and nodes_share_session() %}{% do commits(watermarks_relation()) %}{% endif %}
{% endmacro %}


{# Whether a commit of a table after version `from` may have deleted rows. #}
{% macro deletes_since(relation, from) %}
    {% do return(commits(relation, from) | selectattr('version', 'gt', from) | selectattr('deletes') | list | length > 0) %}
{% endmacro %}


{#
  Look at the model's table again, which has just been written: its readers start at once, and would
  each ask. All of its log that is known is read anew, for the table may be another one of its name.
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
  The same for a table that the adapter's materialization has written. One that is made anew in the embedded
  lakehouse has one commit more than its log had, if there was one, and if nothing else is done to it.
#}
{% macro note_made(was_there) %}
    {% set state = run_state() %}
    {% set name = input_name(this) %}
    {# Not so where tables lie elsewhere, nor of a younger log of a name that had marks, of which the first look saw no more. #}
    {% set is_found = not config.get('location_root')
        and input_name(watermarks_relation()) in state.commits and input_name(watermarks_relation()) not in state.elsewhere
        and (name in state.commits) == was_there and (was_there or name not in oldest_watermarks()) %}
    {% set is_one_commit = model_read().mode == 'full' and model.language != 'python' and not (
        pre_hooks or post_hooks or config.get('persist_docs') or config.get('contract', {}).enforced
    ) %}
    {% if is_found and is_one_commit and not builds_may_overlap() %}
        {% do note_write('CREATE OR REPLACE TABLE AS SELECT') %}
    {% else %}
        {% do note_version() %}
    {% endif %}
{% endmacro %}


{#
  Take the model's write for the next commit after those known, where one build at a time writes: that spares
  a look at its log, and confirm_writes() looks at all such at the end. `written` counts the rows; none of a table
  made anew.
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
        'is_upkeep': false,
        'vacuumed_before': none,
        'written': written,
        'table': this,
    } %}
    {% do state.commits.update({name: [commit] + known}) %}
    {% do state.writes.update({name: commit}) %}
{% endmacro %}


{#
  Whether the writes that note_write() took for granted are as they were taken to be, and ask when they were
  committed. If something else wrote in between they are not, and what was read of them is read again.
#}
{% macro confirm_writes() %}
    {% set writes = run_state().writes %}
    {% set elsewhere = run_state().elsewhere %}
    {% if writes %}
        {# A table that is there for certain, lest the pattern finds none. #}
        {% set watermarks = input_name(watermarks_relation()) %}
        {% set versions = {watermarks: run_state().commits[watermarks][0].version} if watermarks in run_state().commits else {} %}
        {% for name, commit in writes.items() if name not in elsewhere %}
            {% do versions.update({name: commit.version}) %}
        {% endfor %}
        {% set logs = read_logs('{' ~ versions | join(',') | replace('.', '/') ~ '}', versions) if versions else {} %}
        {% for name, commit in writes.items() %}
            {% set own = logs[name] if name in logs else default__read_commits(commit.table, {})[name] %}
            {% set found = own | selectattr('version', 'eq', commit.version) | first | default({}) %}
            {% if found.operation != commit.operation or (commit.written and found.written not in (none, commit.written)) %}
                {% do log('Something else wrote ' ~ name ~ ' during this build: the next one does its work again.', info=true) %}
                {% do return(false) %}
            {% endif %}
            {% do commit.update({'committed_at': found.committed_at}) %}
        {% endfor %}
    {% endif %}
    {% do return(true) %}
{% endmacro %}


{# Of a table that has just been written and may have no reader: the first one looks. #}
{% macro forget_version() %}
    {% do run_state().commits.pop(input_name(this), none) %}
{% endmacro %}


{#
  The commits of a table, {name: commits}, and maybe of others, newest first; `oldest` has the version
  down to which they are wanted, by name; without one, some.
#}
{% macro read_commits(relation, oldest) %}
    {% do return(adapter.dispatch('read_commits', 'fitness')(relation, oldest)) %}
{% endmacro %}

{% macro default__read_commits(relation, oldest) %}
    {% set name = input_name(relation) %}
    {# As many as a run is likely to need. #}
    {% set found = run_query('describe history ' ~ relation ~ ' limit 10').rows %}
    {% set older = found[-1]['version'] - oldest[name] if name in oldest else 0 %}
    {% if older > 0 %}
        {% set found = run_query('describe history ' ~ relation ~ ' limit ' ~ (older + 50)).rows %}
    {% endif %}
    {% do return({name: as_commits(found)}) %}
{% endmacro %}

{# Databricks looks for macros of Spark too, and its managed tables lie in no folder of ours. #}
{% macro databricks__read_commits(relation, oldest) %}
    {% do return(default__read_commits(relation, oldest)) %}
{% endmacro %}

{#
  Below the warehouse folder the logs of all tables are read by one statement, at the first question; it takes
  as long as one `describe history`.
#}
{% macro spark__read_commits(relation, oldest) %}
    {% set known = run_state().commits %}
    {% set name = input_name(relation) %}
    {% set elsewhere = run_state().elsewhere %}
    {% set found = {} %}
    {% if not known or (name in known and name not in elsewhere) %}
        {% do found.update(read_logs(relation.schema ~ '/' ~ relation.identifier if known else '*/*', oldest)) %}
    {% endif %}
    {% if name not in found %}
        {% do elsewhere.append(name) %}
        {% do found.update(default__read_commits(relation, oldest)) %}
    {% endif %}
    {% do return(found) %}
{% endmacro %}


{# The commits of the tables whose folders, `schema/table`, a pattern names; `oldest` as for read_commits(). #}
{% macro read_logs(tables, oldest) %}
    {% set versions = [] %}
    {% for table, version in oldest.items() %}{% do versions.append("when '" ~ table ~ "' then " ~ version) %}{% endfor %}
    {% set wanted = 'case ' ~ log_table() ~ ' ' ~ versions | join(' ') ~ ' else 0 end' if versions else 0 %}
    {# A writer may leave out what it did: its commit is news all the same. #}
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


{# Rows of `describe history`, newest first, as commits() gives them. #}
{% macro as_commits(rows) %}
    {% set found = [] %}
    {% for row in rows %}
        {% set metrics = row['operationMetrics'] | string %}
        {% set appends = row['operation'] == 'STREAMING UPDATE'
            or (row['operation'] == 'WRITE' and 'Append' in (row['operationParameters'] | string)) %}
        {% set committed_at = utc_text(row['timestamp']) %}
        {% do found.append({
            'version': row['version'] | int,
            'committed_at': committed_at,
            'operation': row['operation'],
            'appends': appends,
            'deletes': not (appends or is_upkeep(row['operation']) or metric(metrics, 'numTargetRowsDeleted') == '0'),
            'is_upkeep': is_upkeep(row['operation']),
            'written': written_rows(row['operation'], metrics),
            'vacuumed_before': vacuumed_before(row, committed_at) if row['operation'] == 'VACUUM START' else none,
        }) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# How many rows a commit wrote, as count_sql() counts them; none if it does not say. #}
{% macro written_rows(operation, metrics) %}
    {% if operation == 'MERGE' %}
        {% set names = {'inserts': 'numTargetRowsInserted', 'updates': 'numTargetRowsUpdated', 'deletes': 'numTargetRowsDeleted'} %}
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


{# One of a commit's metrics, as text; none if it has none of that name. #}
{% macro metric(metrics, name) %}
    {% do return((modules.re.findall(name ~ "\\W+(\\d+)", metrics) or [none])[0]) %}
{% endmacro %}


{#
  An instant as text in UTC, the same however a connection gives it: as text or naive in the session's
  time zone, which is UTC; aware; or, by pyspark, naive and local.
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


{# Comparable with committed_at. #}
{% macro vacuumed_before(row, committed_at) %}
    {% set parameters = row['operationParameters'] | string %}
    {% set kept = metric(parameters, 'specifiedRetentionMillis') or metric(parameters, 'defaultRetentionMillis') %}
    {% set at = modules.datetime.datetime.fromisoformat(committed_at) %}
    {% do return(utc_text((at - modules.datetime.timedelta(milliseconds=kept | int)) | string)) %}
{% endmacro %}


{# Operations that change no row. #}
{% macro is_upkeep(operation) %}
    {% do return(
        operation in ('OPTIMIZE', 'VACUUM START', 'VACUUM END', 'CREATE TABLE', 'REORG', 'CLUSTER BY')
        or 'PROPERTIES' in operation
        or 'COLUMN' in operation
    ) %}
{% endmacro %}
