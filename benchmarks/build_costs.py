"""What a build costs, node by node: seconds, statements, Spark jobs, and the data that is read."""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from pyspark.sql import SparkSession

from fitness.build import build
from fitness.dbt_arguments import EVERYDAY
from python_ingest.settings import Settings

if TYPE_CHECKING:
    from dbt_common.events.base_types import EventMsg

RUN = "run"  # The costs outside of nodes: hooks, and dbt's own statements.


@dataclass
class Cost:
    """What a node of a build has cost; `files_read` and `bytes_read` count whole files."""

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


def counted_build(spark: SparkSession, settings: Settings) -> dict[str, Cost]:
    """Run an everyday build, one node at a time; return the cost of each by its unique id."""
    costs: dict[str, Cost] = defaultdict(Cost)
    meter = Meter(spark)
    current = RUN

    def on_event(event: "EventMsg") -> None:
        nonlocal current
        name = event.info.name
        if name in ("NodeStart", "NodeFinished"):
            costs[current].add(meter.since_last())
            current = event.data.node_info.unique_id if name == "NodeStart" else RUN
        elif name == "SQLQuery":
            costs[current].statements += 1

    build(settings, [*EVERYDAY, "--threads", "1"], on_event=on_event)
    costs[RUN].add(meter.since_last())
    return costs


class Meter:
    """Counts what Spark has done since the last call."""

    def __init__(self, spark: SparkSession) -> None:
        session: Any = spark
        self._context = session.sparkContext._jsc.sc()
        self._executions = session._jsparkSession.sharedState().statusStore()
        self._jobs = self._context.dagScheduler().numTotalJobs()
        self._newest = next(self._executions_from_newest(), -1)
        self._time = time.monotonic()

    def since_last(self) -> Cost:
        """Return the cost since the last call; statements are not counted."""
        self._context.listenerBus().waitUntilEmpty()
        cost = Cost(seconds=time.monotonic() - self._time)
        jobs = self._context.dagScheduler().numTotalJobs()
        cost.jobs, self._jobs = jobs - self._jobs, jobs
        before, self._newest = self._newest, next(self._executions_from_newest(), -1)
        for number in takewhile(lambda number: number > before, self._executions_from_newest()):
            for name, value in self._metrics(number):
                if name == "number of files read":
                    cost.files_read += int(value.replace(",", ""))
                elif name == "size of files read":
                    cost.bytes_read += in_bytes(value)
        self._time = time.monotonic()
        return cost

    def _executions_from_newest(self) -> Iterator[int]:
        found = self._executions.executionsList()
        for place in reversed(range(found.size())):
            yield found.apply(place).executionId()

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
    """Read a size as Spark writes it, such as `1234.5 KiB`; the total of several tasks."""
    size, unit = text.splitlines()[-1].split()[:2]
    return round(float(size.replace(",", "")) * UNITS[unit])
