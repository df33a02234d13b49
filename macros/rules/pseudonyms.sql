{#
  The pseudonym of a user: the first 64 bits of a keyed hash, in hexadecimal. Without the key nobody can compute it, and
  so nobody can find out whose it is by trying user ids.
#}
{% macro pseudonym(user_id) -%}
    substr(sha2((select key from {{ ref('pseudonym_key') }}) || cast({{ user_id }} as string), 256), 1, 16)
{%- endmacro %}
