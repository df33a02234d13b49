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
APPENDS = {
    "engine_write_sql(['id', 'value'], 'c', 'p', ['insert'])": (
        "insert into t (id, value) select id, value from c where _write = 'insert'"
    ),
}
STATEMENTS = {
    "engine_write_sql(['id', 'value'], 'c', 'p', ['insert', 'delete'])": MERGE,
    "engine_write_sql(['id', 'value'], 'c', 'p', [])": "select 'nothing changed' as result",
    "engine_compare_sql(['id', 'value', '_seen_at'], 'b', 'p')": (
        "select coalesce(source.id, target.id) as id, source.value as value, "
        "source._seen_at as _seen_at, source._is_there as _is_in_batch, "
        "case when target._is_there is null then 'insert' "
        "when source._is_there is null then 'delete' "
        "when not (true and source.value <=> target.value) then 'update' end as _write "
        "from (select *, true as _is_there from b) as source left join "
        "( select *, true as _is_there from t as target where p ) as target "
        "on source.id <=> target.id"
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
    compiled = compile_inline(target, "{{ config(unique_key=['id']) }}{{ this }}; " + macros)
    this, *statements = re.sub(r"\s+", " ", compiled).strip().split("; ")
    statements = [statement.replace(this, "t") for statement in statements]
    assert statements == list(expected.values())


@pytest.mark.parametrize("target", ["spark", "databricks"])
def test_each_target_has_its_materializations_and_schemas(target: str) -> None:
    """An adapter's own macros win over those of a project that are not for it."""
    macros = "".join(
        path.read_text()
        for folder in ("macros", "incremental/macros")
        for path in (PROJECT / folder).rglob("*.sql")
    )
    for name in ("incremental", "seed", "snapshot"):
        assert f"materialization {name}, adapter='{target}'" in macros
    assert f"macro {target}__create_schema" in macros


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
