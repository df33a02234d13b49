"""What the project costs, measured: run with `make bench`."""
