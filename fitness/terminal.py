"""What all commands print, and how: one console, live progress, errors as one message."""

import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import NoReturn

import typer
from py4j.protocol import Py4JError
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from fitness.errors import MORE_MEMORY, HeapError
from fitness.settings import PROJECT
from python_ingest.errors import FitnessError

# Tables and paths are cut to the width of a terminal, but not in a file.
console = Console() if sys.stdout.isatty() else Console(width=200)
errors = Console(stderr=True)


def set_up_logging() -> None:
    """Show the project's own log on the console, and nobody else's."""
    for name in ("fitness", "python_ingest"):
        own = logging.getLogger(name)
        if not own.handlers:
            own.setLevel(logging.INFO)
            own.addHandler(RichHandler(console=console, show_path=False, show_level=False))
    # Other loggers, such as py4j's, would print tracebacks of errors that are reported here.
    logging.getLogger().addHandler(logging.NullHandler())


@contextmanager
def plain_errors() -> Iterator[None]:
    """Print an error that the user can fix as one message, and exit with 1."""
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
    errors.print(f"[red]fitness:[/red] {escape(message)}", soft_wrap=True, highlight=False)
    raise typer.Exit(1)


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """Show a message and the time elapsed, live on a terminal; yield a function to add details."""
    if not console.is_terminal:
        console.print(what, highlight=False)
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as shown:
        task = shown.add_task(what, total=1)
        yield lambda more: shown.update(task, description=f"{what} [dim]{more}[/dim]")
        shown.update(task, description=what, completed=1)


def stop_on_signals() -> Event:
    """Return an event that SIGINT and SIGTERM set."""
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
