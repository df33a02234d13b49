{# dbt's view, but no statement if the view has this SQL already: three of them cost a tenth of a build without news. #}
{% materialization view, adapter='spark' %}
    {% set known = load_relation(this) %}
    {# Spark leaves out the comments before the query. #}
    {% set query = modules.re.sub('^(\\s*--[^\n]*)*\\s*', '', compiled_code).strip() %}
    {% if known and query in (known.information or '') and not should_full_refresh() %}
        {% call noop_statement('main', 'nothing changed') %}{% endcall %}
        {{ return({'relations': [this]}) }}
    {% endif %}
    {{ return(dbt.materialization_view_spark()) }}
{% endmaterialization %}
