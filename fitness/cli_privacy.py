"""The commands that forget people, verify that they are forgotten, and export what is held on one.

docs/privacy.md says what is erased when.
"""

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fitness.dbt_arguments import EVERYDAY, UNTESTED
from fitness.options import Lakehouse, Landing
from fitness.terminal import console, errors, plain_errors, progress
from python_ingest.errors import FitnessError, SettingError
from python_ingest.settings import Settings, duration, read_settings

if TYPE_CHECKING:
    from fitness.privacy.forget import Forgotten

app = typer.Typer()

Archive = Annotated[
    Path | None, typer.Option(help="The archive of landed files. Default: FITNESS_ARCHIVE.")
]
AFTER_BUILD = (
    "-- Then build (the job `fitness`), and when no query reads older versions, for each table of",
    "-- bronze, silver, gold, snapshots and failures:",
    "--   reorg table <table> apply (purge);",
    "--   vacuum <table>;",
)


@app.command()
def forget(
    users: Annotated[list[int] | None, typer.Argument(help="The ids of users.")] = None,
    file: Annotated[
        Path | None, typer.Option("--from", help="A file of user ids, one a line; # is a comment.")
    ] = None,
    purge: Annotated[
        bool,
        typer.Option(
            "--purge",
            help="Remove old versions of all tables at once. It gives up time travel, and changes "
            "that a developer's models have not read: those are compared whole.",
        ),
    ] = False,
    allow_again: Annotated[
        bool, typer.Option("--allow-again", help="Let lines of people land who have returned.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only list what is left of them; exit with 1 if any.")
    ] = False,
    with_names: Annotated[
        bool, typer.Option("--with-names", help="With --verify: look for names and streets too.")
    ] = False,
    wait: Annotated[
        str, typer.Option(help="How long to wait for an ingest or a build that is running.")
    ] = "10m",
    landing: Landing = None,
    lakehouse: Lakehouse = None,
    archive: Archive = None,
) -> None:
    """Remove people from landed files and all tables, and refuse their lines from then on.

    It needs FITNESS_SECRET, a key. If it is interrupted, run it again: it finishes what is left.
    """
    with plain_errors():
        ids = user_ids(users or (), file)
        if purge + allow_again + verify > 1 or (with_names and not verify):
            raise SettingError(
                "Give one of --purge, --allow-again and --verify; --with-names goes with --verify."
            )
        settings, patience = read_settings(landing, lakehouse, archive=archive), duration(wait)
        if verify:
            verify_forgotten(settings, ids, with_names)
        elif allow_again:
            let_return(settings, ids, patience)
        elif settings.catalog:
            show_sql(settings.catalog, ids)
        else:
            forget_users(settings, ids, purge, patience)


@app.command()
def export(
    user: Annotated[int, typer.Argument(help="The id of the user.")],
    out: Annotated[Path, typer.Option(help="The folder to write; it is made.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV instead of JSON.")] = False,
    landing: Landing = None,
    lakehouse: Lakehouse = None,
    archive: Archive = None,
) -> None:
    """Write all that is held on a person into a folder."""
    from fitness.privacy.export import export

    with plain_errors():
        settings = read_settings(landing, lakehouse, archive=archive)
        with progress(f"Exporting user {user}"):
            folder = export(settings, user, out, as_csv)
        console.print(f"Wrote {folder}.", highlight=False, soft_wrap=True)


def user_ids(given: Sequence[int], file: Path | None) -> list[int]:
    """Return the ids that are given, and those in a file; raises SettingError for any other."""
    found = dict.fromkeys(given)
    for number, line in enumerate(file.read_text().splitlines() if file else (), 1):
        if text := line.split("#")[0].strip():
            try:
                found[int(text)] = None
            except ValueError:
                raise SettingError(f"{file}, line {number}: {text!r} is no user id.") from None
    if not found:
        raise SettingError("Name the users: give their ids, or a file of ids with --from.")
    return [*found]


