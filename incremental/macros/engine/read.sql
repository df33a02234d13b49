{#
  How the current node (model, snapshot, seed or test) reads its inputs in this run, decided when its SQL is rendered:
    name    its name, `schema.table`
    mode    'full' (the table is rebuilt), 'whole' (all rows of the inputs are read, and the result is compared with the
            table) or 'changes' (only rows committed since the watermarks are read)
    inputs  {name: {from, to, last, is_changed, commits, is_rewritten}}: the versions read, `from` exclusive and `to`
            inclusive; the commit of `to`; whether, and in how many commits, rows have changed between them; whether
            rows of a source were changed other than by appends
    logic   engine_fingerprint(); if it changes, the mode is 'whole'
#}
{% macro engine_read() %}
    {% if not engine_is_building() %}{% do return({'mode': 'full', 'inputs': {}}) %}{% endif %}
    {% set reads = engine_state().reads %}
    {% if model.unique_id not in reads %}{% do reads.update({model.unique_id: engine_plan_read()}) %}{% endif %}
    {% do return(reads[model.unique_id]) %}
{% endmacro %}

{% macro engine_plan_read() %}
    {% set name = engine_name(this) %}
    {% set logic = engine_fingerprint() %}
    {% set read = {'name': name, 'mode': 'full', 'inputs': {}, 'logic': logic} %}
    {% set inputs = engine_inputs() %}
    {% if not engine_can_follow(inputs) %}{% do return(read) %}{% endif %}
    {% set marks = engine_watermarks().get(name, {}) %}
    {% set reasons = [] %}
    {% for input, relation in inputs.items() %}
        {% set mark = marks.get(input) %}
        {% set seen = engine_readable_commits(relation, mark.version if mark else none) %}
        {% set last_read = mark.version if mark else -1 %}
        {% set news = seen | rejectattr('is_maintenance') | selectattr('version', 'gt', last_read) | list %}
        {% do read.inputs.update({input: {
            'from': last_read, 'to': seen[0].version, 'last': seen[0],
            'is_changed': news | length > 0, 'commits': news | length,
            'is_rewritten': engine_is_source(relation) and news | rejectattr('appends') | list | length > 0,
        }}) %}
        {% set reason = engine_reason_for_whole(input, mark, seen, news, relation, logic) %}
        {% if reason %}{% do reasons.append(reason) %}{% endif %}
    {% endfor %}
    {% if not inputs %}
        {# A model without inputs depends on its code only, which has a watermark under the name `code`. #}
        {% do read.inputs.update({'code': {'to': 0, 'last': {'committed_at': ''}, 'is_changed': false}}) %}
        {% if marks.get('code', {}).get('logic') != logic %}{% do reasons.append('its code or a var has changed') %}{% endif %}
    {% endif %}
    {% if engine_may_read_changes() %}
        {% do read.update({'mode': 'whole' if reasons else 'changes'}) %}
        {% if reasons and engine_is_followed(model) %}
            {% do log(name ~ ': compared whole, because ' ~ reasons[0], info=true) %}
        {% endif %}
    {% endif %}
    {% do return(read) %}
{% endmacro %}

{# The relations that the current node reads, by name, without its static_inputs; of a seed its own table. #}
{% macro engine_inputs() %}
    {% set inputs = {engine_name(this): this} if model.resource_type == 'seed' else {} %}
    {% for r in model.refs if r.name not in config.meta_get('static_inputs', []) %}
        {% set relation = ref(r.package, r.name) if r.package else ref(r.name) %}
        {# An ephemeral model has no table: its readers follow the source under it. #}
        {% if not relation.is_cte %}{% do inputs.update({engine_name(relation): relation}) %}{% endif %}
    {% endfor %}
    {% set sources = model.sources | list %}
    {% for table in graph.get('sources', {}).values() if table.source_name == config.meta_get('all_sources_of') %}
        {% do sources.append([table.source_name, table.name]) %}
    {% endfor %}
    {% for s in sources if s[1] not in config.meta_get('static_inputs', []) %}
        {% set relation = source(s[0], s[1]) %}
        {% do inputs.update({engine_name(relation): relation}) %}
    {% endfor %}
    {% do return(inputs) %}
{% endmacro %}

{#
  Whether the changes of what a node reads can be followed: of a model, if it is built by this library; of a test or
  snapshot, if it reads only `inputs`, also through ephemeral models, and all of them are Delta tables.
#}
{% macro engine_can_follow(inputs) %}
    {% if model.resource_type == 'model' %}{% do return(engine_is_followed(model)) %}{% endif %}
    {% if model.resource_type == 'seed' %}{% do return(load_relation(this) is not none) %}{% endif %}
    {% for relation in inputs.values() if not engine_is_source(relation) %}
        {% set found = load_relation(relation) %}
        {% if not found or found.is_view or found.is_delta is false %}{% do return(false) %}{% endif %}
    {% endfor %}
    {% do return(inputs and not engine_unfollowed(inputs.values() | map(attribute='identifier') | list)) %}
{% endmacro %}

{# Whether the current node may read only changes: there is an earlier result, and no full refresh was asked for. #}
{% macro engine_may_read_changes() %}
    {% if should_full_refresh() %}{% do return(false) %}{% endif %}
    {% if model.resource_type == 'test' %}{% do return(not var('whole_tests', false)) %}{% endif %}
    {% set table = load_relation(this) %}
    {% do return(table is not none and not table.is_view) %}
{% endmacro %}

{# Whether the current node must run: false if it follows changes and no input has changed. #}
{% macro engine_has_news() %}
    {% set changed = engine_read().inputs.values() | selectattr('is_changed') | list %}
    {% do return(engine_read().mode != 'changes' or changed | length > 0) %}
{% endmacro %}

{# Why the changes of an input since `mark` cannot be followed; none if they can. Of its commits `seen`, `news` are new. #}
{% macro engine_reason_for_whole(input, mark, seen, news, relation, logic) %}
    {% if not mark %}{% do return('it has no watermark on ' ~ input) %}{% endif %}
    {% if mark.logic != logic %}{% do return('its code or a var has changed') %}{% endif %}
    {% set at_mark = seen | selectattr('version', 'eq', mark.version) | list %}
    {% if not at_mark or at_mark[0].committed_at != mark.committed_at %}
        {% do return('the log of ' ~ input ~ ' no longer has version ' ~ mark.version ~ ' as it was read') %}
    {% endif %}
    {% for commit in news %}
        {% if 'REPLACE' in commit.operation or commit.operation == 'RESTORE' %}
            {% do return(input ~ ' was replaced or restored in version ' ~ commit.version) %}
        {% endif %}
    {% endfor %}
    {% for vacuum in seen if vacuum.vacuumed_before and vacuum.version > mark.version %}
        {% if news | selectattr('committed_at', 'lt', vacuum.vacuumed_before) | list %}
            {% do return('changes of ' ~ input ~ ' were vacuumed in version ' ~ vacuum.version ~ ' before they were read') %}
        {% endif %}
    {% endfor %}
    {# Elsewhere a setting of Delta removes this limit. #}
    {% set week_ago = modules.datetime.datetime.now(modules.pytz.utc) - modules.datetime.timedelta(days=6.5) %}
    {% if news and target.type == 'databricks' and news[-1].committed_at < engine_utc_text(week_ago) %}
        {% do return('changes of ' ~ input ~ ' are older than a week, and Databricks can no longer read them') %}
    {% endif %}
    {% do return(none) %}
{% endmacro %}

{#
  A hash of what a node's result depends on besides its inputs' rows: the SQL that a full refresh would run, so that
  macros, vars and contracts count too, and the node's own code, whose config decides, for example, which row is newest.
#}
{% macro engine_fingerprint() %}
    {% if model.resource_type == 'seed' %}
        {% do return(local_md5(model.checksum.checksum ~ tojson(model.config.get('column_types'), sort_keys=true))) %}
    {% endif %}
    {% set reads = engine_state().reads %}
    {% do reads.update({model.unique_id: {'mode': 'full', 'inputs': {}}}) %}
    {% if model.test_metadata %}
        {% set texts = [engine_test_sql(model, 'the table'), config.get('where') or ''] %}
    {% else %}
        {% set texts = [render(model.raw_code)] %}
        {% for parent in engine_ephemeral_parents(model) %}
            {# Their refs stand as text: dbt resolves those of the current node only. #}
            {% do texts.append(render(modules.re.sub('ref\\(([^()=]*)\\)', '[\\1]', parent.raw_code))) %}
        {% endfor %}
    {% endif %}
    {% do reads.pop(model.unique_id) %}
    {% set sql = texts | join('\n') | replace(invocation_id, '') | replace(run_started_at | string, '') %}
    {% do return(local_md5(model.raw_code ~ sql)) %}
{% endmacro %}

{# The ephemeral models that a node reads, also through one another. #}
{% macro engine_ephemeral_parents(node) %}
    {% set found = [] %}
    {% for id in node.depends_on.nodes if graph.nodes.get(id, {}).get('config', {}).get('materialized') == 'ephemeral' %}
        {% do found.extend([graph.nodes[id]] + engine_ephemeral_parents(graph.nodes[id])) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}

{# The commits of an input that the model may read: with the setting `gate`, of a source those that the gate has read. #}
{% macro engine_readable_commits(relation, from) %}
    {% if not config.meta_get('gate') or not engine_is_source(relation) %}
        {% do return(engine_commits(relation, from)) %}
    {% endif %}
    {% set limit = engine_version_of_gate(relation) %}
    {% set seen = engine_commits(relation, [limit, from if from is not none else limit] | min) %}
    {% do return(seen | selectattr('version', 'le', limit) | list) %}
{% endmacro %}

{# The version of a table that the model's gate has read. #}
{% macro engine_version_of_gate(relation) %}
    {% set gate, name = config.meta_get('gate'), engine_name(relation) %}
    {% set read_now = engine_state().reads.get('model.' ~ model.package_name ~ '.' ~ gate) %}
    {% set passed = read_now.inputs.get(name) if read_now else engine_marks_of(ref(gate), gate).get(name) %}
    {% if not passed %}{% do engine_refuse_before_gate('has no watermark on ' ~ name) %}{% endif %}
    {% do return(passed.to if read_now else passed.version) %}
{% endmacro %}

{#
  Refuse to build the model if a dimension has lost keys and the gate has not read the loss: if they returned before it
  does, nothing would release the rows that this model drops.
#}
{% macro engine_check_gate() %}
    {% for table, column in config.meta_get('dimensions', {}).items() if config.meta_get('gate') %}
        {% if engine_lost_since(ref(table), column, engine_version_of_gate(ref(table))) %}
            {% do engine_refuse_before_gate('has not read which keys ' ~ engine_name(ref(table)) ~ ' has lost') %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{# Fail with the reason why the gate must be built first, and with the command that builds it. #}
{% macro engine_refuse_before_gate(reason) %}
    {% set first = ': build it first, with dbt build --select ' ~ config.meta_get('gate') %}
    {% do exceptions.raise_compiler_error(config.meta_get('gate') ~ ' ' ~ reason ~ first) %}
{% endmacro %}

{# Whether a relation is a source. #}
{% macro engine_is_source(relation) %}
    {% set tables = graph.sources.values() | selectattr('schema', 'eq', relation.schema) %}
    {% do return(relation.identifier in tables | map(attribute='identifier') | list) %}
{% endmacro %}

{# Note that the current node asks for the changes of an input. #}
{% macro engine_follow(relation) %}
    {% do engine_state().followed.setdefault(model.unique_id, []).append(relation.identifier) if execute %}
{% endmacro %}

{# The tables that the current node reads, also through ephemeral models, and that are not in `names`. #}
{% macro engine_unfollowed(names) %}
    {% set exempt = config.meta_get('static_inputs', []) + config.meta_get('dimensions', {}) | list %}
    {% set found = [] %}
    {% for node in [model] + engine_ephemeral_parents(model) %}
        {% for id in node.depends_on.nodes %}
            {% set input = graph.nodes.get(id) or graph.sources[id] %}
            {% if input.config.materialized != 'ephemeral' and input.name not in exempt
                and (input.alias or input.identifier) not in names %}
                {% do found.append(input.schema ~ '.' ~ (input.alias or input.identifier)) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}
