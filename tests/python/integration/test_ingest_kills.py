"""The ingest killed at any moment, and out of disk: each landed line is in bronze once."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from random import Random

import pytest

from fitness.samples.produce import World, produce
from fitness.settings import export
from tests.python.lake import FITNESS, Lake, bronze_lines, land, landed_lines, move_some

# The commands below, in a mount namespace of their own with a disk of little space.
ON_A_SMALL_DISK = r"""
set -eu
mount -t tmpfs -o size=10m tmpfs "$FITNESS_LAKEHOUSE"
if "$@"; then echo "the disk is not full"; exit 1; fi
mount -o remount,size=2g "$FITNESS_LAKEHOUSE"
"$@"
cp -a "$FITNESS_LAKEHOUSE/." "$KEEP"
"""


@pytest.mark.slow
def test_an_ingest_killed_at_any_moment_lands_each_line_once(
    warm_lake: Lake, tmp_path: Path
) -> None:
    lake, random, kills = Lake(tmp_path), Random(1), 0  # noqa: S311 - no secret
    staged, landing = tmp_path / "staged", lake.settings.landing
    produce(World(users=20, days=3, seed=1, files=300, readings=60_000), staged)
    files = [file for file in staged.rglob("*") if file.is_file()]
    assert len(files) > 300
    random.shuffle(files)
    export(lake.settings)
    mode = {}
    while kills < 30 or files:
        move_some(random, files, landing, staged)
        continuous = ["--continuous", "--interval", "1s"] if random.random() < 0.5 else []
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [*FITNESS, "ingest", *continuous], stdout=subprocess.DEVNULL, start_new_session=True
        )
        positions = lake.settings.positions
        before = {file: file.stat().st_mtime_ns for file in positions.glob("*.json")}
        until = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            now = {file: file.stat().st_mtime_ns for file in positions.glob("*.json")}
            if now != before:
                break  # A batch begins.
            time.sleep(0.02)
        time.sleep(random.random() * 4)
        move_some(random, files, landing, staged)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
            mode[bool(continuous)] = True
        process.wait()
    assert len(mode) == 2
    lake.ingest()
    assert bronze_lines(lake) == landed_lines(landing)


@pytest.mark.slow
def test_a_full_disk_loses_and_duplicates_nothing(warm_lake: Lake, tmp_path: Path) -> None:
    """Needs the permission to mount, as root or in a user namespace."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rm", "true"], check=False).returncode:  # noqa: S603
        pytest.skip("no permission to mount in a namespace of its own")
    lake = Lake(tmp_path)
    produce(World(users=50, days=3, seed=1, files=20, readings=400_000), lake.settings.landing)
    lake.settings.lakehouse.mkdir()
    export(lake.settings)
    keep = tmp_path / "copy"
    keep.mkdir()
    done = subprocess.run(  # noqa: S603 - our own command line
        [unshare, "-rm", "bash", "-c", ON_A_SMALL_DISK, "small-disk", *FITNESS, "ingest"],
        env=os.environ | {"KEEP": str(keep)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the next ingest continues from here" in done.stdout + done.stderr
    shutil.rmtree(lake.settings.lakehouse)
    shutil.copytree(keep, lake.settings.lakehouse)
    assert bronze_lines(lake) == landed_lines(lake.settings.landing)


@pytest.mark.slow
def test_folders_follow_the_umask_and_a_file_without_read_permission_is_skipped(
    warm_lake: Lake, tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    land(lake, 1)
    lines = landed_lines(lake.settings.landing)
    secret = lake.settings.landing / "gym_logins_bz" / "secret.csv"
    secret.write_text("mac_address,gym,login,logout\naa,1,5,9\n")
    secret.chmod(0)
    export(lake.settings)
    # The superuser may read everything, unless these capabilities are removed.
    bounds = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    done = subprocess.run(  # noqa: S603 - our own command line
        [*(bounds if os.geteuid() == 0 else []), *FITNESS, "ingest"],
        capture_output=True,
        text=True,
        check=False,
        umask=0o077,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "secret.csv is skipped: no right to read it" in done.stdout
    assert bronze_lines(lake) == lines
    for path in lake.settings.lakehouse.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
