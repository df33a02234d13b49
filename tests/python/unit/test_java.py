"""Without a usable Java commands stop at once and name the command that installs one."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyspark
import pytest

from fitness import spark
from fitness.errors import HeapError, JavaError
from fitness.settings import PROJECT
from fitness.spark import check_jvm, java_version
from python_ingest.errors import FitnessError


def fake_java(home: Path, version: str) -> None:
    java_that_prints(home, f'openjdk version "{version}"')


def java_that_prints(home: Path, words: str, status: int = 0) -> None:
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True, exist_ok=True)
    java.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit {status}\n")
    java.chmod(0o755)


def setup(home: Path, project: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    """Run the set-up with a uv that does nothing, in an environment with only this Java."""
    return subprocess.run(  # noqa: S603 - our own script
        [project / "scripts" / "setup.sh", "true"],
        env={"PATH": os.environ["PATH"], "JAVA_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("version", "major"), [("17.0.15", 17), ("21", 21), ("21.0.2", 21), ("25.0.1", 25)]
)
def test_java_17_21_and_25_are_accepted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, major: int
) -> None:
    fake_java(tmp_path, version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert java_version() == major
    assert setup(tmp_path).returncode == 0


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.2", "24.0.1", "26"])
def test_another_java_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    fake_java(tmp_path, version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    major = version.removeprefix("1.").split(".")[0]
    with pytest.raises(JavaError, match=f"is Java {major}, .* sudo apt-get install"):
        java_version()
    result = setup(tmp_path)
    assert result.returncode == 1
    assert f"is Java {major}," in result.stderr
    assert "sudo apt-get install -y openjdk-17-jre-headless" in result.stderr


def test_a_missing_java_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(JavaError, match=r"No Java at JAVA_HOME=.* sudo apt-get install"):
        java_version()
    result = setup(tmp_path)
    assert result.returncode == 1
    assert "there is no Java" in result.stderr
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(JavaError, match="No Java on the PATH"):
        java_version()


def test_the_message_of_a_java_that_does_not_run_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Such as with a wrong option in JDK_JAVA_OPTIONS."""
    java_that_prints(tmp_path, "Unrecognized option: -Xmy", status=1)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(JavaError, match=r"java does not run: Unrecognized option: -Xmy"):
        java_version()


def test_a_java_that_only_fails_is_reported_by_the_set_up(tmp_path: Path) -> None:
    """As on a Mac without Java, whose command says where to get one."""
    java_that_prints(tmp_path, "", status=1)
    result = setup(tmp_path)
    assert result.returncode == 1
    assert "is Java of an unknown version, and Spark needs Java 17, 21 or 25" in result.stderr


@pytest.mark.parametrize("is_moved", [False, True])
def test_the_packages_are_installed_anew_after_the_project_has_moved(
    tmp_path: Path, *, is_moved: bool
) -> None:
    """The commands in .venv are scripts that name their folder."""
    fake_java(tmp_path, "17.0.15")
    project = tmp_path / "project"
    (project / "scripts").mkdir(parents=True)
    shutil.copy(PROJECT / "scripts" / "setup.sh", project / "scripts")
    command = project / ".venv" / "bin" / "dbt"
    command.parent.mkdir(parents=True)
    home = tmp_path / "elsewhere" if is_moved else project
    command.write_text(f"#!{home}/.venv/bin/python\n")
    assert setup(tmp_path, project).returncode == 0
    assert command.exists() is not is_moved


def test_a_class_archive_is_of_one_java_and_one_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In a copy of the project, Spark must not use the archive that was copied with it."""
    fake_java(tmp_path, "17.0.15")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    archive = spark.class_archive()
    assert archive == spark.class_archive()
    fake_java(tmp_path, "17.0.16")
    assert spark.class_archive() != archive
    fake_java(tmp_path, "17.0.15")
    (tmp_path / "uv.lock").write_bytes((PROJECT / "uv.lock").read_bytes())
    monkeypatch.setattr(spark, "PROJECT", tmp_path)
    assert spark.class_archive().name != archive.name


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [(3, HeapError, "its heap was full"), (-9, FitnessError, "ended with code -9")],
)
def test_a_java_that_ran_out_of_memory_is_a_heap_error_another_end_is_not(
    code: int, error: type[FitnessError], message: str
) -> None:
    with pytest.raises(FitnessError, match=message) as caught:
        check_jvm(spark_whose_java_ended_with(code))
    assert type(caught.value) is error


def test_a_running_java_is_no_error() -> None:
    check_jvm(spark_whose_java_ended_with(None))


def spark_whose_java_ended_with(code: int | None) -> Any:
    process = SimpleNamespace(poll=lambda: code)
    return SimpleNamespace(sparkContext=SimpleNamespace(_gateway=SimpleNamespace(proc=process)))


@pytest.fixture(scope="module")
def short_lived(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Start Spark for short work; return Java's arguments, and the jars besides Spark's own."""
    folder = tmp_path_factory.mktemp("short-lived")
    code = f"""
import json
from pathlib import Path
from python_ingest.settings import Settings
from fitness.cold_start import short_lived_conf
from fitness.spark import start_spark
folder = Path({str(folder)!r})
settings = Settings(folder / "landing", folder / "lakehouse")
spark = start_spark(settings, short_lived_conf(settings.target), with_metastore=False)
java = spark._jvm.java.lang.management.ManagementFactory.getRuntimeMXBean()
jars = spark._jsc.sc().listJars()
print(json.dumps({{
    "arguments": list(java.getInputArguments()),
    "jars": [jars.apply(place) for place in range(jars.size())],
    "names": [spark._jvm.java.lang.System.getProperty("sun.jnu.encoding")],
}}))
"""
    process = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code],
        env=os.environ | {"LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(process.stdout)
    return found


def test_for_short_work_java_uses_the_c1_compiler_only(short_lived: dict[str, list[str]]) -> None:
    expected = {"-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=240m", "-XX:+UseParallelGC"}
    assert expected <= set(short_lived["arguments"])


def test_java_reads_names_of_files_in_utf_8_whatever_the_locale(
    short_lived: dict[str, list[str]],
) -> None:
    assert short_lived["names"] == ["UTF-8"]


def test_java_uses_the_class_archive_of_this_folder(short_lived: dict[str, list[str]]) -> None:
    used = [each for each in short_lived["arguments"] if "SharedArchiveFile" in each]
    archive = spark.class_archive()
    assert used == [f"-XX:SharedArchiveFile=.cache/{archive.name}"] * archive.exists()


def test_no_jar_is_fetched_that_spark_has(short_lived: dict[str, list[str]]) -> None:
    def artifact(jar: str) -> str:
        return re.sub(r"-[0-9][^/]*[.]jar$", "", jar)

    of_spark = {artifact(jar.name) for jar in (Path(pyspark.__file__).parent / "jars").iterdir()}
    # Named with their groups: org.slf4j_slf4j-api-2.0.17.jar.
    fetched = {artifact(jar.rsplit("/", 1)[-1]).split("_", 1)[1] for jar in short_lived["jars"]}
    assert "delta-storage" in fetched
    assert not fetched & of_spark
