"""The models in docs/incremental.md work as the page says."""

import re

from fitness.settings import PROJECT
from tests.python.scenarios import ALL, Scenario, Steps, scenario

ARRIVED = """
    {{ config(unique_key=['id', 'sent_at', 'received_at']) }}
    select 1 as id, timestamp'2026-01-01 10:00:00' as sent_at, 5 as received_at, 'first' as value
"""
SESSIONS = """
    {{ config(unique_key=['user_id']) }}
    select user_id, 1 as workout_id, 1 as session_id, state,
        timestamp'2026-01-01 10:00:00' as start_time, timestamp'2026-01-01 11:00:00' as end_time
    from values (1, 'completed'), (2, 'open') as t (user_id, state)
"""


@scenario
def test_the_models_of_both_patterns_follow_changes(project: Scenario) -> Steps:
    text = (PROJECT / "docs" / "incremental.md").read_text()
    arrive, derive = re.findall(r"```sql\n(.*?)```", text, flags=re.DOTALL)
    project.model("arrived", ARRIVED)
    project.model("values_sent", arrive)
    project.model("workout_sessions", SESSIONS)
    project.model("completed", derive)
    yield ALL
    for received_at, value in ((4, "older"), (6, "newer")):
        project.rows(
            "insert into silver.arrived values"
            f" (1, timestamp'2026-01-01 10:00:00', {received_at}, '{value}')"
        )
    project.rows("update silver.workout_sessions set state = 'completed' where user_id = 2")
    project.rows("delete from silver.workout_sessions where user_id = 1")
    built = yield ALL
    assert built.messages == []
    assert project.rows("select id, value from silver.values_sent") == [(1, "newer")]
    assert project.rows("select user_id from silver.completed") == [(2,)]
