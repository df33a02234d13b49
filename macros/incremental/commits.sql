{#
  The newest commits of a Delta table, newest first, back to version `down_to` where the log still
  has it: a list of {version, committed_at, operation, appends, deletes, is_upkeep, rows,
  vacuumed_before}, the last for a VACUUM: files given up before then are gone. Asked once a run for each
  input, so every model of a run sees the same version of it.
#}
{% macro commits(relation, down_to=none) %}
    {% set known = run_state().commits %}
    {% set name = input_name(relation) %}
    {% if name not in known %}
        {# As many as a run is likely to need; of two models that ask at once the first answer counts. #}
        {% do known.setdefault(name, read_history(relation, 10)) %}
    {% endif %}
    {% set newest = known[name][0].version %}
    {% if down_to is not none and known[name][-1].version > down_to %}
        {# Later commits than the first look are cut off: the run stays at the version it saw first. #}
        {% set history = read_history(relation, newest - down_to + 50) | selectattr('version', 'le', newest) | list %}
        {% do known.update({name: history}) %}
    {% endif %}
    {% do return(known[name]) %}
{% endmacro %}


{% macro read_history(relation, limit) %}
    {% set found = [] %}
    {% for row in run_query('describe history ' ~ relation ~ ' limit ' ~ limit).rows %}
        {% set metrics = row['operationMetrics'] | string %}
        {% set appends = row['operation'] == 'STREAMING UPDATE'
            or (row['operation'] == 'WRITE' and 'Append' in (row['operationParameters'] | string)) %}
        {% do found.append({
            'version': row['version'] | int,
            'committed_at': row['timestamp'] | string,
            'operation': row['operation'],
            'appends': appends,
            'deletes': not (appends or is_upkeep(row['operation']) or metric(metrics, 'numTargetRowsDeleted') == '0'),
            'is_upkeep': is_upkeep(row['operation']),
            'rows': metric(metrics, 'numOutputRows') | int(0),
            'vacuumed_before': vacuumed_before(row) if row['operation'] == 'VACUUM START' else none,
        }) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# One of a commit's metrics, as text; none if it has none of that name. #}
{% macro metric(metrics, name) %}
    {% do return((modules.re.findall(name ~ "\\W+(\\d+)", metrics) or [none])[0]) %}
{% endmacro %}


{# As text, comparable with committed_at. #}
{% macro vacuumed_before(row) %}
    {% set parameters = row['operationParameters'] | string %}
    {% set kept = metric(parameters, 'specifiedRetentionMillis') or metric(parameters, 'defaultRetentionMillis') %}
    {% set at = modules.datetime.datetime.fromisoformat(row['timestamp'] | string) %}
    {% do return((at - modules.datetime.timedelta(milliseconds=kept | int)) | string) %}
{% endmacro %}


{# Operations that change no row. #}
{% macro is_upkeep(operation) %}
    {% do return(
        operation in ('OPTIMIZE', 'VACUUM START', 'VACUUM END', 'CREATE TABLE', 'REORG', 'CLUSTER BY')
        or 'PROPERTIES' in operation
        or 'COLUMN' in operation
    ) %}
{% endmacro %}
