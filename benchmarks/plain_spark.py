"""What incrementality costs: the same tables by a plain Spark batch job.

Landing is parsed by the project's own parser, in one batch, and each model's SQL, as dbt compiles
it for a full refresh, overwrites a table, one after another: no dbt run, no watermarks, no
MERGE, no tests. If the job writes Delta tables, the time that the project takes beyond it is the
price of incrementality and tests; if it writes Parquet, of Delta too. The job has no snapshot of
profiles: what was known at earlier times cannot be computed.

The tables have the names of the project's own, so the job needs a process and a lakehouse folder to
itself.
"""

import json
import os
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it

from fitness.errors import BuildError
from fitness.settings import PROJECT, export
from python_ingest.errors import FitnessError
from python_ingest.feeds import MULTIPLEX, UNROUTED, feeds_by_folder
from python_ingest.landed_files import look_at
from python_ingest.parse.frames import parse_files, rows_of
from python_ingest.settings import Settings
from python_ingest.stream import cached
from python_ingest.tables import INGESTED_AT, table_schema

COMPILED = PROJECT / "target" / "plain_spark"
LAYERS = ("bronze", "silver", "gold")


def compile_models(settings: Settings) -> None:
    """Let dbt compile each model's SQL, which runs no query; raises BuildError."""
    # Imported here: dbt takes a second to load.
    from dbt.cli.main import dbtRunner

    export(settings)
    os.chdir(PROJECT)
    models = ["--select", "resource_type:model", "--no-populate-cache"]
    result = dbtRunner().invoke(["--quiet", "compile", *models, "--target-path", str(COMPILED)])
    if not result.success:
        raise BuildError(f"dbt did not compile the models: {result.exception}")


def plain_spark_job(spark: SparkSession, settings: Settings, kind: str) -> None:
    """Read landing, compute, overwrite tables of a kind, delta or parquet; compile_models() first.

    Raises FitnessError in a lakehouse that holds tables of the project.
    """
    if any(settings.lakehouse.glob("*/*/_delta_log")):
        raise FitnessError(f"{settings.lakehouse} is the project's: give the job another folder.")
    spark.conf.set("spark.sql.ansi.enabled", "false")  # as dbt has it
    for layer in LAYERS:
        folder = settings.lakehouse / kind / layer
        spark.sql(f"create schema if not exists {layer} location '{folder}'")
    write_bronze(spark, settings.landing, kind)
    for node in nodes_in_order():
        table = f"{node['schema']}.{node['alias']}"
        spark.sql(f"drop table if exists {table}")
        if node["resource_type"] == "seed":
            write_seed(spark, node, table, kind)
            continue
        columns = node["config"].get("partition_by")
        partitioned = f"partitioned by ({', '.join(columns)})" if columns else ""
        spark.sql(f"create table {table} using {kind} {partitioned} as {node['compiled_code']}")


def write_bronze(spark: SparkSession, landing: Path, kind: str) -> None:
    """Parse all that has landed, and overwrite the tables of bronze."""
    for folder, feeds in feeds_by_folder().items():
        paths = sorted(p for p in (landing / folder).rglob("*") if p.name[0] not in "._")
        files = [look_at(path, path.as_uri()) for path in paths]
        with cached(parsed := parse_files(spark, files, feeds)):
            for table in [feed.table for feed in feeds] + [UNROUTED] * (folder == MULTIPLEX):
                rows = rows_of(parsed, table).withColumn(INGESTED_AT, F.current_timestamp())
                spark.sql(f"drop table if exists bronze.{table}")
                columns = table_schema(table).names
                rows.select(*columns).write.format(kind).saveAsTable(f"bronze.{table}")


def nodes_in_order() -> Iterator[dict[str, Any]]:
    """Return dbt's models and seeds that are tables, each after what it reads."""
    nodes = json.loads((COMPILED / "manifest.json").read_text())["nodes"]
    tables = {name: node for name, node in nodes.items() if is_table(node)}
    reads = {
        name: node["depends_on"].get("nodes", [])
        for name, node in nodes.items()
        if node["resource_type"] in ("model", "seed")
    }
    yield from (tables[name] for name in TopologicalSorter(reads).static_order() if name in tables)


def is_table(node: dict[str, Any]) -> bool:
    """Return whether a dbt node is a model or seed with a table in one of the layers."""
    kind, materialized = node["resource_type"], node["config"].get("materialized")
    is_node = kind in ("model", "seed") and materialized != "ephemeral"
    return is_node and node["schema"] in LAYERS


def write_seed(spark: SparkSession, node: dict[str, Any], table: str, kind: str) -> None:
    """Load a seed."""
    columns = ", ".join(f"{name} {type_}" for name, type_ in node["config"]["column_types"].items())
    file = str(PROJECT / node["original_file_path"])
    spark.read.csv(file, header=True, schema=columns).write.format(kind).saveAsTable(table)
