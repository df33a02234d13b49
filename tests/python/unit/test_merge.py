"""The SQL and the macros of each target, as text: no connection is opened."""

import re

import pytest

from fitness.settings import PROJECT

MERGE = (
    "merge into t as target using (select * from c where _write is not null) as source "
    "on source.id <=> target.id and p "
    "when matched and source._write = 'delete' then delete "
    "when matched and source._write = 'update' then update set "
    "id = source.id, value = source.value "
    "when not matched then insert (id, value) values (source.id, source.value)"
)
APPENDED = {"inserts": 1, "updates": 0, "deletes": 0}
REWRITTEN = {"inserts": 0, "updates": 0, "deletes": 1}
NOTHING = {"inserts": 0, "updates": 0, "deletes": 0}
APPENDS = {
    f"write_sql('t', ['id', 'value'], 'c', 'p', {APPENDED})": (
        "insert into t (id, value) select id, value from c where _write = 'insert'"
    ),
}
STATEMENTS = {
    "merge_whole('t', 's', ['id', 'value', '_seen_at'])": (
        "merge into t as target using s as source on source.id <=> target.id "
        "when matched and not (true and source.value <=> target.value) then update set "
        "id = source.id, value = source.value, _seen_at = source._seen_at "
        "when not matched then insert (id, value, _seen_at) "
        "values (source.id, source.value, source._seen_at) "
        "when not matched by source then delete"
    ),
    f"write_sql('t', ['id', 'value'], 'c', 'p', {REWRITTEN})": MERGE,
    f"write_sql('t', ['id', 'value'], 'c', 'p', {NOTHING})": ("select 'nothing changed' as result"),
    "compare_sql('t', 'b', ['id', 'value'], 'p', {'columns': ['id'], 'filter': 'literals', "
    "'rows': [['7L']]})": (
        "select coalesce(source.id, target.id) as id, source.value as value, "
        "source._is_there as _is_in_batch, case when target._is_there is null then 'insert' "
        "when source._is_there is null then 'delete' "
        "when not (true and source.value <=> target.value) and true then 'update' end as _write "
        "from (select *, true as _is_there from b) as source full outer join "
        "( select *, true as _is_there from t as target where p ) as target "
        "on source.id <=> target.id where source._is_there or target.id in (7L)"
    ),
}


@pytest.mark.parametrize(
    ("target", "appends"),
    [
        ("local", APPENDS),
        ("server", dict.fromkeys(APPENDS, MERGE)),
        ("databricks", dict.fromkeys(APPENDS, MERGE)),
    ],
)
def test_the_statements_that_write_on_each_target(
    target: str, appends: dict[str, str], no_workspace: None
) -> None:
    expected = {**STATEMENTS, **appends}
    macros = "; ".join(f"{{{{ {macro} }}}}" for macro in expected)
    compiled = compile_inline(target, "{{ config(unique_key=['id']) }}" + macros)
    statements = re.sub(r"\s+", " ", compiled).strip().split("; ")
    assert statements == list(expected.values())


@pytest.mark.parametrize(
    ("target", "chosen"),
    [
        ("local", ["spark__create_schema", "spark__read_commits", "spark__reset_csv_table"]),
        (
            "databricks",
            ["databricks__create_schema", "databricks__read_commits", "spark__reset_csv_table"],
        ),
    ],
)
def test_a_target_gets_the_macros_made_for_it(
    target: str, chosen: list[str], no_workspace: None
) -> None:
    """Databricks uses Spark's macro where it has none of its own."""
    macros = {"create_schema": "dbt", "read_commits": "fitness", "reset_csv_table": "dbt"}
    names = [f"adapter.dispatch('{name}', '{of}').macro.name" for name, of in macros.items()]
    compiled = compile_inline(target, f"{{{{ [{', '.join(names)}] | join(' ') }}}}")
    assert compiled.split() == chosen


@pytest.fixture
def no_workspace(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Set credentials that are never used, and capture dbt's output."""
    monkeypatch.setenv("DATABRICKS_HOST", "example.invalid")
    monkeypatch.setenv("DATABRICKS_HTTP_PATH", "/sql/1.0/warehouses/0")
    monkeypatch.setenv("DATABRICKS_TOKEN", "none")


def compile_inline(target: str, inline: str) -> str:
    """Return what dbt compiles a Jinja text to for a target."""
    from dbt.cli.main import dbtRunner

    arguments = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target", target]
    options = ["--no-populate-cache", "--no-introspect", "--inline", inline]
    result = dbtRunner().invoke(["--quiet", "compile", *arguments, *options])
    assert result.success, result.exception
    [compiled] = [r.node.compiled_code for r in result.result.results]  # type: ignore[union-attr]
    return str(compiled)
