"""The lakehouse in Airflow 3: land and build every quarter of an hour, maintain at night.

Each task is a command of the project on a worker that shares its folders; set the Airflow variable
`fitness_home` to the folder of the project, set up by `make setup`. Each layer is a task of its
own, so that Airflow shows and retries the layer that failed.
"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

FITNESS = 'cd "{{ var.value.get("fitness_home", "/opt/fitness") }}" && .venv/bin/fitness '
DEFAULTS = {"retries": 2, "retry_delay": timedelta(minutes=2), "retry_exponential_backoff": True}
# A test of both layers belongs to gold, as do the tests that no line is lost, which run after it:
# `path:models/silver` would take them here, since they are written there.
SILVER = "--select path:seeds config.schema:silver path:snapshots --indirect-selection buildable"
GOLD = "--select path:models/gold path:models/gold_private path:models/ops"
WHOLE = "--vars 'whole_tests: true'"


def fitness(task: str, arguments: str) -> BashOperator:
    """Return the task that runs a command of the project."""
    return BashOperator(task_id=task, bash_command=FITNESS + arguments)


with DAG(
    "fitness",
    description="Land what is new, build silver and gold, and test them.",
    schedule="*/15 0-2,4-23 * * *",  # At 3 fitness_nightly runs.
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - Airflow takes its own time zone
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["dbt"],
):
    (
        fitness("ingest", "ingest")
        >> fitness("build_silver", f"build {SILVER}")
        >> fitness("build_gold", f"build {GOLD}")
    )

with DAG(
    "fitness_nightly",
    description="Test whole tables; compact the tables and remove old files.",
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001
    catchup=False,
    max_active_runs=1,
    max_active_tasks=1,
    default_args=DEFAULTS,
    tags=["dbt"],
):
    # One after the other, but neither depends on the success of the other.
    fitness("whole_tests", f"build {WHOLE}")
    fitness("maintain", "maintain")
