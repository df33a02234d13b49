"""The commands that serve the tables: to dbt and JDBC clients, as pages, and as a report."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from fitness.options import LOOPBACK, Lakehouse, Landing
from fitness.settings import export
from fitness.terminal import console, plain_errors
from python_ingest.settings import read_settings

log = logging.getLogger(__name__)

app = typer.Typer()

# Nothing is fetched from or sent to the network, and no code is watched for changes.
STREAMLIT = (
    "--server.headless=true",
    "--server.fileWatcherType=none",
    "--browser.gatherUsageStats=false",
    "--client.toolbarMode=minimal",
    "--runner.magicEnabled=false",
    "--theme.base=light",
    "--theme.primaryColor=#2B6CB0",
    "--theme.textColor=#1E293B",
    "--theme.borderColor=#E2E8F0",
    "--theme.metricValueFontSize=1.75rem",
    '--theme.headingFontSizes=["2rem", "1.5rem", "1.35rem"]',
    "--theme.paddingTop=1.5rem",
    "--theme.paddingBottom=2rem",
)


@app.command()
def server(lakehouse: Lakehouse = None) -> None:
    """Serve the lakehouse to dbt's target `server` and to JDBC clients, until stopped.

    Set FITNESS_SERVER_HOST and FITNESS_SERVER_PORT for another address than 127.0.0.1:10000.
    """
    from fitness.server import LOG, read_address, serve

    with plain_errors():
        address = read_address()
        console.print(
            f"Serving jdbc:hive2://{address.host}:{address.port} until stopped; log: {LOG}",
            soft_wrap=True,
            highlight=False,
        )
        if address.host != LOOPBACK:
            log.warning("Clients of %s can read, change and delete all tables.", address.host)
        serve(read_settings(lakehouse=lakehouse), address)


@app.command()
def dashboard(
    landing: Landing = None,
    lakehouse: Lakehouse = None,
    port: Annotated[int, typer.Option(help="Where the pages are.")] = 8501,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = LOOPBACK,
) -> None:
    """Show the tables as pages in a browser, until stopped. It needs no Java."""
    import dashboard

    with plain_errors():
        export(read_settings(landing, lakehouse))
        if host != LOOPBACK:
            log.warning(
                "Everybody who can reach %s can read the names, visits and heart rates of all "
                "members: there is no login. Put a proxy with a login before it, or let people in "
                "through SSH.",
                host,
            )
        pages = Path(dashboard.__file__).with_name("pages") / "app.py"
        address = (f"--server.address={host}", f"--server.port={port}")
        command = [sys.executable, "-m", "streamlit", "run", str(pages), *address, *STREAMLIT]
        os.execv(sys.executable, command)  # noqa: S606 - no shell


@app.command()
def report(
    out: Annotated[Path, typer.Option(help="The HTML file to write.")],
    gym: Annotated[int | None, typer.Option(help="Of this gym. Default: of all.")] = None,
    member: Annotated[int | None, typer.Option(help="Of the member with this user id.")] = None,
    week: Annotated[
        str | None, typer.Option(help="Of this ISO week, as 2026-W05. Default: the newest days.")
    ] = None,
    lakehouse: Lakehouse = None,
) -> None:
    """Write a page to mail or print, with the figures and charts of the dashboard."""
    from dashboard.lakehouse import open_lake
    from dashboard.report import write_report

    with plain_errors():
        html = write_report(open_lake(lakehouse), gym, member, week)
        out.write_text(html, encoding="utf-8")
        console.print(f"Wrote {out}.", highlight=False, soft_wrap=True)
