"""Landing to bronze: speed compared with plain Spark, memory, and a run with nothing new.

The two sides of a comparison take turns in one process, and their ratio is taken turn by turn,
since the speed of a machine drifts.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it

from benchmarks.lakehouse import forget_logs
from benchmarks.process_memory import resident
from benchmarks.timing import timed
from fitness.landing import ingest
from fitness.samples.produce import World, produce
from fitness.samples.records import MULTIPLEX
from fitness.spark import start_spark
from python_ingest.errors import FitnessError
from python_ingest.settings import Settings

ENVELOPE = (
    "key string, value string, topic string, `partition` bigint, offset bigint, timestamp double"
)
PAYLOAD = (
    "user_id bigint, update_type string, timestamp double, dob string, sex string, gender string, "
    "first_name string, last_name string, "
    "address struct<street_address: string, city: string, state: string, zip: string>, "
    "workout_id bigint, session_id bigint, action string, "
    "device_id bigint, time double, heartrate double"
)
READINGS = 3_000_000
MANY_READINGS = 10_000_000
FILES = 10_000
TURNS = 5
# For a process of its own: start Spark, land, print how long landing took.
NO_NEWS = """
import time
from fitness.landing import ingest
from python_ingest.settings import read_settings
from fitness.spark import start_spark
settings = read_settings()
spark = start_spark(settings)
spark.range(1).collect()
began = time.monotonic()
assert not ingest(spark, settings)
print(time.monotonic() - began)
"""


def speed(root: Path) -> dict[str, list[float]]:
    """Time the ingest and a plain Spark job on the same lines, in turns; seconds of each."""
    settings = Settings(root / "landing", root / "lakehouse", "local")
    print(f"speed: producing {READINGS:,} readings")
    produce(World(users=100, days=30, seed=1, files=20, readings=READINGS), settings.landing)
    spark = start_spark(settings)

    def land() -> None:
        shutil.rmtree(settings.lakehouse / "bronze", ignore_errors=True)
        for folder in (settings.checkpoints, settings.positions):
            shutil.rmtree(folder, ignore_errors=True)
        forget_logs(spark)
        ingest(spark, settings)

    def plain() -> None:
        shutil.rmtree(root / "parquet", ignore_errors=True)
        plain_job(spark, settings.landing, root / "parquet")

    taken: dict[str, list[float]] = {"ingest": [], "plain": []}
    for turn in range(TURNS + 1):
        for name, side in (("ingest", land), ("plain", plain)):
            seconds = timed(side)
            print(f"speed: turn {turn}, {name} {seconds:.1f} s")
            if turn:  # The first one warms up.
                taken[name].append(seconds)
    return taken


def plain_job(spark: SparkSession, landing: Path, out: Path) -> None:
    """Read the lines, parse envelope and payload, write Parquet by topic: no checks, no lineage."""
    line = F.from_json("value", ENVELOPE)
    payload = F.from_json("line.value", PAYLOAD)
    (
        spark.read.text(str(landing / MULTIPLEX))
        .withColumn("line", line)
        .select(
            "line.*", payload.alias("payload"), F.col("value").alias("_raw"), "_metadata.file_path"
        )
        .drop("value")
        .write.partitionBy("topic")
        .parquet(str(out))
    )


def memory(root: Path) -> dict[str, float]:
    """Land many readings by the command line; seconds, and peak resident GiB of all processes."""
    print(f"memory: producing {MANY_READINGS:,} readings")
    produce(World(users=100, days=30, seed=1, files=60, readings=MANY_READINGS), root / "landing")
    print("memory: landing them")
    peak = 0
    began = time.monotonic()
    process = start([sys.executable, "-m", "fitness", "ingest"], root)
    while process.poll() is None:
        peak = max(peak, resident(process.pid))
        time.sleep(0.2)
    output, _ = process.communicate()
    if process.returncode:
        raise FitnessError(f"the ingest failed: {output}")
    return {"seconds": time.monotonic() - began, "gibibytes": peak / 2**30}


def no_news(root: Path) -> list[float]:
    """Time ingests in new processes that find nothing new among many files; seconds of each."""
    print(f"no news: landing {FILES:,} files")
    feed = root / "landing" / MULTIPLEX
    feed.mkdir(parents=True)
    for number in range(FILES):
        line = f'{{"topic":"bpm","value":{{"device_id":1,"time":{number},"heartrate":60}}}}\n'
        (feed / f"{number}.json").write_text(line)
    taken = []
    start([sys.executable, "-m", "fitness", "ingest"], root).communicate()
    for _ in range(3):
        output, _ = start([sys.executable, "-c", NO_NEWS], root).communicate()
        taken.append(float(output.split()[-1]))
        print(f"no news: {taken[-1]:.1f} s")
    return taken


def start(
    command: list[str], root: Path, output: int | TextIO = subprocess.PIPE
) -> "subprocess.Popen[str]":
    """Start a command on a landing folder and a lakehouse below `root`.

    Its output goes to `output`: a file, or a pipe, which blocks the command unless it is read.
    """
    places = {"FITNESS_LANDING": root / "landing", "FITNESS_LAKEHOUSE": root / "lakehouse"}
    return subprocess.Popen(  # noqa: S603 - our own command line
        command,
        env=os.environ | {name: str(path) for name, path in places.items()},
        stdout=output,
        text=True,
    )
