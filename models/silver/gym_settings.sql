-- What the seed gyms says of each gym, as a table whose changes can be followed. Grain: one row per gym.
{{ config(unique_key=['gym']) }}

{%- set touched = touched_slices(['gym'], [ref('gyms')]) %}

select
    gym,
    time_zone
from {{ ref('gyms') }}
where {{ in_slices(touched) }}
