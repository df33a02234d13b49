"""The command line `fitness`."""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from py4j.protocol import Py4JError
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from python_ingest.backlog import is_little_to_build, is_little_to_land
from python_ingest.dbt_arguments import EVERYDAY, UNTESTED, asks_whole_tests, with_whole_tests
from python_ingest.errors import MORE_MEMORY, FitnessError, HeapError
from python_ingest.settings import PROJECT, Rhythm, Settings, duration, is_served, read_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from python_ingest.ingest_log import BatchFigures

log = logging.getLogger(__name__)

app = typer.Typer(
    help="Land, build and read the fitness lakehouse.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
# Tables and paths are cut to the width of a terminal, but not in a file.
console = Console() if sys.stdout.isatty() else Console(width=200)
errors = Console(stderr=True)

Landing = Annotated[
    Path | None, typer.Option(help="The landing folder. Default: FITNESS_LANDING or data/landing.")
]
Lakehouse = Annotated[
    Path | None,
    typer.Option(help="The lakehouse folder. Default: FITNESS_LAKEHOUSE or data/lakehouse."),
]
Out = Annotated[
    Path | None, typer.Option(help="The landing folder. Default: FITNESS_LANDING or data/landing.")
]
Interval = Annotated[
    str, typer.Option(help="With --continuous: how often to look for files, as in 5s or 1m.")
]
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@contextmanager
def plain_errors() -> Iterator[None]:
    """Print what a person can mend as one message and exit with 1."""
    try:
        yield
    except (Py4JError, ConnectionError) as error:
        fail(f"Spark has failed or ended; {PROJECT / 'logs' / 'spark.log'} says why. ({error!r})")
    except HeapError as error:
        fail(f"{error}: {MORE_MEMORY}.")
    except (FitnessError, ValueError, OSError) as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    """Print what went wrong and exit with 1."""
    errors.print(f"[red]fitness:[/red] {message}", soft_wrap=True, highlight=False)
    raise typer.Exit(1)


@contextmanager
def doing(what: str) -> Iterator[Callable[[str], None]]:
    """Show what is going on and for how long, live on a terminal; give a way to add to it."""
    if not console.is_terminal:
        console.print(what, highlight=False)
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=1)
        yield lambda more: progress.update(task, description=f"{what} [dim]{more}[/dim]")
        progress.update(task, description=what, completed=1)


@app.callback()
def main() -> None:
    """Set up what all commands share."""
    ours = logging.getLogger("python_ingest")
    if not ours.handlers:
        ours.setLevel(logging.INFO)
        ours.addHandler(RichHandler(console=console, show_path=False, show_level=False))
        # Others, such as py4j, would print the tracebacks of what is reported here in a line.
        logging.getLogger().addHandler(logging.NullHandler())


@app.command()
def produce(
    users: Annotated[int, typer.Option(help="Members, each with a device.")] = 100,
    days: Annotated[int, typer.Option(help="Days from 2026-01-05 on.")] = 7,
    seed: Annotated[int, typer.Option(help="The same seed makes the same files.")] = 0,
    files: Annotated[int, typer.Option(help="Files to cut the multiplexed feed into.")] = 10,
    readings: Annotated[
        int | None,
        typer.Option(help="Heart-rate readings in all. Default: about 40 minutes a user and day."),
    ] = None,
    continuous: Annotated[
        bool, typer.Option("--continuous", help="Write small files as time goes by, until stopped.")
    ] = False,
    rate: Annotated[float, typer.Option(help="Readings a second, with --continuous.")] = 50.0,
    interval: Annotated[float, typer.Option(help="Seconds a file, with --continuous.")] = 5.0,
    out: Out = None,
) -> None:
    """Write the five feeds of an invented gym into the landing folder."""
    from python_ingest.produce import World, produce, produce_continuously

    with plain_errors():
        folder = read_settings(landing=out).landing
        world = World(users=users, days=days, seed=seed, files=files, readings=readings)
        if continuous:
            with doing(f"Producing {rate:g} readings a second into {folder} until stopped"):
                counts = produce_continuously(world, folder, rate, interval, stop_on_signals())
        else:
            with doing(f"Producing into {folder}") as tell:
                counts = produce(world, folder, lambda done: tell(f"{done:,} readings"))
        for name, count in asdict(counts).items():
            console.print(f"  {name.replace('_', ' '):<24} {count:>12,}", highlight=False)


