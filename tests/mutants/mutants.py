"""What a mutant is, and the list of them, read from the .yml files beside this module."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import yaml

HERE = Path(__file__).parent


class MutantError(Exception):
    """A mutant cannot be planted; the message says why."""


@dataclass(frozen=True)
class Mutant:
    """A defect: in `file` the text `search`, which occurs once, becomes `replace`.

    `proves` is the promise, table, macro or part whose tests it checks; `test` the pytest node that
    must fail; `models`, for the test that runs dbt's unit tests, the models to run them for.
    """

    name: str
    proves: str
    file: str
    search: str
    replace: str
    test: str
    models: str = ""

    @property
    def is_python(self) -> bool:
        """Whether the defect is in Python code, which a process reads once."""
        return self.file.endswith(".py")

    @contextmanager
    def planted(self, project: Path) -> Iterator[None]:
        """Plant the defect in a copy of the project, and take it out again."""
        path = project / self.file
        sound = path.read_text()
        if sound.count(self.search) != 1:
            raise MutantError(
                f"{self.name}: {self.file} has its text {sound.count(self.search)} times, not once."
            )
        path.write_text(sound.replace(self.search, self.replace))
        try:
            yield
        finally:
            path.write_text(sound)


def read_mutants(folder: Path = HERE) -> list[Mutant]:
    """Return all mutants; raises MutantError for an entry with unknown keys."""
    names = {field.name for field in fields(Mutant)}
    found = []
    for file in sorted(folder.glob("*.yml")):
        for entry in yaml.safe_load(file.read_text()):
            if not entry.keys() <= names:
                raise MutantError(
                    f"{file}: {entry.get('name')} has unknown {entry.keys() - names}."
                )
            found.append(Mutant(**entry))
    return found
