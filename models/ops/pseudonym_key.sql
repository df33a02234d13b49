-- The key of the pseudonyms in gold_private, made at random in the first build. Grain: one row.
{{ config(unique_key=['key'], full_refresh=false) }}

{% if read_mode() == 'full' -%}
    -- aes_encrypt() begins its result with 96 bits from a secure generator; uuid() and rand() could be guessed.
    select sha2(aes_encrypt('', '0000111122223333'), 256) as key
{%- else -%}
    select key from {{ this }}
{%- endif %}