def stop_on_signals() -> Event:
    """Give an event that SIGINT and SIGTERM set."""
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


@app.command("import")
def import_files(
    files: Annotated[list[Path], typer.Argument(help="Garmin or ANT activity files (.fit).")],
    user: Annotated[int | None, typer.Option(help="The user's id. Default: made up.")] = None,
    device: Annotated[int | None, typer.Option(help="The device's id. Default: made up.")] = None,
    out: Out = None,
) -> None:
    """Turn recorded activities into landing records."""
    from python_ingest.fit import import_fit

    with plain_errors():
        folder = read_settings(landing=out).landing
        for imported in import_fit(files, folder, user, device):
            console.print(
                f"{imported.source.name}: user {imported.user_id}, device {imported.device_id}, "
                f"{len(imported.sessions)} sessions, {imported.readings:,} readings",
                highlight=False,
            )


@app.command()
def ingest(
    landing: Landing = None,
    lakehouse: Lakehouse = None,
    continuous: Annotated[
        bool, typer.Option("--continuous", help="Go on landing what is new, until stopped.")
    ] = False,
    interval: Interval = "5s",
    clean_after: Annotated[
        str | None,
        typer.Option(
            help="Remove files that landed so long ago, as in 30d. "
            "Default: FITNESS_CLEAN_AFTER, or to keep them."
        ),
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(
            help="Where to move such files instead. Default: FITNESS_ARCHIVE, or to delete them."
        ),
    ] = None,
) -> None:
    """Land new files in the bronze tables."""
    with plain_errors():
        settings = read_settings(landing, lakehouse, clean_after, archive)
        is_brief = not continuous and is_little_to_land(settings)
        # Without a metastore, so that builds can go on beside it.
        spark = start(settings, with_metastore=False, is_brief=is_brief)
        run_ingest(spark, settings, every=duration(interval) if continuous else None)


@app.command(context_settings=PASS_ON)
def build(context: typer.Context, lakehouse: Lakehouse = None) -> None:
    """Build silver and gold and test them: dbt build without unit tests.

    Any further arguments are passed on to dbt.
    """
    with plain_errors():
        settings = read_settings(lakehouse=lakehouse)
        load_dbt()
        if not is_served(settings.target):
            spark = start(settings, is_brief=is_brief_build(settings, context.args))
            warm_up(spark, settings)
        run_build(settings, context.args)


@app.command(context_settings=PASS_ON)
def run(
    context: typer.Context,
    landing: Landing = None,
    lakehouse: Lakehouse = None,
    continuous: Annotated[
        bool, typer.Option("--continuous", help="Go on landing and building, until stopped.")
    ] = False,
    interval: Interval = "2s",
    shortest: Annotated[
        str, typer.Option(help="With --continuous: the shortest time between two builds' starts.")
    ] = "10s",
    longest: Annotated[
        str, typer.Option(help="With --continuous: build so often even if nothing has landed.")
    ] = "1h",
    tests: Annotated[
        str, typer.Option(help="With --continuous: how often to test what has changed.")
    ] = "5m",
    whole_tests: Annotated[
        str, typer.Option(help="With --continuous: how often tests look at whole tables.")
    ] = "1d",
) -> None:
    """Land new files, then build and test; further arguments are dbt build's."""
    with plain_errors():
        settings = read_settings(landing, lakehouse)
        pauses = (interval, shortest, longest, whole_tests, tests)
        rhythm = Rhythm(*(duration(each) for each in pauses))
        if continuous and any(argument.startswith("--vars") for argument in context.args):
            raise ValueError("--vars cannot be given with --continuous: use dbt_project.yml.")
        load_dbt()
        is_brief = (
            not continuous
            and is_little_to_land(settings)
            and is_brief_build(settings, context.args)
        )
        spark = start(settings, with_metastore=not is_served(settings.target), is_brief=is_brief)
        if continuous:
            run_both(spark, settings, rhythm, context.args)
        else:
            run_ingest(spark, settings)
            run_build(settings, context.args)


