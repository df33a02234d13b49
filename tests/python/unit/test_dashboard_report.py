"""A report is one page that needs nothing else, with the figures of the dashboard."""

import re
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboard.formulas import FORMULAS
from dashboard.lakehouse import open_lake
from dashboard.report import write_report
from fitness.cli import app
from python_ingest.errors import SettingError
from tests.python.expected_figures import newest_workout
from tests.python.unit.small_lakehouse import BIG, SmallLakehouse
from tests.python.unit.test_dashboard_pages import figures, open_page


def shown_in_report(html: str) -> dict[str, str]:
    """Return the figures of a report that has each once, with their details."""
    found = re.findall(r"<div><dt>(.*?)</dt><dd>(.*?) <small>(.*?)</small></dd></div>", html)
    labels = {label: f"{value} {detail}".strip() for label, value, detail in found}
    assert len(found) == len(labels)
    return labels


def test_a_report_has_nothing_from_elsewhere_and_no_script(small: SmallLakehouse) -> None:
    for html in (write_report(open_lake()), write_report(open_lake(), member=BIG + 1)):
        assert not re.search(r"https?:|//\w|url\((?!#)|@import|<(script|link|img|iframe)\b", html)
        assert html.count("<svg") >= 2
        assert "Build of 2026-01-05 00:00:00 UTC: all well, in 5.0 s." in html


def test_a_members_report_has_the_figures_of_the_page(small: SmallLakehouse) -> None:
    found = shown_in_report(write_report(open_lake(), member=BIG + 1))
    assert found == figures(open_page("member"))
    assert found[FORMULAS["avg_bpm"].label] == f"{newest_workout(small, 1)['avg_bpm']:.1f}"


def test_a_gyms_report_has_the_figures_of_the_page(small: SmallLakehouse) -> None:
    logs = small.rows["silver.gym_logs"]
    logs[:] = [row for row in logs if row["login"].date() <= date(2026, 3, 12)]
    small.write("silver.gym_logs")
    expected = figures(open_page("gym"))
    del expected[FORMULAS["inside"].label]  # A report is not of now.
    html = write_report(open_lake(), gym=1)
    assert expected == shown_in_report(html)
    assert "Castro: persons inside, 2026-03-05 to 2026-03-12" in html


def test_a_report_of_a_week_has_the_visits_of_that_week(small: SmallLakehouse) -> None:
    visits = {
        (row["mac_address"], row["login"])
        for row in small.of("gold.gym_summary", gym=2)
        if row["date"].isocalendar()[:2] == (2026, 11)
    }
    html = write_report(open_lake(), gym=2, week="2026-W11")
    assert "Mitte: visits and exercise, 2026-03-09 to 2026-03-15" in html
    assert shown_in_report(html)[FORMULAS["visits"].label] == str(len(visits))


def test_a_report_of_a_members_week_has_all_its_workouts(small: SmallLakehouse) -> None:
    starts = {row["start_time"] for row in small.of("gold.workout_zones", user_id=BIG + 1)}
    expected = [start for start in starts if start.isocalendar()[:2] == (2026, 3)]
    html = write_report(open_lake(), member=BIG + 1, week="2026-W03")
    assert len(expected) > 1
    for start in expected:
        assert f"Workout of {start:%Y-%m-%d %H:%M} UTC" in html
    assert html.count("<h2>Workout of ") == len(expected)
    assert "Fitness, fatigue and form on 2026-01-18" in html


def test_names_in_a_report_are_no_markup(small: SmallLakehouse) -> None:
    small.rows["gold.gyms"][0]["name"] = "<i>Castro</i> & Co"
    small.write("gold.gyms")
    html = write_report(open_lake(), gym=1)
    assert "<i>" not in html
    assert "&lt;i&gt;Castro&lt;/i&gt; &amp; Co" in html


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gym": 1, "member": 1}, "one of --gym and --member"),
        ({"gym": 99}, "no gym 99: choose one of 1, 2, 77, 3"),
        ({"member": 99}, "no member 99"),
        ({"week": "2026-W60"}, "as in 2026-W05"),
        ({"week": "January"}, "as in 2026-W05"),
    ],
)
def test_what_is_not_there_is_an_error(
    small: SmallLakehouse, options: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        write_report(open_lake(), **options)  # type: ignore[arg-type]


def test_the_command_writes_the_report(small: SmallLakehouse, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    good = CliRunner().invoke(app, ["report", "--gym", "2", "--out", str(out)])
    assert good.exit_code == 0, good.output
    assert "Mitte" in out.read_text(encoding="utf-8")
    bad = CliRunner().invoke(app, ["report", "--gym", "9", "--out", str(tmp_path / "none.html")])
    assert bad.exit_code == 1
    assert "no gym 9" in bad.output
    assert not (tmp_path / "none.html").exists()


@pytest.mark.parametrize(
    ("arguments", "address", "is_warned"),
    [
        ([], "127.0.0.1", False),
        (["--host", "0.0.0.0"], "0.0.0.0", True),  # noqa: S104
    ],
)
def test_the_pages_are_for_this_machine_only_unless_told_otherwise(
    small: SmallLakehouse,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    arguments: list[str],
    address: str,
    is_warned: bool,
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda _, command: started.append(command))
    result = CliRunner().invoke(app, ["dashboard", "--port", "9000", *arguments])
    assert result.exit_code == 0, result.output
    [command] = started
    assert {f"--server.address={address}", "--server.port=9000"} <= {*command}
    assert "--browser.gatherUsageStats=false" in command
    assert Path(command[4]).is_file()
    assert ("there is no login" in caplog.text) == is_warned
