"""`python -m python_ingest` is the command `fitness`."""

from python_ingest.cli import app

app()