@app.command()
def show(
    tables: Annotated[
        list[str] | None, typer.Argument(help="Tables as layer.name. Default: the gold tables.")
    ] = None,
    lakehouse: Lakehouse = None,
    rows: Annotated[int, typer.Option(help="The most rows of each.")] = 20,
) -> None:
    """Print tables of the lakehouse."""
    from python_ingest.show import show_tables
    from python_ingest.spark import start_spark

    with plain_errors():
        settings = read_settings(lakehouse=lakehouse)
        show_tables(start_spark(settings, is_brief=True), settings, console, tables, rows)


@app.command()
def status(
    landing: Landing = None,
    lakehouse: Lakehouse = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a program to read.")] = False,
) -> None:
    """Say what runs, how far behind each layer is and what failed; exit with 1 if a build did."""
    from python_ingest.status import as_text, read_status

    with plain_errors():
        found = read_status(read_settings(landing, lakehouse))
    if as_json:
        typer.echo(json.dumps(asdict(found), default=str, indent=2))
    else:
        for line in as_text(found, datetime.now(UTC)):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    if found.failed:
        raise typer.Exit(1)


@app.command()
def server(lakehouse: Lakehouse = None) -> None:
    """Serve the lakehouse to dbt's target `server` and to JDBC clients, until stopped.

    Set FITNESS_SERVER_HOST and FITNESS_SERVER_PORT for another address than 127.0.0.1:10000.
    """
    from python_ingest.server import LOG, LOOPBACK, read_address, serve

    with plain_errors():
        address = read_address()
        console.print(
            f"Serving jdbc:hive2://{address.host}:{address.port} until stopped; log: {LOG}",
            soft_wrap=True,
            highlight=False,
        )
        if address.host != LOOPBACK:
            log.warning("Whoever reaches %s can read, change and delete all tables.", address.host)
        serve(read_settings(lakehouse=lakehouse), address)


@app.command()
def maintain(
    lakehouse: Lakehouse = None,
    keep: Annotated[
        str, typer.Option(help="How long at least to keep files of the past; 7d or more.")
    ] = "7d",
) -> None:
    """Put small files together and remove those of the past: every night, say.

    It may run beside an ingest and builds: it waits for a build that is at work.
    """
    from python_ingest import maintenance

    with plain_errors():
        settings, kept = read_settings(lakehouse=lakehouse), duration(keep)
        maintenance.check(settings, kept)
        spark = start(settings, with_metastore=False)
        with doing("Maintaining all tables") as tell:
            done = maintenance.maintain(spark, settings, kept, tell)
        console.print(f"Maintained {len(done)} tables.", highlight=False)


@app.command()
def doctor(landing: Landing = None, lakehouse: Lakehouse = None) -> None:
    """Check what the project needs, and say how to mend what is wrong."""
    from python_ingest.doctor import examine

    with plain_errors():
        findings = examine(read_settings(landing, lakehouse))
    for finding in findings:
        mark = "[green]ok[/green]" if finding.is_good else "[red]wrong[/red]"
        console.print(f"{mark:>5}  {finding.what}", highlight=False, soft_wrap=True)
    if not all(finding.is_good for finding in findings):
        raise typer.Exit(1)


def start(
    settings: Settings, *, with_metastore: bool = True, is_brief: bool = False
) -> "SparkSession":
    """Start this process's Spark."""
    from python_ingest.spark import start_spark

    with doing("Starting Spark"):
        return start_spark(settings, with_metastore=with_metastore, is_brief=is_brief)


