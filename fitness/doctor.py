"""Checks of what the project needs from the machine."""

import os
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fitness import build_log
from fitness.errors import MORE_MEMORY, JavaError
from fitness.ingest_log import newest
from fitness.settings import PROJECT, spark_conf
from fitness.spark import java_version
from fitness.status import skipped_files
from python_ingest.settings import Settings

NEEDED_GIB = 4
FULL_HEAP = 0.9
RECENT_BUILDS = 100
PINNED = ("pyspark", "delta-spark", "dbt-core", "dbt-spark")


@dataclass(frozen=True)
class Finding:
    """The result of a check: whether it is good, and what was found or how to fix it."""

    is_good: bool
    what: str


def examine(settings: Settings) -> list[Finding]:
    """Check Python, Java, memory, pins, folders, the metastore's lock and the ingest."""
    return [
        python(),
        java(),
        memory(),
        *[pin(package) for package in PINNED],
        delta_jar(settings),
        folder("landing", "FITNESS_LANDING", settings.landing),
        folder("lakehouse", "FITNESS_LAKEHOUSE", settings.lakehouse),
        metastore(settings),
        *heap(settings),
        *last_batches(settings),
        *skipped(settings),
    ]


def python() -> Finding:
    """Check the version of Python."""
    found = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    good = sys.version_info[:2] in ((3, 11), (3, 12))
    return Finding(
        good, found if good else f"{found}: use 3.11 or 3.12, as in uv sync --python 3.12"
    )


def java() -> Finding:
    """Check that there is a Java of a version that Spark runs on."""
    try:
        return Finding(True, f"Java {java_version()}")
    except JavaError as error:
        return Finding(False, str(error))


def memory() -> Finding:
    """Check that the machine has the memory that a build takes."""
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    good = gib >= NEEDED_GIB
    advice = "" if good else f": {NEEDED_GIB} GiB are needed; set FITNESS_DRIVER_MEMORY=1g to try"
    return Finding(good, f"{gib:.1f} GiB of memory{advice}")


def pin(package: str) -> Finding:
    """Check that a package has the version that the project is tested with."""
    wanted = next(
        line.split("==")[1].strip('", ')
        for line in (PROJECT / "pyproject.toml").read_text().splitlines()
        if line.strip().startswith((f'"{package}==', f'"{package}['))
    )
    try:
        found = version(package)
    except PackageNotFoundError:
        found = "missing"
    good = found == wanted
    return Finding(good, f"{package} {found}" + ("" if good else f", not {wanted}: run uv sync"))


def delta_jar(settings: Settings) -> Finding:
    """Check that profiles.yml names the Delta version of the Python package."""
    packages = spark_conf(settings.target)["spark.jars.packages"].split(",")
    package = next((p for p in packages if p.startswith("io.delta:")), "no io.delta package")
    wanted = version("delta-spark")
    good = package.endswith(f":{wanted}")
    return Finding(good, package if good else f"{package}: name version {wanted} in profiles.yml")


def folder(what: str, variable: str, path: Path) -> Finding:
    """Check that a folder can be written to, or created."""
    nearest = next(p for p in (path, *path.parents) if p.exists())
    good = os.access(nearest, os.W_OK)
    advice = "" if good else f": not writable; set {variable} to a folder of yours"
    return Finding(good, f"{what} folder {path}{advice}")


def metastore(settings: Settings) -> Finding:
    """Check that no other process has the embedded metastore open: it allows one at a time."""
    holder = metastore_holder(settings.lakehouse / "metastore")
    if holder is None:
        return Finding(True, "metastore free")
    advice = f"process {holder} has the metastore open: wait until it has finished, or stop it"
    return Finding(False, advice)


def metastore_holder(path: Path) -> int | None:
    """Return the id of the process that has files of the metastore open, if any (Linux only)."""
    path = path.resolve()  # as the paths of open files are
    for fds in Path("/proc").glob("[0-9]*/fd"):
        try:
            if any(fd.readlink().is_relative_to(path) for fd in fds.iterdir()):
                return int(fds.parent.name)
        except OSError:
            continue  # It has ended, or it is another user's.
    return None


def heap(settings: Settings) -> list[Finding]:
    """Report how full the heap was after the last build that ran in its own Spark process."""
    builds = [b for b in build_log.newest(settings.lakehouse, RECENT_BUILDS) if b.heap_mib]
    return [
        Finding(
            build.live_mib < FULL_HEAP * build.heap_mib,
            f"heap: {build.heap} in use after the build of {build.started_at}"
            + ("" if build.live_mib < FULL_HEAP * build.heap_mib else f"; {MORE_MEMORY}"),
        )
        for build in builds[-1:]
    ]


def last_batches(settings: Settings) -> list[Finding]:
    """Report what each stream has landed last."""
    last = {figures.stream: figures for figures in newest(settings.lakehouse, 1000)}
    return [Finding(True, f"{figures.started_at} {figures}") for figures in last.values()]


def skipped(settings: Settings) -> list[Finding]:
    """List the landed files that were skipped."""
    return [
        Finding(False, f"{entry['path']} is skipped: {entry['reason']}")
        for entry in skipped_files(settings)
    ]
