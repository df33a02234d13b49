"""Scenarios of the incremental library: dbt packages of a few models that share their builds.

A build takes seconds even with little to do. So a scenario is a generator that yields when it needs
a build, and each build serves all scenarios of the test session.
"""

import shutil
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitness.build import results_of
from tests.python.lake import Lake
from tests.python.small_project import NODES, ROOT_PROJECT, ProjectFolder, outcome_of

if TYPE_CHECKING:
    from dbt_common.events.base_types import EventMsg

ALL = "*"  # selects all of a scenario
ALIAS = """
    {% macro generate_alias_name(custom_alias_name=none, node=none) -%}
        {{ node.package_name }}_{{ node.name }}
    {%- endmacro %}
"""


@dataclass
class BuildResult:
    """The result of a build, for one scenario.

    `outcomes` and `errors` have dbt's status and message of each node, `messages` what its models
    log, `statements` the SQL of its nodes.
    """

    outcomes: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)


class NodeError(Exception):
    """Nodes of a scenario failed: `errors` has dbt's message of each, by its name."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("\n".join(errors.values()))
        self.errors = errors


class Scenario(ProjectFolder):
    """The dbt package of a scenario: in its own schema, not in silver, and with a prefix.

    The prefix is for dbt-spark's temporary views, which it names after the table alone.
    """

    def __init__(self, lake: Lake, folder: Path, schema: str) -> None:
        super().__init__(lake, folder)
        self.schema = schema
        self.vars("{}")

    def vars(self, text: str) -> None:
        """Set the vars of the package, in YAML."""
        nodes = NODES.format(schema=self.schema)
        self.write("dbt_project.yml", f"name: {self.schema}\nvars: {text}\n{nodes}")

    def named(self, text: str) -> str:
        """Return SQL about silver tables with the names of this scenario's tables instead."""
        return text.replace("silver.", f"{self.schema}.{self.schema}_")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Run SQL about silver tables on this scenario's tables."""
        return super().rows(self.named(query))

    def table(self, name: str, query: str) -> None:
        """Create or replace a table by hand, with a change feed."""
        super().rows(f"create schema if not exists {self.schema} location '{self.schema}'")
        followed = "using delta tblproperties (delta.enableChangeDataFeed = true)"
        self.rows(f"create or replace table silver.{name} {followed} as {query}")

    def source(self, name: str, query: str) -> None:
        """Create such a table as `source('raw', name)`."""
        self.table(name, query)
        table = f"{{name: {name}, identifier: {self.schema}_{name}}}"
        source = f"{{name: raw, schema: {self.schema}, tables: [{table}]}}"
        self.write(f"models/{name}.yml", f"sources: [{source}]")

    def table_folder(self, table: str) -> Path:
        """Return the folder of one of its tables."""
        return self.lake.settings.lakehouse / self.schema / f"{self.schema}_{table}"


Steps = Generator[str, BuildResult, None]  # yields what to build, a selection of dbt's
ScenarioFunction = Callable[[Scenario], Steps]


class ScenarioRunner:
    """Runs scenarios together, and keeps the failure of each; None if it did not fail."""

    def __init__(self, lake: Lake, folder: Path) -> None:
        self.root = ProjectFolder(lake, folder)
        self.failures: dict[ScenarioFunction, BaseException | None] = {}
        self.built: dict[str, BuildResult] = {}

    def run(self, functions: Iterable[ScenarioFunction]) -> None:
        """Run scenarios until all have ended."""
        self.root.lake.empty()
        packages = self.root.folder / "dbt_packages"
        shutil.rmtree(packages, ignore_errors=True)
        self.root.write("dbt_project.yml", ROOT_PROJECT)
        self.root.write("macros/generate_alias_name.sql", ALIAS)
        running: dict[str, tuple[ScenarioFunction, Steps]] = {}
        for number, function in enumerate(functions, 1):
            schema = f"s{number:02}"
            running[schema] = (
                function,
                function(Scenario(self.root.lake, packages / schema, schema)),
            )
        self.built = {}
        while running:
            selections: dict[str, str] = {}
            for schema, (function, steps) in running.items():
                try:
                    selections[schema] = next_selection(steps, self.built.get(schema))
                except StopIteration:
                    self.failures[function] = None
                except BaseException as failure:
                    self.failures[function] = failure
            running = {schema: running[schema] for schema in selections}
            if selections:
                self.build(selections)

    def build(self, selections: dict[str, str]) -> None:
        """Build what each scenario asks for."""
        self.built = {schema: BuildResult() for schema in selections}
        selected = [
            f"package:{schema}" if selection == ALL else f"package:{schema},{selection}"
            for schema, selection in selections.items()
        ]
        result = self.root.run(self.on_event, "build", "--select", *selected)
        all_built = [*self.built.values()]
        errors = [(all_built, "dbt", result.exception)] if result.exception else []
        for each in results_of(result):
            owner = self.built.get(each.node.package_name)
            if each.status == "error":  # A hook of the run has no owner: all fail.
                errors.append(([owner] if owner else all_built, each.node.name, each.message))
            elif owner:
                owner.outcomes[each.node.name] = outcome_of(each)
        for concerned, name, message in errors:
            for built in concerned:
                built.errors[name] = str(message)

    def on_event(self, event: "EventMsg") -> None:
        """Collect what the models of each scenario log, and their statements."""
        if event.info.name not in ("JinjaLogInfo", "SQLQuery"):
            return
        owner = [*event.data.node_info.unique_id.split("."), ""][1]
        if event.info.name == "SQLQuery":
            if owner in self.built:
                self.built[owner].statements.append(event.data.sql)
            return
        for schema, built in self.built.items():
            # The message of a hook of the run names the table.
            if schema == owner or (owner not in self.built and f"{schema}." in event.data.msg):
                built.messages.append(event.data.msg)


def next_selection(steps: Steps, built: BuildResult | None) -> str:
    """Continue a scenario with the result of its last build; return what it builds next.

    Raises StopIteration when the scenario has ended.
    """
    if built is None:
        return next(steps)
    if built.errors:
        return steps.throw(NodeError(built.errors))
    return steps.send(built)


def scenario(function: ScenarioFunction) -> Callable[[Callable[[ScenarioFunction], None]], None]:
    """Make a test of a scenario."""

    def test(run_scenario: Callable[[ScenarioFunction], None]) -> None:
        run_scenario(function)

    test.__name__, test.__doc__ = function.__name__, function.__doc__
    test.__module__, test.__qualname__ = function.__module__, function.__qualname__
    test.scenario = function  # type: ignore[attr-defined]
    return test
