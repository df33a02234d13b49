"""What a build passes on to dbt."""

import pytest

from python_ingest.build import where_it_builds


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (["--select", "users", "gyms", "--target", "server"], ["--target", "server"]),
        (["--vars", "whole_tests: true", "--full-refresh"], ["--vars", "whole_tests: true"]),
        (["--defer", "--state=prod", "-s", "state:modified+"], ["--defer", "--state=prod"]),
        (["-t", "server", "--defer-state", "prod"], ["-t", "server", "--defer-state", "prod"]),
        (["--exclude-resource-type", "unit_test"], []),
    ],
)
def test_failing_rows_are_looked_for_where_the_build_was(
    arguments: list[str], kept: list[str]
) -> None:
    assert [*where_it_builds(arguments)] == kept
