"""The command line `fitness`."""

import json
import logging
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from fitness import cli_privacy, serving
from fitness.dbt_arguments import target_of
from fitness.options import Lakehouse, Landing
from fitness.settings import Rhythm, is_served
from fitness.terminal import console, plain_errors, progress, set_up_logging, stop_on_signals
from python_ingest.settings import duration, read_settings

log = logging.getLogger(__name__)

app = typer.Typer(
    help="Land, build and read the fitness lakehouse.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.add_typer(serving.app)
app.add_typer(cli_privacy.app)

Interval = Annotated[
    str, typer.Option(help="With --continuous: how often to look for files, as in 5s or 1m.")
]
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.callback()
def main() -> None:
    """Set up what all commands share."""
    set_up_logging()


@app.command()
def produce(
    users: Annotated[int, typer.Option(help="Members, each with a device.")] = 100,
    days: Annotated[int, typer.Option(help="Days of data.")] = 7,
    start: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d"], help="The first day, UTC.", show_default="2026-01-05"),
    ] = datetime(2026, 1, 5, tzinfo=UTC),
    seed: Annotated[int, typer.Option(help="The same seed makes the same files.")] = 0,
    files: Annotated[int, typer.Option(help="Files to cut the multiplexed feed into.")] = 10,
    readings: Annotated[
        int | None,
        typer.Option(help="Heart-rate readings in all. Default: about 40 minutes a user and day."),
    ] = None,
    continuous: Annotated[
        bool, typer.Option("--continuous", help="Write small files in real time, until stopped.")
    ] = False,
    rate: Annotated[float, typer.Option(help="Readings a second, with --continuous.")] = 50.0,
    interval: Annotated[float, typer.Option(help="Seconds a file, with --continuous.")] = 5.0,
    out: Landing = None,
) -> None:
    """Write the five feeds of an invented gym into the landing folder."""
    from fitness.samples.produce import World, produce, produce_continuously

    with plain_errors():
        folder = read_settings(landing=out).landing
        first = start.replace(tzinfo=UTC)
        world = World(
            users=users, days=days, seed=seed, files=files, readings=readings, start=first
        )
        if continuous:
            with progress(f"Producing {rate:g} readings a second into {folder} until stopped"):
                counts = produce_continuously(world, folder, rate, interval, stop_on_signals())
        else:
            with progress(f"Producing into {folder}") as add:
                counts = produce(world, folder, lambda done: add(f"{done:,} readings"))
        for name, count in asdict(counts).items():
            console.print(f"  {name.replace('_', ' '):<24} {count:>12,}", highlight=False)


@app.command("import")
def import_files(
    files: Annotated[list[Path], typer.Argument(help="Garmin or ANT activity files (.fit).")],
    user: Annotated[
        int | None, typer.Option(help="The user's id. Default: made of the device's serial number.")
    ] = None,
    device: Annotated[
        int | None, typer.Option(help="The device's id. Default: made of its serial number.")
    ] = None,
    out: Landing = None,
) -> None:
    """Turn recorded activities into landing records."""
    from fitness.samples.fit import import_fit

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
        bool, typer.Option("--continuous", help="Keep landing new files until stopped.")
    ] = False,
    interval: Interval = "5s",
    clean_after: Annotated[
        str | None,
        typer.Option(
            help="Remove files that landed longer ago than this, as in 30d. "
            "Default: FITNESS_CLEAN_AFTER, or never."
        ),
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(
            help="Move those files here instead of deleting them. Default: FITNESS_ARCHIVE."
        ),
    ] = None,
) -> None:
    """Land new files in the bronze tables."""
    from fitness.cold_start import is_small_ingest
    from fitness.lock import wait_while_forgetting
    from fitness.run import run_ingest, start

    with plain_errors():
        settings = read_settings(landing, lakehouse, clean_after, archive)
        if continuous:
            wait_while_forgetting(settings.lakehouse)
        short_lived = not continuous and is_small_ingest(settings)
        # Without a metastore, so that builds can go on beside it.
        spark = start(settings, with_metastore=False, short_lived=short_lived)
        run_ingest(spark, settings, every=duration(interval) if continuous else None)


@app.command(context_settings=PASS_ON)
def build(context: typer.Context, lakehouse: Lakehouse = None) -> None:
    """Build silver and gold and test them: dbt build without unit tests.

    Any further arguments are passed on to dbt.
    """
    from fitness.alerts import Alerts
    from fitness.cold_start import is_small_build, load_dbt, warm_up
    from fitness.run import run_build, start

    with plain_errors():
        settings = read_settings(lakehouse=lakehouse, target=target_of(context.args))
        alerts = Alerts(settings)
        load_dbt()
        if not is_served(settings.target):
            spark = start(settings, short_lived=is_small_build(settings, context.args))
            warm_up(spark, settings)
        run_build(settings, context.args, alerts)


