{#
  A model must follow the changes of every table that it reads: one that it forgets would be missed in
  silence. Each use of changes() is noted here, and a model that reads without is refused, in a build
  and by `dbt compile`, which renders the model before its tests.
#}
{% macro follow(relation) %}
    {% if execute %}
        {% do run_state().asked.setdefault(model.unique_id, []).append(input_name(relation)) %}
    {% endif %}
{% endmacro %}


{# Raises an error if the model, a node of the graph, reads a table whose changes it does not follow. #}
{% macro check_follows_inputs(node) %}
    {% if not execute or node.config.materialized != 'incremental' %}{% do return(none) %}{% endif %}
    {# With --defer a table may be that of production. #}
    {% set followed = run_state().asked.get(node.unique_id, []) | map('replace', developer_prefix(), '') | list %}
    {% for name in tables_read(node) if name | replace(developer_prefix(), '') not in followed %}
        {% do exceptions.raise_compiler_error(
            node.name ~ ' reads ' ~ name ~ ' but never asks for changes() of it: a change there would be missed. '
            ~ 'Touch the slices that it changes, or, if it never changes, name it in the setting static_inputs.'
        ) %}
    {% endfor %}
{% endmacro %}


{# The tables that a node reads, `schema.table`, through ephemeral models too; without its static_inputs and dimensions. #}
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
