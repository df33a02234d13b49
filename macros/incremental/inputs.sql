{#
  A model must follow the changes of every table that it reads; otherwise it would miss changes silently. follow() notes
  each use of changes(). check_follows_inputs() refuses a model that reads a table without it, in a build and in
  `dbt compile`, which renders the model before its tests.
#}
{% macro follow(relation) %}
    {% if execute %}
        {% do run_state().followed.setdefault(model.unique_id, []).append(input_name(relation)) %}
    {% endif %}
{% endmacro %}


{# Raises an error if the model, a node of the graph, reads a table whose changes it does not follow. #}
{% macro check_follows_inputs(node) %}
    {% if not execute or node.config.materialized != 'incremental' %}{% do return(none) %}{% endif %}
    {% for name in unfollowed_tables(node, run_state().followed.get(node.unique_id, [])) %}
        {% do exceptions.raise_compiler_error(
            node.name ~ ' reads ' ~ name ~ ' but never asks for changes() of it: a change there would be missed. '
            ~ 'Touch the slices that it changes, or, if it never changes, name it in the setting static_inputs.'
        ) %}
    {% endfor %}
{% endmacro %}


{# The tables that a node reads and `names` does not have. With --defer, a name may be that of the production table. #}
{% macro unfollowed_tables(node, names) %}
    {% set known = names | map('replace', developer_prefix(), '') | list %}
    {% set found = [] %}
    {% for name in tables_read(node) if name | replace(developer_prefix(), '') not in known %}
        {% do found.append(name) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# The tables that a node reads, `schema.table`, also through ephemeral models; without static_inputs and dimensions. #}
{% macro tables_read(node) %}
    {% set settings = node.config.meta or {} %}
    {% set exempt = settings.get('static_inputs', []) + settings.get('dimensions', {}) | list %}
    {% set found = [] %}
    {% for id in node.depends_on.nodes %}
        {% set input = graph.nodes.get(id) or graph.sources[id] %}
        {% if input.config.materialized == 'ephemeral' %}
            {% do found.extend(tables_read(input)) %}
        {% elif input.name not in exempt %}
            {% do found.append(input.schema ~ '.' ~ (input.alias or input.identifier)) %}
        {% endif %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}