@app.command(context_settings=PASS_ON)
def run(
    context: typer.Context,
    landing: Landing = None,
    lakehouse: Lakehouse = None,
    continuous: Annotated[
        bool, typer.Option("--continuous", help="Keep landing and building until stopped.")
    ] = False,
    interval: Interval = "2s",
    shortest: Annotated[
        str, typer.Option(help="With --continuous: shortest time between the starts of builds.")
    ] = "10s",
    longest: Annotated[
        str, typer.Option(help="With --continuous: build this often even if nothing has landed.")
    ] = "1h",
    tests: Annotated[
        str, typer.Option(help="With --continuous: how often to test what has changed.")
    ] = "10m",
    whole_tests: Annotated[
        str, typer.Option(help="With --continuous: how often to test whole tables.")
    ] = "1d",
) -> None:
    """Land new files, then build and test; further arguments are passed on to dbt build."""
    from fitness.alerts import Alerts
    from fitness.cold_start import is_small_build, is_small_ingest, load_dbt
    from fitness.lock import wait_while_forgetting
    from fitness.run import run_both, run_build, run_ingest, start

    with plain_errors():
        settings = read_settings(landing, lakehouse, target=target_of(context.args))
        alerts = Alerts(settings)
        pauses = (interval, shortest, longest, whole_tests, tests)
        rhythm = Rhythm(*(duration(each) for each in pauses))
        if continuous and any(argument.startswith("--vars") for argument in context.args):
            raise ValueError("--vars cannot be given with --continuous: use dbt_project.yml.")
        has_paused = continuous and wait_while_forgetting(settings.lakehouse)
        load_dbt()
        short_lived = (
            not continuous and is_small_ingest(settings) and is_small_build(settings, context.args)
        )
        with_metastore = not is_served(settings.target)
        spark = start(settings, with_metastore=with_metastore, short_lived=short_lived)
        if continuous:
            run_both(spark, settings, rhythm, context.args, alerts, has_paused=has_paused)
        else:
            with alerts.of_run():
                run_ingest(spark, settings)
            run_build(settings, context.args, alerts)


@app.command()
def show(
    tables: Annotated[
        list[str] | None, typer.Argument(help="Tables as layer.name. Default: some gold tables.")
    ] = None,
    lakehouse: Lakehouse = None,
    rows: Annotated[int, typer.Option(help="Maximum rows of each table.")] = 20,
) -> None:
    """Print tables of the lakehouse."""
    from fitness.run import start
    from fitness.show import show_tables

    with plain_errors():
        settings = read_settings(lakehouse=lakehouse)
        show_tables(start(settings, short_lived=True), settings, console, tables, rows)


@app.command()
def status(
    landing: Landing = None,
    lakehouse: Lakehouse = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what runs, how far behind each layer is, and failures; exit with 1 if a build failed."""
    from fitness.status import as_text, read_status

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
def maintain(
    lakehouse: Lakehouse = None,
    keep: Annotated[
        str, typer.Option(help="Keep old files for this long at least; 7d or more.")
    ] = "7d",
) -> None:
    """Compact the tables' files and remove old ones (OPTIMIZE and VACUUM): run it every night.

    Once a day it also deletes raw readings that are older than the var `retention_days`.
    It may run at the same time as an ingest and builds: it waits for a build that is running.
    """
    from fitness import maintenance
    from fitness.run import start

    with plain_errors():
        settings, kept = read_settings(lakehouse=lakehouse), duration(keep)
        maintenance.check(settings, kept)
        spark = start(settings, with_metastore=False)
        with progress("Maintaining all tables") as add:
            done = maintenance.maintain(spark, settings, kept, add)
        console.print(f"Maintained {len(done)} tables.", highlight=False)


@app.command()
def doctor(landing: Landing = None, lakehouse: Lakehouse = None) -> None:
    """Check what the project needs, and say how to fix what is wrong."""
    from fitness.doctor import examine

    with plain_errors():
        findings = examine(read_settings(landing, lakehouse))
    for finding in findings:
        mark = "[green]ok[/green]" if finding.is_good else "[red]wrong[/red]"
        console.print(f"{mark:>5}  {finding.what}", highlight=False, soft_wrap=True)
    if not all(finding.is_good for finding in findings):
        raise typer.Exit(1)
