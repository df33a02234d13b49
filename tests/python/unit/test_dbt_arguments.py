"""The arguments that a build passes on to dbt."""

import pytest

from fitness.dbt_arguments import (
    asks_whole_tests,
    target_of,
    variables,
    where_it_builds,
    with_whole_tests,
)


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
def test_failed_tests_run_again_with_the_target_vars_and_state_of_the_build(
    arguments: list[str], kept: list[str]
) -> None:
    assert [*where_it_builds(arguments)] == kept


@pytest.mark.parametrize(
    ("arguments", "are_asked"),
    [
        (["--vars", "whole_tests: true"], True),
        (["--vars", '{"whole_tests": true}'], True),
        (["--vars={whole_tests: yes, most: 60}", "--quiet"], True),
        (["--vars", "whole_tests: true", "--vars", "most: 60"], False),
        (["--vars", "whole_tests: true", "--vars=most: 60"], False),
        (["--vars", "whole_tests: false"], False),
        (["--select", "whole_tests: true"], False),
        (["--vars", "whole_tests: [true"], False),
        (["--vars", "whole_tests"], False),
        (["--vars"], False),
        ([], False),
    ],
)
def test_whole_tests_are_asked_for_in_any_yaml(arguments: list[str], are_asked: bool) -> None:
    assert asks_whole_tests(arguments) == are_asked


def test_asking_for_whole_tests_keeps_the_other_variables() -> None:
    asking = with_whole_tests(["--vars", "heart_rate_max: 240", "--threads", "2"])
    assert asks_whole_tests(asking)
    assert variables(asking) == {"heart_rate_max": 240, "whole_tests": True}
    assert asking[2:4] == ["--threads", "2"]


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        (["--select", "users", "--target", "server"], "server"),
        (["-t", "local", "--target=server"], "server"),
        (["--select", "target"], None),
        ([], None),
    ],
)
def test_the_target_of_a_build_is_the_last_that_its_arguments_name(
    arguments: list[str], target: str | None
) -> None:
    """A build by a server must start no Spark, however the target is named."""
    assert target_of(arguments) == target