def is_brief_build(settings: Settings, arguments: Sequence[str]) -> bool:
    """Tell whether a build has little to do."""
    reads_all = asks_whole_tests(arguments) or not {"-f", "--full-refresh"}.isdisjoint(arguments)
    return not reads_all and is_little_to_build(settings)


def load_dbt() -> None:
    """Have dbt load beside what follows: it takes seconds, as Spark does to start."""
    Thread(target=import_module, args=["dbt.cli.main"], daemon=True).start()


def warm_up(spark: "SparkSession", settings: Settings) -> None:
    """Have Spark read a table beside what follows: its first takes seconds, and dbt reads files."""

    def read_watermarks() -> None:
        # The build says what is wrong, and without a table there is a first load to do.
        with suppress(Exception):
            spark.read.format("delta").load(str(settings.lakehouse / "ops/watermarks")).collect()

    Thread(target=read_watermarks, daemon=True).start()


def run_ingest(spark: "SparkSession", settings: Settings, every: timedelta | None = None) -> None:
    """Land new files, once or as they come, saying what landed."""
    from python_ingest.ingest import ingest, ingest_continuously

    if every is None:
        with doing(f"Landing {settings.landing}") as tell:
            landed = ingest(spark, settings, on_batch(tell))
    else:
        stop = stop_on_signals()
        with doing(f"Landing {settings.landing} every {every} until stopped") as tell:
            landed = ingest_continuously(spark, settings, every, stop, on_batch(tell))
    if not landed:
        console.print("Nothing new has landed.")
    for table, count in sorted(landed.items()):
        console.print(f"  {table:<20} {count:>12,} rows", highlight=False)


def run_both(
    spark: "SparkSession", settings: Settings, rhythm: Rhythm, arguments: list[str]
) -> None:
    """Land and build what comes until stopped, saying what landed and how the builds went."""
    from python_ingest.continuous import are_whole_tests_due, check_heap, run_continuously

    is_proven = False

    def build_next(is_test_due: bool) -> None:
        nonlocal is_proven
        try:
            if not is_test_due:
                run_build(settings, arguments, UNTESTED)
            elif are_whole_tests_due(settings, rhythm):
                run_build(settings, with_whole_tests(arguments))
            else:
                run_build(settings, arguments)
            is_proven = True
        finally:
            check_heap(settings)

    stop = stop_on_signals()
    console.print("Landing and building what comes, until stopped.")
    try:
        run_continuously(spark, settings, rhythm, stop, on_batch(log.info), build_next)
    except HeapError as error:
        if stop.is_set():
            return
        if not is_proven:
            raise
        start_anew(spark, settings, str(error))


def start_anew(spark: "SparkSession", settings: Settings, reason: str) -> NoReturn:
    """Replace this process by a new one of the same command, and so its Spark; note the reason."""
    from python_ingest import restart_log
    from python_ingest.spark import end_jvm

    log.warning("%s. Starting Spark anew; if that happens often, %s.", reason, MORE_MEMORY)
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    restart_log.add(settings.lakehouse, restart_log.Restart(at, reason))
    end_jvm(spark)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - no shell


def on_batch(tell: Callable[[str], None]) -> Callable[["BatchFigures"], None]:
    """Give what shows a batch's figures: in the live line on a terminal, else as a line of log."""
    return lambda figures: tell(str(figures)) if console.is_terminal else log.info("%s", figures)


def run_build(settings: Settings, arguments: list[str], kind: Sequence[str] = EVERYDAY) -> None:
    """Build and print the outcome; resource types in `arguments` replace `kind`."""
    from python_ingest.build import build

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    with doing("Building silver and gold") as tell:
        chosen = any("resource-type" in argument for argument in arguments)
        summary = build(settings, arguments if chosen else [*kind, *arguments], tell, say)
    console.print(summary, highlight=False)
