"""What a build costs, node by node: seconds, statements, Spark jobs, and the data that is read."""

import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyspark.sql import SparkSession

from python_ingest.build import EVERYDAY
from python_ingest.errors import BuildError
from python_ingest.settings import PROJECT, Settings

if TYPE_CHECKING:
    from dbt_common.events.base_types import EventMsg

RUN = "run"  # What no node asks for: hooks, and dbt's own statements.


@dataclass
class Cost:
    """What a node of a build has cost; `bytes_read` are of whole files, as Delta hands them out."""

    seconds: float = 0.0
    statements: int = 0
    jobs: int = 0
    files_read: int = 0
    bytes_read: int = 0

    def add(self, other: "Cost") -> None:
        """Add the cost of another node."""
        self.seconds += other.seconds
        self.statements += other.statements
        self.jobs += other.jobs
        self.files_read += other.files_read
        self.bytes_read += other.bytes_read


@dataclass
class BuildCosts:
    """The costs of a build: its seconds by the clock, and the nodes by their unique id."""

    seconds: float = 0.0
    nodes: dict[str, Cost] = field(default_factory=lambda: defaultdict(Cost))

    def total(self, kinds: Sequence[str] = ()) -> Cost:
        """Add up the nodes of some kinds (`model`, `test`, ...), or all."""
        total = Cost()
        for name, cost in self.nodes.items():
            if not kinds or name.split(".")[0] in kinds:
                total.add(cost)
        return total


def timed_build(settings: Settings, *arguments: str) -> float:
    """Build as every day, in this process; seconds. Raises BuildError if it fails."""
    began = time.monotonic()
    invoke(settings, arguments, ())
    return time.monotonic() - began


def counted_build(spark: SparkSession, settings: Settings, *arguments: str) -> BuildCosts:
    """Build as every day but node after node, so that what Spark does is known by node."""
    costs = BuildCosts()
    meter = Meter(spark)
    current = [RUN]

    def on_event(event: "EventMsg") -> None:
        name = event.info.name
        if name in ("NodeStart", "NodeFinished"):
            costs.nodes[current[0]].add(meter.since_last())
            starts = name == "NodeStart"
            current[0] = event.data.node_info.unique_id if starts else RUN
        elif name == "SQLQuery":
            costs.nodes[current[0]].statements += 1

    meter.since_last()
    began = time.monotonic()
    invoke(settings, ("--threads", "1", *arguments), (on_event,))
    costs.seconds = time.monotonic() - began
    costs.nodes[RUN].add(meter.since_last())
    return costs


def invoke(settings: Settings, arguments: Sequence[str], callbacks: Sequence[Any]) -> None:
    """Run `dbt build` without the models' unit tests."""
    from dbt.cli.main import dbtRunner

    settings.export()
    os.chdir(PROJECT)
    result = dbtRunner(callbacks=list(callbacks)).invoke(
        ["--quiet", "build", *EVERYDAY, *arguments]
    )
    if not result.success:
        raise BuildError(f"dbt build failed: {result.exception or result.result}")


class Meter:
    """What Spark has done since one last looked."""

    def __init__(self, spark: SparkSession) -> None:
        session: Any = spark
        self._context = session.sparkContext._jsc.sc()
        self._executions = session._jsparkSession.sharedState().statusStore()
        self._jobs = self._execution = 0
        self._time = time.monotonic()

    def since_last(self) -> Cost:
        """Give what was done since the last look, statements aside."""
        self._context.listenerBus().waitUntilEmpty()
        cost = Cost(seconds=time.monotonic() - self._time)
        jobs = self._context.dagScheduler().numTotalJobs()
        cost.jobs, self._jobs = jobs - self._jobs, jobs
        for number in self._new_executions():
            for name, value in self._metrics(number):
                if name == "number of files read":
                    cost.files_read += int(value.replace(",", ""))
                elif name == "size of files read":
                    cost.bytes_read += in_bytes(value)
        self._time = time.monotonic()
        return cost

    def _new_executions(self) -> Iterator[int]:
        found = self._executions.executionsList()
        numbers = [found.apply(place).executionId() for place in range(found.size())]
        new = [number for number in numbers if number >= self._execution]
        self._execution = max(numbers, default=-1) + 1
        yield from new

    def _metrics(self, execution: int) -> Iterator[tuple[str, str]]:
        values = self._executions.executionMetrics(execution)
        nodes = self._executions.planGraph(execution).allNodes()
        for place in range(nodes.size()):
            metrics = nodes.apply(place).metrics()
            for at in range(metrics.size()):
                metric = metrics.apply(at)
                value = values.get(metric.accumulatorId())
                if value.isDefined():
                    yield metric.name(), value.get()


UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def in_bytes(text: str) -> int:
    """Read a size as Spark writes it, such as `1234.5 KiB`; of several tasks' the total."""
    size, unit = text.splitlines()[-1].split()[:2]
    return round(float(size.replace(",", "")) * UNITS[unit])
