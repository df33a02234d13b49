-- The seed heart_rate_maxima, as a table whose changes can be followed. Grain: one row per user_id and valid_from.
{{ config(unique_key=['user_id', 'valid_from']) }}

{%- set touched = touched_slices(['user_id', 'valid_from'], [ref('heart_rate_maxima')]) %}

select
    user_id,
    valid_from,
    bpm
from {{ ref('heart_rate_maxima') }}
where {{ in_slices(touched) }}
