"""`python -m fitness` is the command `fitness`."""

from fitness.cli import app

app()
