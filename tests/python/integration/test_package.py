"""A project of another domain (tests/orders) installs the library: increments equal a full refresh.

Several random shops share its tables, so that one sequence of builds serves all of them.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import chdir
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from fitness.build import results_of
from fitness.settings import PROJECT
from tests.python.lake import Lake
from tests.python.small_project import ProjectFolder, outcome_of

if TYPE_CHECKING:
    from dbt_common.events.base_types import EventMsg

SHOPS, BATCHES = 12, 5
ORDERS_ONLY = 2  # the batch that has no events of customers
RAW_TABLES = {
    "order_events": """
        order_id bigint, customer_id bigint, amount decimal(10, 2), status string,
        event_time timestamp, sequence int
    """,
    "customer_events": """
        customer_id bigint, name string, status string, event_time timestamp, sequence int
    """,
}
TABLES = {
    "orders": "order_id, customer_id, order_date, amount, status, sequence",
    "customers": "customer_id, name, status, sequence",
    "customer_totals": "customer_id, orders, amount",
    "daily_sales": "order_date, orders, amount",
}


class OrderEvent(NamedTuple):
    """A row of raw.order_events."""

    order_id: int
    customer_id: int
    amount: Decimal
    status: str
    event_time: datetime
    sequence: int


class CustomerEvent(NamedTuple):
    """A row of raw.customer_events."""

    customer_id: int
    name: str
    status: str
    event_time: datetime
    sequence: int


Event = OrderEvent | CustomerEvent
Rows = list[tuple[Any, ...]]


class OrdersProject(ProjectFolder):
    """A copy of the project, with the library installed by `dbt deps`."""

    def __init__(self, lake: Lake, root: Path) -> None:
        from dbt.cli.main import dbtRunner

        super().__init__(lake, root / "tests" / "orders")
        shutil.copytree(PROJECT / "tests" / "orders", self.folder)
        (root / "incremental").symlink_to(PROJECT / "incremental")  # where packages.yml finds it
        folders = ["--project-dir", str(self.folder), "--profiles-dir", str(PROJECT)]
        with chdir(self.folder):  # `dbt deps` changes the working directory.
            assert dbtRunner().invoke(["--quiet", "deps", *folders]).success
        self.messages: list[str] = []

    def on_event(self, event: "EventMsg") -> None:
        """Collect what models log: which of them were compared whole, and why."""
        if event.info.name == "JinjaLogInfo":
            self.messages.append(event.data.msg)

    def build(self, *arguments: str) -> Mapping[str, str]:
        """Build and test; return the outcome of each node, by name."""
        result = self.run(self.on_event, "build", *arguments)
        assert not result.exception, result.exception
        results = results_of(result)
        assert not [
            (r.node.name, r.message) for r in results if r.status not in ("success", "pass")
        ]
        return {r.node.name: outcome_of(r) for r in results if r.node.resource_type != "operation"}

    def tables(self) -> dict[str, Rows]:
        """Return the rows of all tables."""
        return {
            table: sorted(self.rows(f"select {columns} from silver_shop.{table}"))
            for table, columns in TABLES.items()
        }

    def create_raw_tables(self) -> None:
        """Create the tables of events."""
        self.lake.spark.sql("create schema raw")
        for table, columns in RAW_TABLES.items():
            self.lake.spark.sql(
                f"create table raw.{table} ({columns}) using delta"
                " tblproperties (delta.enableChangeDataFeed = true)"
            )

    def append(self, events: Sequence[Event]) -> None:
        """Append events to the raw tables."""
        for table, kind in (("order_events", OrderEvent), ("customer_events", CustomerEvent)):
            rows = [sql_row(event) for event in events if isinstance(event, kind)]
            if rows:
                self.lake.spark.sql(f"insert into raw.{table} values {', '.join(rows)}")


def sql_row(event: Event) -> str:
    """Return an event as a row of SQL literals."""
    literals = {datetime: "timestamp'{}'", str: "'{}'"}
    return f"({', '.join(literals.get(type(value), '{}').format(value) for value in event)})"


def draw_events(random: Random, shop: int) -> list[Event]:
    """Draw the events of a shop, with ids and days of its own."""
    opening = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(weeks=shop)
    customers = [10 * shop + n for n in range(1, 5)]

    def times(most: int) -> Iterable[tuple[datetime, int]]:
        for sequence in range(1, random.randint(1, most) + 1):
            yield opening + timedelta(hours=random.randrange(72)), sequence

    events: list[Event] = []
    for customer in customers:
        for time, sequence in times(4):
            name, status = random.choice("abc"), random.choice(["active", "deleted"])
            events.append(CustomerEvent(customer, name, status, time, sequence))
    for order in range(10 * shop + 1, 10 * shop + 7):
        for time, sequence in times(4):
            amount = Decimal(random.randrange(1, 9999)) / 100
            status = random.choice(["placed", "paid", "cancelled"])
            events.append(
                OrderEvent(order, random.choice(customers), amount, status, time, sequence)
            )
    return events


def draw_batches(random: Random, events: Sequence[Event]) -> list[list[Event]]:
    """Deal events out in batches: in any order, each event once or several times."""
    batches: list[list[Event]] = [[] for _ in range(BATCHES)]
    for event in events:
        allowed = set(range(BATCHES)) - (
            {ORDERS_ONLY} if isinstance(event, CustomerEvent) else set()
        )
        for number in random.choices(sorted(allowed), k=random.choice([1, 1, 2, 3])):
            batches[number].append(event)
    for batch in batches:
        random.shuffle(batch)
    return batches


def expected(events: Iterable[Event]) -> dict[str, Rows]:
    """Compute all tables from the events that have arrived."""
    in_sequence = sorted(events, key=lambda event: event.sequence)
    orders = {e.order_id: e for e in in_sequence if isinstance(e, OrderEvent)}
    customers = {e.customer_id: e for e in in_sequence if isinstance(e, CustomerEvent)}
    sales = [order for order in orders.values() if order.status != "cancelled"]
    by_customer: dict[int, list[Decimal]] = {
        customer.customer_id: [] for customer in customers.values() if customer.status != "deleted"
    }
    by_day: dict[date, list[Decimal]] = {}
    for order in sales:
        by_day.setdefault(order.event_time.date(), []).append(order.amount)
        if order.customer_id in by_customer:
            by_customer[order.customer_id].append(order.amount)
    return {
        "orders": sorted(
            (o.order_id, o.customer_id, o.event_time.date(), o.amount, o.status, o.sequence)
            for o in orders.values()
        ),
        "customers": sorted(
            (c.customer_id, c.name, c.status, c.sequence) for c in customers.values()
        ),
        "customer_totals": sums(by_customer),
        "daily_sales": sums(by_day),
    }


def sums(amounts: Mapping[int, list[Decimal]] | Mapping[date, list[Decimal]]) -> Rows:
    """Return the number and the sum of the amounts of each key."""
    return sorted((key, len(found), sum(found)) for key, found in amounts.items())


@pytest.mark.slow
def test_increments_of_a_project_with_the_package_equal_a_full_refresh(
    lake: Lake, tmp_path: Path
) -> None:
    """In any order of arrival; a build without news writes nothing, and tests follow changes."""
    project = OrdersProject(lake, tmp_path)
    project.create_raw_tables()
    shops = [
        draw_batches(random, draw_events(random, shop))
        for shop, random in enumerate(map(Random, range(SHOPS)))
    ]
    batches = [list(chain(*parts)) for parts in zip(*shops, strict=True)]
    arrived: list[Event] = []

    def build_and_compare(batch: list[Event]) -> Mapping[str, str]:
        project.append(batch)
        arrived.extend(batch)
        outcomes = project.build()
        assert project.tables() == expected(arrived)
        return outcomes

    for batch in batches[:-1]:
        outcomes = build_and_compare(batch)
    assert outcomes["not_null_orders_order_id"] == "pass: tested with its model"
    assert {*project.build().values()} == {"success: nothing changed", "pass: nothing changed"}
    project.build("--full-refresh")
    assert project.tables() == expected(arrived)
    build_and_compare(batches[-1])
    assert not project.messages, "a model was compared whole"
