"""The contracts of the feeds: each is read, and an error in one names the file and column."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from python_ingest.errors import SettingError
from python_ingest.feeds import CONTRACTS, MULTIPLEX, UNROUTED, feeds_by_folder, read_feeds
from python_ingest.tables import table_names


def contract(name: str = "heart_rate_bz") -> dict[str, Any]:
    """Return a contract of the project's, to be changed."""
    found: dict[str, Any] = yaml.safe_load((CONTRACTS / f"{name}.yml").read_text())
    return found


def write(folder: Path, content: object, name: str = "heart_rate_bz") -> None:
    (folder / f"{name}.yml").write_text(yaml.safe_dump(content))


def test_each_contract_of_the_project_is_a_feed() -> None:
    assert {feed.table for feed in read_feeds()} == {
        file.stem for file in CONTRACTS.glob("*.yml")
    } - {UNROUTED}
    assert {*table_names()} == {feed.table for feed in read_feeds()} | {UNROUTED}


def test_feeds_of_topics_share_a_landing_folder() -> None:
    folders = feeds_by_folder()
    assert folders.keys() == {MULTIPLEX, "registered_users_bz", "gym_logins_bz"}
    assert {feed.topic for feed in folders[MULTIPLEX]} == {"bpm", "user_info", "workout"}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("columns", 0, "data_type"), "int", "column device_id: data_type is int; it can be"),
        (("columns", 0, "name"), "_id", "column _id: the name is taken"),
        (("columns", 0, "name"), "offset", "column offset: the name is taken"),
        (("columns", 0, "name"), "time", "column time: another one has the same name"),
        (("columns", 0, "name"), "id", "there is no column device_id"),
        (("columns", 0, "description"), None, "columns device_id: .*`description`"),
        (("columns", 0, "config", "meta", "requird"), True, "columns device_id: .*`requird`"),
        (("columns", 0, "config", "meta", "required"), False, "column device_id: give required"),
        (("columns", 0, "config", "meta", "person"), None, "column device_id: give person"),
        (("columns", 0, "config", "meta", "field"), "time", "column device_id: its field is"),
        (("columns", 0, "config", "meta", "field"), 'a"', "column device_id: its field is"),
        (("columns", 1, "config", "meta", "unit"), "hours", "columns time: .*'hours'"),
        (("columns", 1, "config", "meta", "unit"), None, "column time: the event time needs unit"),
        (("columns", 1, "data_type"), "bigint", "column time: epoch seconds are a double"),
        (("config", "meta", "folder"), "heart_rate_bz", "give either topic or folder"),
        (("config", "meta", "topic"), None, "give either topic or folder"),
        (("config", "meta", "event_time"), "at", "there is no column at"),
        (("config", "meta", "waits_for"), {"a": "users", "b": "users"}, "waits_for: give one"),
        (("config", "meta", "silver"), None, "config.meta: .*`silver`"),
        (("config", "meta", "bad_values"), [], "config.meta: .*`bad_values`"),
        (("name",), "readings_bz", "the table is bronze.readings_bz, not bronze.heart_rate_bz"),
    ],
)
def test_an_error_names_the_file_and_the_column(
    tmp_path: Path, path: tuple[str | int, ...], value: object, message: str
) -> None:
    content = contract()
    part = content["sources"][0]["tables"][0]
    for step in path[:-1]:
        part = part[step]
    if value is None:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    write(tmp_path, content)
    with pytest.raises(SettingError, match=rf"heart_rate_bz\.yml: .*{message}"):
        read_feeds(tmp_path)


@pytest.mark.parametrize("content", ["", "a: [", {"sources": []}, {"sources": [{"name": "x"}]}])
def test_a_file_that_is_no_contract_is_refused(tmp_path: Path, content: object) -> None:
    if isinstance(content, str):
        (tmp_path / "heart_rate_bz.yml").write_text(content)
    else:
        write(tmp_path, content)
    with pytest.raises(SettingError, match=r"heart_rate_bz\.yml: a contract is one table"):
        read_feeds(tmp_path)


def test_two_feeds_of_one_topic_are_refused(tmp_path: Path) -> None:
    write(tmp_path, contract())
    copy = contract()
    copy["sources"][0]["tables"][0]["name"] = "other_bz"
    write(tmp_path, copy, "other_bz")
    with pytest.raises(SettingError, match=r"\.yml: its topic or folder is another feed's"):
        read_feeds(tmp_path)


def test_a_folder_without_contracts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="has no contract"):
        read_feeds(tmp_path)
