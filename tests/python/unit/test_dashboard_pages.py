"""The numbers on the pages are those of the tables, whatever is chosen and whatever is built."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from inspect import unwrap
from pathlib import Path

import pytest
from deltalake import write_deltalake
from pyarrow import table
from streamlit.testing.v1 import AppTest

import dashboard
from dashboard.formulas import FORMULAS
from dashboard.lakehouse import find_build
from dashboard.page import watch
from fitness.lock import only_one
from tests.python.expected_figures import newest_workout
from tests.python.unit.small_lakehouse import BIG, NOW, Row, SmallLakehouse

PAGES = ("member", "gym", "members", "pipeline")
APP = Path(dashboard.__file__).with_name("pages") / "app.py"
ALL_WELL = "Build of 2026-01-05 00:00:00 UTC: all well, in 5.0 s."
MARCH = (date(2026, 3, 5), date(2026, 3, 12))


def open_page(name: str) -> AppTest:
    """Return a page that has been drawn."""
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    if name != "member":
        app.switch_page(f"{name}.py").run()
    assert not app.exception
    return app


def figures(app: AppTest) -> dict[str, str]:
    """Return the figures on a page, each with its detail, by their label."""
    return {metric.label: f"{metric.value} {metric.delta}".strip() for metric in app.metric}


def of_label(name: str) -> str:
    """Return the label of a figure."""
    return FORMULAS[name].label


@pytest.mark.parametrize("name", PAGES)
def test_each_page_says_of_which_build_it_is(small: SmallLakehouse, name: str) -> None:
    assert ALL_WELL in [caption.value for caption in open_page(name).caption]


@pytest.mark.parametrize("name", PAGES)
def test_each_figure_has_its_formula_and_its_source(small: SmallLakehouse, name: str) -> None:
    app = open_page(name)
    assert app.metric
    texts = {formula.label: str(formula) for formula in FORMULAS.values()}
    assert {metric.label: metric.help for metric in app.metric}.items() <= texts.items()
    assert all(text.help for text in app.markdown)


def test_each_source_of_a_figure_is_a_table_or_a_log() -> None:
    for formula in FORMULAS.values():
        assert formula.source.startswith(
            ("gold.", "gold_private.", "silver.", "bronze.", "ingest_log", "the landing")
        )


@pytest.mark.parametrize("name", PAGES)
def test_without_tables_a_page_says_which_command_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("FITNESS_LAKEHOUSE", str(tmp_path / "none"))
    monkeypatch.setenv("FITNESS_LANDING", str(tmp_path / "landing"))
    app = open_page(name)
    assert "uv run fitness run" in app.info[-1].value
    assert "No build has finished yet." in app.caption[0].value


@pytest.mark.parametrize("name", PAGES)
def test_tables_without_rows_are_no_error(small: SmallLakehouse, name: str) -> None:
    for rows in small.rows.values():
        rows.clear()
    small.write()
    app = open_page(name)
    assert app.info or app.caption[1:]


def test_the_member_page_shows_the_newest_workout_of_the_first_member(
    small: SmallLakehouse,
) -> None:
    workout = newest_workout(small, 1)
    found = figures(open_page("member"))
    for name in ("edwards_load", "min_bpm", "avg_bpm", "max_bpm", "longest_gap_seconds"):
        assert found[of_label(name)] == f"{workout[name]:,.1f}"
    assert found[of_label("coverage")] == f"{workout['coverage'] * 100:,.1f}"
    assert found[of_label("recovery_60")] == "-"  # Too few readings.
    assert found[of_label("hr_max")] == "180.0 from the age"
    minutes = (workout["end_time"] - workout["start_time"]).total_seconds() / 60
    assert found[of_label("minutes")] == f"{minutes:.1f}"


def test_a_member_and_a_workout_can_be_chosen(small: SmallLakehouse) -> None:
    app = open_page("member")
    app.selectbox(key="member").set_value(str(BIG + 2)).run()
    assert figures(app)[of_label("avg_bpm")] == f"{newest_workout(small, 2)['avg_bpm']:.1f}"
    app.selectbox(key="member").set_value(str(BIG + 1)).run()
    oldest = small.of("gold.workout_zones", user_id=BIG + 1)[0]
    choice = app.selectbox(key=f"workout_of_{BIG + 1}")
    choice.set_value(f"{oldest['workout_id']}/{BIG}").run()
    assert figures(app)[of_label("edwards_load")] == f"{oldest['edwards_load']:.1f}"
    assert app.subheader[0].value == "Workout of 2026-01-06 23:45 UTC"
    curve, zones = (frame.value for frame in app.dataframe[:2])
    assert curve.minute.max() == pytest.approx(1120 / 60)
    seconds = [oldest[name] for name in ("seconds_below", "seconds_zone_1", "seconds_zone_5")]
    shown = zones.set_index("zone").minutes * 60
    assert [shown["below"], shown["zone 1"], shown["zone 5"]] == pytest.approx(seconds)


def test_a_workout_without_zones_says_why(small: SmallLakehouse) -> None:
    small.rows["gold.workout_zones"][0]["hr_max"] = None
    for zone in ("seconds_below", *[f"seconds_zone_{number}" for number in range(1, 6)]):
        small.rows["gold.workout_zones"][0][zone] = None
    small.write("gold.workout_zones")
    app = open_page("member")
    oldest = small.of("gold.workout_zones", user_id=BIG + 1)[0]
    choice = app.selectbox(key=f"workout_of_{BIG + 1}")
    choice.set_value(f"{oldest['workout_id']}/{BIG}").run()
    assert any("neither an age nor a maximum" in caption.value for caption in app.caption)


def test_weeks_and_form_of_a_member_are_those_of_the_training_days(small: SmallLakehouse) -> None:
    days = small.of("gold.training_days", user_id=BIG + 1)
    week = date(2026, 3, 2)  # The last whole one: the tables end in the next.
    loads: Counter[date] = Counter()
    for row in days:
        loads[row["date"] - timedelta(days=row["date"].weekday())] += row["load"]
    before = [loads[week - timedelta(weeks=number)] for number in range(1, 5)]
    today = datetime.now(UTC).date()
    app = open_page("member")
    found = figures(app)
    assert found[of_label("week_load")] == f"{loads[week]:.1f} from Mon 2026-03-02"
    assert found[of_label("usual_load")] == f"{sum(before) / 4:.1f}"
    form = app.dataframe[-1].value
    stored = {row["date"]: row["fitness"] for row in days}
    shown = {day.date(): value for day, value in zip(form.date, form.fitness, strict=True)}
    assert {day: shown[day] for day in stored} == pytest.approx(stored)
    assert today <= form.date.max().date() <= datetime.now(UTC).date()


def test_the_gym_page_shows_who_is_inside(small: SmallLakehouse) -> None:
    app = open_page("gym")
    assert figures(app)[of_label("inside")] == "2 of 40"
    assert [*app.dataframe[0].value.user_id] == [str(BIG + 2), str(BIG + 1)]
    app.selectbox(key="gym").set_value("2").run()
    assert figures(app)[of_label("inside")] == "1"  # Its capacity is not known.


@pytest.mark.parametrize("days", [MARCH, (date(2026, 3, 8), date(2026, 3, 8))])
@pytest.mark.parametrize("gym", [1, 77])
def test_visits_and_peak_are_those_of_the_gym_and_dates_chosen(
    small: SmallLakehouse, gym: int, days: tuple[date, date]
) -> None:
    app = open_page("gym")
    app.selectbox(key="gym").set_value(str(gym)).run()
    app.date_input(key=f"dates_of_{gym}").set_value(days).run()
    found = figures(app)

    def between(name: str, day: str) -> list[Row]:
        return [row for row in small.of(name, gym=gym) if days[0] <= row[day] <= days[1]]

    visits, hours = between("gold.gym_summary", "date"), between("gold.gym_occupancy", "local_date")
    assert found[of_label("visits")] == str(len({(v["mac_address"], v["login"]) for v in visits}))
    minutes = sum(row["minutes_exercising"] for row in visits)
    assert found[of_label("minutes_exercising")] == f"{minutes:,.0f}"
    if hours:
        top = min(hours, key=lambda row: (-row["peak"], row["hour_start"]))
        assert found[of_label("peak")] == f"{top['peak']} of 40 ({top['peak'] / 40:.0%})"
        when = f"{top['local_date']:%a} {top['local_hour']:02}:00 {top['local_date']} P"
        assert found[of_label("peak_hour_start")].startswith(when)
    else:
        assert of_label("peak") not in found


def test_a_gym_without_visits_says_so(small: SmallLakehouse) -> None:
    app = open_page("gym")
    app.selectbox(key="gym").set_value("3").run()
    assert app.info[0].value == "There are no visits to this gym yet."


def test_the_members_page_shows_no_small_group(small: SmallLakehouse) -> None:
    app = open_page("members")
    assert figures(app)[of_label("members")] == "14"
    assert len(app.dataframe) == 3
    for frame in app.dataframe:
        assert frame.value.members.min() >= 5
        assert frame.value.members.sum() == 14
        assert not {"X", "unknown", "under 20"} & {*frame.value.name}


def test_with_fewer_members_than_k_nothing_is_shown(small: SmallLakehouse) -> None:
    small.rows["silver.users"] = [{"user_id": BIG + n, "device_id": n} for n in range(1, 5)]
    small.write("silver.users")
    app = open_page("members")
    assert not app.metric
    assert any("fewer than 5 members" in caption.value for caption in app.caption)


def test_raw_lines_and_failed_rows_are_shown_only_when_asked_for(small: SmallLakehouse) -> None:
    bad = table({"user_id": [BIG + 1], "n": [2]})
    write_deltalake(small.folder / "failures" / "unique_users", bad)
    small.log_build(minute=1, unique_users="Got 1 result")
    app = open_page("pipeline")
    assert "failed in unique_users" in app.warning[0].value
    assert figures(app)[of_label("lines")] == "50"
    before = [[*frame.value] for frame in app.dataframe]
    assert ["name", "message"] in before
    assert not any("raw" in columns for columns in before)
    app.selectbox(key="failed_test").set_value("unique_users").run()
    [failed] = [frame.value for frame in app.dataframe if [*frame.value] == ["user_id", "n"]]
    assert failed.user_id[0] == str(BIG + 1)
    choice = f"{NOW.date()} heart_rate_bz: malformed"
    app.selectbox(key="quarantined").set_value(choice).run()
    assert app.dataframe[-1].value.raw[0].startswith("raw line")


def test_a_build_that_comes_in_between_is_shown(small: SmallLakehouse) -> None:
    app = open_page("gym")
    app.selectbox(key="gym").set_value("2").run()
    for row in small.of("silver.gym_logs", logout=None):
        row["logout"] = NOW
    small.rows["gold.gyms"].insert(0, {"gym": 0, "name": "New", "time_zone": "UTC"})
    small.write("silver.gym_logs", "gold.gyms")
    small.log_build(minute=5)
    app.run()
    assert not app.exception
    assert "Build of 2026-01-05 00:05:00 UTC" in app.caption[0].value
    assert app.selectbox(key="gym").value == "2"  # What was chosen stays.
    assert figures(app)[of_label("inside")] == "0"


@pytest.mark.parametrize("name", PAGES)
def test_pages_show_the_last_build_while_another_runs(small: SmallLakehouse, name: str) -> None:
    before = figures(open_page(name))
    with only_one(small.folder, "build"):
        for rows in small.rows.values():
            rows.clear()
        small.write()
        app = open_page(name)
        assert "Another build is running" in app.caption[0].value
        assert figures(app) == before


def test_a_page_is_drawn_again_only_when_there_is_something_new(
    small: SmallLakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    monkeypatch.setattr("streamlit.rerun", lambda: drawn.append("again"))
    look, shown = unwrap(watch), find_build(small.folder)
    look(small.folder, shown)
    small.write("bronze.heart_rate_bz")
    look(small.folder, shown)
    assert drawn == []
    small.write("gold.gyms")
    look(small.folder, shown)
    small.log_build(minute=1)
    shown = find_build(small.folder)
    look(small.folder, shown)
    with only_one(small.folder, "build"):
        look(small.folder, shown)
    assert drawn == ["again", "again"]


def test_a_name_is_never_taken_for_markup(small: SmallLakehouse) -> None:
    app = open_page("member")
    texts = [*app.markdown, *app.caption, *app.subheader, *app.title]
    assert not any("Lee" in text.value for text in texts)
    assert "<b>*Lee*</b>" in app.selectbox(key="member").options[0]
