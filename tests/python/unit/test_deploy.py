"""The examples of deploy/: the commands that they call exist, with their options."""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fitness.cli import app
from fitness.settings import PROJECT

DEPLOY = PROJECT / "deploy"
CALL = re.compile(r"(?:/fitness|\$FITNESS) ([^&;\n]+)")
UNITS = sorted((DEPLOY / "systemd").iterdir())
DAG = DEPLOY / "airflow" / "fitness_dag.py"
CRONTAB = DEPLOY / "cron" / "fitness.crontab"


@pytest.mark.parametrize("file", [*UNITS, CRONTAB], ids=lambda f: f.name)
def test_the_commands_and_their_options_exist(file: Path) -> None:
    calls = CALL.findall(file.read_text())
    assert calls or file.suffix == ".timer"
    for call in calls:
        command, *options = shlex.split(call)
        shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0, shown.output
        for option in options:
            # `run` passes options that it does not know on to dbt.
            assert not option.startswith("--") or option in shown.output or option == "--vars"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """With a stand-in for the program and without the user: this machine may not have them."""
    for unit in UNITS:
        text = unit.read_text().replace("/opt/fitness/.venv/bin/fitness", "/bin/true")
        text = text.replace("User=fitness\n", "").replace("/opt/fitness", "/")
        (tmp_path / unit.name).write_text(text)
    units = [str(tmp_path / unit.name) for unit in UNITS]
    found = subprocess.run(  # noqa: S603
        ["systemd-analyze", "verify", "--man=no", *units],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert "Unknown" not in found.stderr


# Prints the import errors of a DAG file, and the tasks of each DAG as Airflow reads them.
READ_DAGS = """
import json, sys
from airflow.models.dagbag import DagBag
bag = DagBag(dag_folder=sys.argv[1], include_examples=False)
tasks = {
    dag.dag_id: [[task.bash_command, *task.downstream_task_ids] for task in dag.topological_sort()]
    for dag in bag.dags.values()
}
print(json.dumps([bag.import_errors, tasks]))
"""


@pytest.mark.slow
def test_airflow_reads_the_dags(tmp_path: Path) -> None:
    """With the real package, in its own environment: its dependencies conflict with dbt's."""
    uv = shutil.which("uv") or str(PROJECT / ".uv" / "bin" / "uv")
    airflow = ["--isolated", "--no-project", "--python=3.11", "--with=apache-airflow==3.1.3"]
    found = subprocess.run(  # noqa: S603
        [uv, "run", *airflow, "python", "-c", READ_DAGS, str(DAG)],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    errors, dags = json.loads(found.stdout.splitlines()[-1])
    assert not errors
    assert [task[1:] for task in dags["fitness"]] == [["build_silver"], ["build_gold"], []]
    assert [task[1:] for task in dags["fitness_nightly"]] == [[], []]
    for command, *_ in [*dags["fitness"], *dags["fitness_nightly"]]:
        name = shlex.split(command.split(".venv/bin/fitness ")[1])[0]
        assert CliRunner().invoke(app, [name, "--help"]).exit_code == 0


def test_each_model_and_test_is_in_one_of_the_layers_that_airflow_builds() -> None:
    chosen = {
        target.id: shlex.split(ast.literal_eval(node.value))
        for node in ast.parse(DAG.read_text()).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in ("SILVER", "GOLD")
    }
    silver, gold = nodes(*chosen["SILVER"]), nodes(*chosen["GOLD"])
    assert silver
    assert not silver & gold
    assert silver | gold == nodes()


def nodes(*selection: str) -> set[str]:
    """Return the names of the nodes that an everyday build of a selection has."""
    from dbt.cli.main import dbtRunner

    exclude = [f"--exclude-resource-type={kind}" for kind in ("unit_test", "source", "exposure")]
    arguments = ["--quiet", "ls", *exclude, "--target-path", "target/check/deploy"]
    found = dbtRunner().invoke([*arguments, "--project-dir", str(PROJECT), *selection])
    assert found.success
    assert isinstance(found.result, list)
    return {str(node) for node in found.result}