def forget_users(settings: Settings, ids: Sequence[int], purge: bool, patience: timedelta) -> None:
    """Forget users and print what was removed; exit with 1 if a file could not be swept."""
    from fitness.alerts import Alerts
    from fitness.build import build
    from fitness.cold_start import load_dbt
    from fitness.lock import FORGET, countdown, only_one
    from fitness.privacy.forget import check, forget, when_idle, with_people
    from fitness.privacy.leftovers import clear_logs
    from fitness.run import start
    from fitness.spark import end_jvm

    check(settings)
    with_people(settings, ids)  # Fails at once where it would fail later.
    load_dbt()
    alerts = Alerts(settings)
    who = f"user {ids[0]}" if len(ids) == 1 else f"{len(ids):,} users"

    def on_log(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    left = countdown(patience)
    with only_one(settings.lakehouse, FORGET, left()):
        with when_idle(settings, left()):
            spark = start(settings)
        try:
            with progress(f"Forgetting {who}") as add:

                def build_all() -> str:
                    # First without tests: one that fails would leave people in what is skipped.
                    build(settings, UNTESTED, add, on_log)
                    with alerts.of_build(EVERYDAY) as on_event:
                        return build(settings, EVERYDAY, add, on_log, on_event)

                done = forget(spark, settings, ids, build_all, add, purge=purge)
                clear_logs()
        except BaseException:
            errors.print("Not finished: run the same command again, which does what is left.")
            raise
        finally:
            end_jvm(spark)  # A continuous run that goes on needs the metastore.
    console.print(f"Forgot {who}.", highlight=False)
    show(done, purge)
    if done.problems:
        raise FitnessError(
            f"{len(done.problems):,} files may still have lines of theirs: see above. Put them "
            "right or delete them, and run the same command again."
        )


def show(done: "Forgotten", purge: bool) -> None:
    """Print what was removed, and what is left until when."""
    from fitness.maintenance import LEAST_KEPT

    lines = sum(done.lines.values())
    found = {"landing, archive": f"{lines:,} lines of {len(done.lines):,} files"}
    found |= {table: f"{count:,} rows" for table, count in done.rows.items()}
    found |= {"silver, gold": f"follow bronze. {done.built}"} | dict(done.leftovers)
    for name, what in found.items():
        console.print(f"  {name:<32} {what}", markup=False, highlight=False, soft_wrap=True)
    for path, problem in done.problems.items():
        console.print(f"{path} {problem}.", markup=False, highlight=False, soft_wrap=True)
    if not purge:
        console.print(
            f"Old versions of tables have them until `fitness maintain` has run {LEAST_KEPT.days} "
            "days from now; --purge removes those at once.",
            highlight=False,
        )


def let_return(settings: Settings, ids: Sequence[int], patience: timedelta) -> None:
    """Allow users again, and print what stays forgotten."""
    from fitness.privacy.forget import allow_again

    allow_again(settings, ids, time.time(), patience)
    console.print(
        f"Allowed again: {', '.join(map(str, ids))}. What was forgotten does not come back, and "
        "the times in which they had devices and mac addresses until now stay forgotten. What "
        "these send from now on lands.",
        highlight=False,
    )


def verify_forgotten(settings: Settings, ids: Sequence[int], with_names: bool) -> None:
    """Print what is left of users; exit with 1 if anything is."""
    from fitness.privacy.scan import scan
    from python_ingest.suppression import read_suppressions

    with progress("Looking through all files") as add:
        findings = scan(settings, read_suppressions(settings), ids, with_names, add)
    for each in findings:
        console.print(str(each), markup=False, highlight=False, soft_wrap=True)
    if findings:
        raise typer.Exit(1)
    console.print("Nothing of them is left.")


def show_sql(catalog: str, ids: Sequence[int]) -> None:
    """Print what to run on Databricks, where nothing is done; exit with 1."""
    from fitness.privacy.bronze import databricks_sql

    for statement in databricks_sql(catalog, ids):
        typer.echo(f"{statement};")
    for line in AFTER_BUILD:
        typer.echo(line)
    raise FitnessError(
        "Nobody was forgotten. Run this SQL on Databricks, and remove the users' lines from the "
        "landing volume: docs/privacy.md."
    )
