"""The views of gold_private in DuckDB: from the same SQL as in Spark, that of their models."""

from pathlib import Path

import jinja2

from fitness.settings import PROJECT, project_vars

MODELS, RULES = PROJECT / "models", PROJECT / "macros" / "rules"
# Functions of Spark that the views call and that DuckDB has under another name.
FUNCTIONS = """
    create macro sha2(value, bits) as sha256(value);
    create macro unix_micros(instant) as epoch_us(instant);
"""


def view_sql(name: str) -> str:
    """Return the SQL of a view, in which tables are named `layer.name`."""
    environment = jinja2.Environment(  # noqa: S701 - not HTML
        undefined=jinja2.StrictUndefined, extensions=["jinja2.ext.do"]
    )
    environment.globals.update(ref=layer_and_name, var=project_vars().__getitem__)
    files = (*sorted(RULES.glob("*.sql")), MODELS / "gold_private" / f"{name}.sql")
    return environment.from_string("".join(map(Path.read_text, files))).render()


def layer_and_name(model: str) -> str:
    """Return `layer.name` of a model."""
    [file] = MODELS.glob(f"*/{model}.sql")
    return f"{file.parent.name}.{model}"
