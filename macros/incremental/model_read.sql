{#
  How the current node (model, snapshot or test) reads its inputs in this run. Decided once, when its SQL is rendered:
    model   its name, `schema.table`
    mode    'full'     the table is rebuilt from all rows of the inputs
            'whole'    all rows of the inputs are read, and the result is compared with the table row by row
            'changes'  only rows committed since the watermarks are read
    inputs  {name: {from, to, last, is_changed, commits}}: the versions read, `from` exclusive and `to` inclusive; the
            commit of `to`; whether, and in how many commits, rows have changed between them
    logic   a fingerprint of the code and of the SQL that a full refresh would run; if it changes, the mode is 'whole'
#}
{% macro model_read() %}
    {% if not is_building() %}
        {% do return({'mode': 'full', 'inputs': {}}) %}
    {% endif %}
    {% set reads = run_state().reads %}
    {% if model.unique_id not in reads %}
        {% do reads.update({model.unique_id: plan_read()}) %}
        {% if has_news() and not is_decided() %}{% do keep_inputs_for_run() %}{% endif %}
    {% endif %}
    {% do return(reads[model.unique_id]) %}
{% endmacro %}


{% macro plan_read() %}
    {% set name = input_name(this) %}
    {% set marks = watermarks().get(name, {}) %}
    {% set logic = fingerprint() %}
    {% set read = {'model': name, 'mode': 'changes' if may_read_changes() else 'full', 'inputs': {}, 'logic': logic} %}
    {% set reasons = [] %}
    {% set watched = watched_inputs() %}
    {% if model.resource_type in ('test', 'snapshot') and not can_follow(watched) %}
        {% do read.update({'mode': 'full'}) %}
        {% set watched = {} %}
    {% endif %}
    {% for input, relation in watched.items() %}
        {% set mark = marks.get(input) %}
        {% set seen = readable_commits(relation, mark.version if mark else none) %}
        {% do read.inputs.update({input: {
            'from': mark.version if mark else none,
            'to': seen[0].version,
            'last': seen[0],
            'is_changed': true,
            'commits': none,
        }}) %}
        {% if read.mode == 'changes' %}
            {% set last_read = mark.version if mark else -1 %}
            {% set news = seen | rejectattr('is_maintenance') | selectattr('version', 'gt', last_read) | list %}
            {% do read.inputs[input].update({'is_changed': news | length > 0, 'commits': news | length}) %}
            {% set reason = reason_for_whole(input, mark, seen, news, relation, logic) %}
            {% if reason %}{% do reasons.append(reason) %}{% endif %}
        {% endif %}
    {% endfor %}
    {% if not read.inputs and model.resource_type == 'model' %}
        {# A model without inputs depends on its code only, which has a watermark under the name `code`. #}
        {% do read.inputs.update({'code': {'from': 0, 'to': 0, 'last': {'committed_at': ''}, 'is_changed': false}}) %}
        {% if read.mode == 'changes' and marks.get('code', {}).get('logic') != logic %}
            {% do reasons.append('its code or a var has changed') %}
        {% endif %}
    {% endif %}
    {% if reasons %}
        {% do read.update({'mode': 'whole'}) %}
        {% if model.resource_type != 'test' %}
            {% do log(name ~ ': compared whole, because ' ~ reasons[0], info=true) %}
        {% endif %}
    {% endif %}
    {% do return(read) %}
{% endmacro %}


{# Whether the current node may read only changes: there is an earlier result, and no full refresh was asked for. #}
{% macro may_read_changes() %}
    {% if model.resource_type == 'test' %}
        {% do return(not should_full_refresh() and not var('whole_tests', false)) %}
    {% elif model.resource_type == 'snapshot' %}
        {% do return(load_relation(this) is not none and not should_full_refresh()) %}
    {% endif %}
    {% do return(is_incremental()) %}
{% endmacro %}


{#
  Whether a value of `key` that the table had at version `from` or later is no longer in it. In a dimension this happens
  only if rows are deleted from bronze. The setting `dimensions: {model: key column}` of an event model names the tables
  whose keys it requires.
#}
{% macro has_lost_keys(relation, key, from) %}
    {% if not deletes_since(relation, from) %}
        {% do return(false) %}
    {% endif %}
    {# EXCEPT, unlike NOT IN, takes NULL as a value like any other. #}
    {% set query = 'select 1 from (select ' ~ key ~ ' from ' ~ change_feed(relation, from, commits(relation)[0].version)
        ~ " where _change_type in ('delete', 'update_preimage')"
        ~ ' except select ' ~ key ~ ' from ' ~ relation ~ ') limit 1' %}
    {% set known = run_state().lost_keys %}
    {% if query not in known %}
        {% do known.update({query: run_query(query).rows | length > 0}) %}
    {% endif %}
    {% do return(known[query]) %}
{% endmacro %}


{#
  Why the changes of an input after the watermark `mark` cannot be followed; none if they can. `seen` are its commits,
  `news` those of them that changed rows after the watermark.
#}
{% macro reason_for_whole(input, mark, seen, news, relation, logic) %}
    {% if not mark %}
        {% do return('it has no watermark on ' ~ input) %}
    {% elif mark.logic != logic %}
        {% do return('its code or a var has changed') %}
    {% endif %}
    {% set at_mark = seen | selectattr('version', 'eq', mark.version) | list %}
    {% if not at_mark or at_mark[0].committed_at != mark.committed_at %}
        {% do return('the log of ' ~ input ~ ' no longer has version ' ~ mark.version ~ ' as it was read') %}
    {% endif %}
    {% for commit in news %}
        {% if 'REPLACE' in commit.operation or commit.operation == 'RESTORE' %}
            {% do return(input ~ ' was replaced or restored in version ' ~ commit.version) %}
        {% elif relation.schema == 'bronze' and not commit.appends %}
            {% do return('rows of ' ~ input ~ ' were changed in place in version ' ~ commit.version) %}
        {% endif %}
    {% endfor %}
    {% for vacuum in seen if vacuum.vacuumed_before and vacuum.version > mark.version %}
        {% if news | selectattr('committed_at', 'lt', vacuum.vacuumed_before) | list %}
            {% set version = vacuum.version %}
            {% do return('changes of ' ~ input ~ ' were vacuumed in version ' ~ version ~ ' before they were read') %}
        {% endif %}
    {% endfor %}
    {% if news and target.type == 'databricks' and is_too_old_to_read(news[-1].committed_at) %}
        {% do return('changes of ' ~ input ~ ' are older than a week, and Databricks can no longer read them') %}
    {% endif %}
    {% set key = model_setting('dimensions', {}).get(relation.identifier) %}
    {% if key and has_lost_keys(relation, key, mark.version) %}
        {% do return('keys of ' ~ input ~ ' are gone: rows that refer to them must be deleted') %}
    {% endif %}
    {% do return(none) %}
{% endmacro %}


{# Whether a commit is too old for Databricks to read its changes. On other targets profiles.yml removes this limit. #}
{% macro is_too_old_to_read(committed_at) %}
    {% set at = modules.datetime.datetime.fromisoformat(committed_at) %}
    {% set now = modules.datetime.datetime.now(modules.pytz.utc).replace(tzinfo=none) %}
    {% do return(now - at > modules.datetime.timedelta(days=7) - modules.datetime.timedelta(hours=12)) %}
{% endmacro %}


{#
  Whether a test or a snapshot can be skipped when none of the relations `watched` has changed: it reads nothing else,
  also through ephemeral models, and all of them are Delta tables.
#}
{% macro can_follow(watched) %}
    {% do return(watched and not unfollowed_tables(model, watched) and are_delta_tables(watched.values())) %}
{% endmacro %}


{# Whether all relations are tables, not views, which have no commits. Bronze has tables only. #}
{% macro are_delta_tables(relations) %}
    {% for relation in relations if relation.schema != 'bronze' %}
        {% set found = load_relation(relation) %}
        {% if not found or found.is_view %}{% do return(false) %}{% endif %}
    {% endfor %}
    {% do return(true) %}
{% endmacro %}


{#
  A hash of what a node's result depends on besides its inputs' rows: of the SQL that a full refresh would run, so that
  macros, vars and contracts count too; of a generic test, whose SQL is not known yet, of its arguments and contracts.
#}
{% macro fingerprint() %}
    {% if model.test_metadata %}
        {% set arguments = tojson(arguments_of(model), sort_keys=true) %}
        {% do return(local_md5(model.raw_code ~ arguments ~ config.get('where', '') ~ declarations())) %}
    {% endif %}
    {# The code itself too: its config decides, for example, which of two rows is the newest. #}
    {% do return(local_md5(model.raw_code ~ (full_refresh_sql() if model.language != 'python' else ''))) %}
{% endmacro %}


{# The SQL of a full refresh of the current node, with its ephemeral models; without the id and time of the run. #}
{% macro full_refresh_sql() %}
    {% set reads = run_state().reads %}
    {% do reads.update({model.unique_id: {'mode': 'full', 'inputs': {}}}) %}
    {% set texts = [render(model.raw_code)] %}
    {% for parent in ephemeral_parents(model) %}
        {# Their refs stand as text: dbt resolves those of the current node only. #}
        {% do texts.append(render(modules.re.sub('ref\\(([^()=]*)\\)', '[\\1]', parent.raw_code))) %}
    {% endfor %}
    {% do reads.pop(model.unique_id) %}
    {% do return(texts | join('\n') | replace(invocation_id, '') | replace(run_started_at | string, '')) %}
{% endmacro %}


{# The ephemeral models that a node reads, also through one another. #}
{% macro ephemeral_parents(node) %}
    {% set found = [] %}
    {% for id in node.depends_on.nodes if id in graph.nodes %}
        {% set parent = graph.nodes[id] %}
        {% if parent.config.materialized == 'ephemeral' %}
            {% do found.extend([parent] + ephemeral_parents(parent)) %}
        {% endif %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# The contracts (`meta`) of the sources that the current node reads, as JSON; empty if there are none. #}
{% macro declarations() %}
    {% set found = {} %}
    {% set names = [] %}
    {% for s in model.sources %}{% do names.append(s | join('.')) %}{% endfor %}
    {% for table in graph.get('sources', {}).values() if table.source_name ~ '.' ~ table.name in names and table.meta %}
        {% set columns = [] %}
        {% for column in table.columns.values() %}
            {% do columns.append([column.name, column.data_type, column.meta]) %}
        {% endfor %}
        {% do found.update({table.name: [table.meta, columns]}) %}
    {% endfor %}
    {% do return(tojson(found, sort_keys=true) if found else '') %}
{% endmacro %}


{#
  The commits of an input that this model may read. A model with the setting `gate: <other model>` reads a bronze table
  only up to the version that the other model has read. So it cannot overtake the gate (quarantine), whatever models are
  selected.
#}
{% macro readable_commits(relation, from) %}
    {% set gate = model_setting('gate') %}
    {% if not gate or relation.schema != 'bronze' %}
        {% do return(commits(relation, from)) %}
    {% endif %}
    {% set name = input_name(relation) %}
    {% set read_now = run_state().reads.get('model.' ~ model.package_name ~ '.' ~ gate) %}
    {% set passed = read_now.inputs.get(name) if read_now else marks_of_model(ref(gate)).get(name) %}
    {% if not passed %}
        {% do exceptions.raise_compiler_error(
            gate ~ ' has no watermark on ' ~ name ~ ': build it first, with dbt build --select ' ~ gate
        ) %}
    {% endif %}
    {% set limit = passed.to if read_now else passed.version %}
    {% set seen = commits(relation, [limit, from if from is not none else limit] | min) %}
    {% do return(seen | selectattr('version', 'le', limit) | list) %}
{% endmacro %}
