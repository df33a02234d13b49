"""Where the real rides are: example files of the package `sweat`, read as data only."""

from importlib.util import find_spec
from pathlib import Path


def ride_files() -> list[Path]:
    """Return the installed .fit rides by name; empty when the group `rides` is not installed."""
    # Found, not imported: what the package itself requires is not installed.
    package = find_spec("sweat")
    folders = package.submodule_search_locations if package else None
    return sorted(p for folder in folders or () for p in Path(folder).glob("examples/data/*.fit"))


if __name__ == "__main__":
    print(*ride_files(), sep="\n")  # noqa: T201 - the demo's script reads the paths
