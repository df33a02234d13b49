{#
  How the model at hand reads its inputs in this run, decided once, before its first line is written:
    model   its name, `schema.table`
    mode    'full'     the table is made anew from everything
            'whole'    everything is read and compared with the table, row by row
            'changes'  only what was committed since the watermarks is read
    inputs  {name: {from, to, last, is_changed, commits}}: versions, `from` exclusive, `to` inclusive,
            the commit of `to`, and how many commits between changed rows
    logic   fingerprint of the model's code and the project's vars: another one means 'whole'
#}
{% macro model_read() %}
    {% if not is_building() %}
        {% do return({'mode': 'full', 'inputs': {}}) %}
    {% endif %}
    {% set reads = run_state().reads %}
    {% if model.unique_id not in reads %}
        {% do reads.update({model.unique_id: plan_read()}) %}
        {% if has_news() and not is_judged() %}{% do keep_inputs_for_run() %}{% endif %}
    {% endif %}
    {% do return(reads[model.unique_id]) %}
{% endmacro %}


{% macro plan_read() %}
    {% set name = input_name(this) %}
    {% set marks = watermarks().get(name, {}) %}
    {% set logic = fingerprint() %}
    {% set read = {'model': name, 'mode': 'changes' if is_made() else 'full', 'inputs': {}, 'logic': logic} %}
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
            {% set news = seen | rejectattr('is_upkeep') | selectattr('version', 'gt', mark.version if mark else -1) | list %}
            {% do read.inputs[input].update({'is_changed': news | length > 0, 'commits': news | length}) %}
            {% set reason = why_whole(input, mark, seen, news, relation, logic) %}
            {% if reason %}{% do reasons.append(reason) %}{% endif %}
        {% endif %}
    {% endfor %}
    {% if not read.inputs and model.resource_type == 'model' %}
        {# Made of nothing but its code: watched under a name of its own. #}
        {% do read.inputs.update({'code': {'from': 0, 'to': 0, 'last': {'committed_at': ''}, 'is_changed': false}}) %}
        {% if read.mode == 'changes' and marks.get('code', {}).get('logic') != logic %}
            {% do reasons.append('its code or a var has changed') %}
        {% endif %}
    {% endif %}
    {% if reasons %}
        {% do read.update({'mode': 'whole'}) %}
        {% if model.resource_type != 'test' %}{% do log(name ~ ': compared whole, because ' ~ reasons[0], info=true) %}{% endif %}
    {% endif %}
    {% do return(read) %}
{% endmacro %}


{# Whether there is something to bring up to date, not to make anew. #}
{% macro is_made() %}
    {% if model.resource_type == 'test' %}
        {% do return(not should_full_refresh() and not var('whole_tests', false)) %}
    {% elif model.resource_type == 'snapshot' %}
        {% do return(load_relation(this) is not none and not should_full_refresh()) %}
    {% endif %}
    {% do return(is_incremental()) %}
{% endmacro %}


{#
  Whether a value of `key` that was in the table after version `from` is no longer. Of a dimension it
  happens only when bronze rows are erased. A model names what admits its facts in the setting
  `dimensions: {model: key column}`.
#}
{% macro has_lost_keys(relation, key, from) %}
    {% if not deletes_since(relation, from) %}
        {% do return(false) %}
    {% endif %}
    {% set query = 'select 1 from ' ~ change_feed(relation, from, commits(relation)[0].version)
        ~ " where _change_type in ('delete', 'update_preimage') and ("
        ~ key ~ ') not in (select ' ~ key ~ ' from ' ~ relation ~ ') limit 1' %}
    {% set known = run_state().lost_keys %}
    {% if query not in known %}
        {% do known.update({query: run_query(query).rows | length > 0}) %}
    {% endif %}
    {% do return(known[query]) %}
{% endmacro %}


{#
  Why the changes of an input cannot be followed from the watermark `mark` on; none where they can.
  `seen` are its commits, `news` those after the watermark that changed rows.
#}
{% macro why_whole(input, mark, seen, news, relation, logic) %}
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
            {% do return(input ~ ' was made anew in version ' ~ commit.version) %}
        {% elif relation.schema == 'bronze' and not commit.appends %}
            {% do return('rows of ' ~ input ~ ' were changed in place in version ' ~ commit.version) %}
        {% endif %}
    {% endfor %}
    {% for vacuum in seen if vacuum.vacuumed_before and vacuum.version > mark.version %}
        {% if news | selectattr('committed_at', 'lt', vacuum.vacuumed_before) | list %}
            {% do return('changes of ' ~ input ~ ' were vacuumed in version ' ~ vacuum.version ~ ' before they were read') %}
        {% endif %}
    {% endfor %}
    {% if news and target.type == 'databricks' and is_past_reading(news[-1].committed_at) %}
        {% do return('changes of ' ~ input ~ ' are older than a week, and Databricks no longer gives them') %}
    {% endif %}
    {% set key = model_setting('dimensions', {}).get(relation.identifier) %}
    {% if key and has_lost_keys(relation, key, mark.version) %}
        {% do return('rows of ' ~ input ~ ' are gone: what they admitted must go too') %}
    {% endif %}
    {% do return(none) %}
{% endmacro %}


{# Whether a commit is older than the versions that Delta lets be read by default; elsewhere profiles.yml lets it read all. #}
{% macro is_past_reading(committed_at) %}
    {% set at = modules.datetime.datetime.fromisoformat(committed_at) %}
    {% set now = modules.datetime.datetime.now(modules.pytz.utc).replace(tzinfo=none) %}
    {% do return(now - at > modules.datetime.timedelta(days=7) - modules.datetime.timedelta(hours=12)) %}
{% endmacro %}


{#
  Whether a test or a snapshot can be left out when none of `watched` has news: they are all that it
  reads, also through ephemeral models, and tables.
#}
{% macro can_follow(watched) %}
    {% do return(watched and not tables_beside(model, watched) and are_delta_tables(watched.values())) %}
{% endmacro %}


{# Whether all are tables whose commits can be followed, as those of bronze are: a view has none. #}
{% macro are_delta_tables(relations) %}
    {% for relation in relations if relation.schema != 'bronze' %}
        {% set found = load_relation(relation) %}
        {% if not found or found.is_view %}{% do return(false) %}{% endif %}
    {% endfor %}
    {% do return(true) %}
{% endmacro %}


{# What a model's rows, or a test's, depend on beside its inputs: its code, arguments, vars, and what its sources declare. #}
{% macro fingerprint() %}
    {% set code = model.raw_code ~ tojson(model.test_metadata or {}, sort_keys=true) ~ config.get('where', '') ~ declarations() %}
    {% do return(local_md5(code ~ tojson(vars_in(code), sort_keys=true))) %}
{% endmacro %}


{# What the sources that a node reads declare of their lines, under `meta`, as JSON; nothing if none does. #}
{% macro declarations() %}
    {% set found = {} %}
    {% set names = [] %}
    {% for s in model.sources + other_sources() %}{% do names.append(s | join('.')) %}{% endfor %}
    {% for table in graph.get('sources', {}).values() if table.source_name ~ '.' ~ table.name in names and table.meta %}
        {% set columns = [] %}
        {% for column in table.columns.values() %}{% do columns.append([column.name, column.data_type, column.meta]) %}{% endfor %}
        {% do found.update({table.name: [table.meta, columns]}) %}
    {% endfor %}
    {% do return(tojson(found, sort_keys=true) if found else '') %}
{% endmacro %}


{# The values of the vars that the code names: a rule's number is part of the logic. #}
{% macro vars_in(code) %}
    {% set found = {} %}
    {% for name in modules.re.findall("var\\(\\\\?['\"](\\w+)", code) %}
        {% do found.update({name: var(name) | string}) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{#
  The commits of an input that this model may read. A model with the setting `gate: <other model>`
  reads a source no further than that other model has read it, so that whatever the gate holds back
  (see quarantine) cannot be passed by, however models are selected.
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
            'Nobody knows how far ' ~ gate ~ ' has read ' ~ name ~ ': build it first, with dbt build --select ' ~ gate
        ) %}
    {% endif %}
    {% set limit = passed.to if read_now else passed.version %}
    {% set seen = commits(relation, [limit, from if from is not none else limit] | min) %}
    {% do return(seen | selectattr('version', 'le', limit) | list) %}
{% endmacro %}
