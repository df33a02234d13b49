"""The logs of one line of JSON per entry."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fitness import monthly_log
from fitness.monthly_log import MonthlyLog
from fitness.restart_log import Restart

LOG = MonthlyLog("restart_log", Restart)


@pytest.mark.parametrize("block", [1, 7, 1 << 18])
def test_the_newest_entries_are_found_in_all_months_and_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(monthly_log, "BLOCK", block)
    entries = [Restart(str(number), "Größe " * number) for number in range(5)]
    lines = [json.dumps(vars(entry), ensure_ascii=False) for entry in entries]
    folder = tmp_path / "restart_log"
    folder.mkdir()
    (folder / "2025-12.jsonl").write_text("\n".join(lines[:2]))
    (folder / "2026-01.jsonl").write_text("".join(f"{line}\n" for line in lines[2:]))
    (folder / "2026-02.jsonl").touch()
    for count in range(7):
        assert LOG.newest(tmp_path, count) == entries[len(entries) - min(count, 5) :]


def test_an_entry_after_one_that_was_cut_short_is_on_a_line_of_its_own(tmp_path: Path) -> None:
    LOG.add(tmp_path, Restart("1", "a"))
    with (tmp_path / "restart_log" / f"{datetime.now(UTC):%Y-%m}.jsonl").open("a") as file:
        file.write('{"at": "2')
    LOG.add(tmp_path, Restart("3", "c"))
    assert LOG.newest(tmp_path, 9) == [Restart("1", "a"), Restart("3", "c")]
