"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

LOOPBACK = "127.0.0.1"

Landing = Annotated[
    Path | None, typer.Option(help="The landing folder. Default: FITNESS_LANDING or data/landing.")
]
Lakehouse = Annotated[
    Path | None,
    typer.Option(help="The lakehouse folder. Default: FITNESS_LAKEHOUSE or data/lakehouse."),
]
