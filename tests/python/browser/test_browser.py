"""In a browser every figure, table and chart mark is what plain Python computes from the rows."""

from collections.abc import Iterator
from datetime import date, timedelta
from operator import itemgetter
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect

from dashboard.formulas import FORMULAS
from fitness import ingest_log
from fitness.ingest_log import LoggedBatch
from tests.python import expected_figures as expected
from tests.python.browser.checks import (
    TODAY,
    assert_marks,
    assert_tables,
    check_gym,
    check_member,
    labelled,
)
from tests.python.browser.pages import SECONDS, Dashboard, chromium, opened, served
from tests.python.unit.small_lakehouse import (
    BIG,
    MONDAY,
    NOW,
    TO_COME,
    Row,
    SmallLakehouse,
    at,
    small_lakehouse,
)

pytestmark = pytest.mark.slow

PAGES = ("Member", "Gym", "Members", "Pipeline")
PHONE, DESKTOP = (390, 844), (1280, 3000)  # pixels
MARCH = (date(2026, 3, 5), date(2026, 3, 12))
LANDED = NOW - timedelta(minutes=3)
# What reaches beyond the screen or beyond its chart, and figures that are shortened by dots.
CUT_OFF = """() => {
    const found = (selector, is_cut) => [...document.querySelectorAll(selector)].filter(is_cut);
    const right = element => element.getBoundingClientRect().right - 1;
    return [
        ...found('html', page => page.scrollWidth > innerWidth),
        ...found('[data-testid=stMain] :not(td, th)', each => right(each) > innerWidth),
        ...found('.role-legend text, .role-axis text', text =>
            text.getAttribute('opacity') != 0 && right(text) > right(text.ownerSVGElement)),
        ...found('.stMetric .stMarkdownEllipsis', text => text.scrollWidth > text.clientWidth),
    ].map(element => element.outerHTML.slice(0, 300));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallLakehouse:
    """Return a small lakehouse with a file that has not landed and rows that are not built."""
    made = small_lakehouse(tmp_path_factory.mktemp("browser") / "lake house ü")
    waiting = made.folder.with_name("landing") / "gym_logins_bz" / "waiting.csv"
    waiting.parent.mkdir(parents=True)
    waiting.touch()
    started = (LANDED - timedelta(seconds=6)).isoformat()
    rows = {"heart_rate_bz": 1234}
    batch = LoggedBatch("kafka_multiplex_bz", 1, started, 6.0, 3, rows, 0, 0, None, None, [], {})
    ingest_log.add(made.folder, batch)
    return made


@pytest.fixture(scope="module")
def address(small: SmallLakehouse) -> Iterator[str]:
    with served(small.folder, small.folder.with_name("landing")) as found:
        yield found


@pytest.fixture
def dashboard(browser: Browser, address: str) -> Iterator[Dashboard]:
    with opened(browser, address) as found:
        yield found


def choose_oldest_workout(dashboard: Dashboard, small: SmallLakehouse) -> Row:
    """Choose the first member's only workout with heart rates."""
    oldest = expected.workouts(small, BIG + 1)[-1]
    dashboard.choose("Workout", f"{oldest['start_time']:%Y-%m-%d %H:%M}")
    return oldest


def test_a_workout_its_weeks_and_form_are_those_of_the_tables(
    dashboard: Dashboard, small: SmallLakehouse
) -> None:
    dashboard.eventually(lambda: check_member(dashboard, small, expected.newest_workout(small, 1)))
    oldest = choose_oldest_workout(dashboard, small)
    dashboard.eventually(lambda: check_member(dashboard, small, oldest))
    labels = dashboard.page.locator(".role-axis-label text").all_text_contents()
    assert "5 Jan2026" in labels  # in two lines


@pytest.mark.parametrize("user", [2, 3])  # The third has no zones.
def test_another_member_can_be_chosen(
    dashboard: Dashboard, small: SmallLakehouse, user: int
) -> None:
    dashboard.choose("Member", str(BIG + user))
    workout = expected.newest_workout(small, user)
    dashboard.eventually(lambda: check_member(dashboard, small, workout))


def test_the_tooltip_of_a_heart_rate_is_that_of_an_instant_below_the_pointer(
    dashboard: Dashboard, small: SmallLakehouse
) -> None:
    oldest = choose_oldest_workout(dashboard, small)
    rules = dashboard.page.locator(".vega-embed").first.locator(".mark-rule.role-mark line")
    rules.first.wait_for(state="attached")
    box = rules.nth(100).bounding_box()
    assert box
    dashboard.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    tooltip = dashboard.page.locator("#vg-tooltip-element.visible tr")
    expect(tooltip).to_have_count(2)
    shown = [float(text.split("\t")[1]) for text in tooltip.all_inner_texts()]
    readings = expected.heart_rates(small, oldest)[198:203]  # Rules are two instants apart.
    assert shown in [[round(row["minute"], 2), round(row["bpm"], 1)] for row in readings]


def test_a_gym_and_its_days_can_be_chosen(dashboard: Dashboard, small: SmallLakehouse) -> None:
    castro, mitte, _ = small.rows["gold.gyms"]
    dashboard.open("Gym")
    newest = (NOW + TO_COME).astimezone(ZoneInfo(castro["time_zone"])).date()
    days = (newest - timedelta(days=27), newest)
    dashboard.eventually(lambda: check_gym(dashboard, small, castro, *days))
    dashboard.choose_dates(*MARCH)
    dashboard.eventually(lambda: check_gym(dashboard, small, castro, *MARCH))
    dashboard.choose("Gym", "Mitte")
    dashboard.page.get_by_text(f"Dates ({mitte['time_zone']})").wait_for()
    dashboard.choose_dates(*MARCH)
    dashboard.eventually(lambda: check_gym(dashboard, small, mitte, *MARCH))


def test_the_groups_of_members_are_those_of_the_tables(
    dashboard: Dashboard, small: SmallLakehouse
) -> None:
    groups = expected.groups(small, TODAY)
    dashboard.open("Members")

    def check() -> None:
        members = len({row["user_id"] for row in small.rows["silver.users"]})
        assert dashboard.figures() == labelled(members=str(members))
        assert_tables(dashboard, *groups.values())
        for kind, rows in groups.items():
            bars, texts = dashboard.marks(f"Members by {kind}")
            assert_marks(bars, rows, "name", "members", width="members")
            assert [mark["text"] for mark in texts] == [str(row["members"]) for row in rows]

    dashboard.eventually(check)


def test_the_pipeline_shows_what_waits_what_landed_and_what_was_refused(
    dashboard: Dashboard, small: SmallLakehouse
) -> None:
    landed = expected.landed_rows(small, TODAY - timedelta(days=29))
    refused = expected.quarantine(small)
    build = {"began (UTC)": at(MONDAY), "seconds": 5.0}
    lines = small.of("silver.quarantine", reason="malformed", _first_seen_at=NOW)
    raw = [{"raw": row["raw"]} for row in sorted(lines, key=itemgetter("row_id"))]

    def check(*more: list[Row]) -> None:
        assert dashboard.figures() == labelled(
            landed_at=f"{LANDED:%H:%M %Y-%m-%d}",
            **{"bronze": "1", "silver": "1,234", "gold": "1,234", "lines": "50"},
        )
        assert_tables(dashboard, [build], landed, refused, *more)
        [bars] = dashboard.marks("Rows by feed and day")
        assert_marks(bars, landed, "feed", "day", "rows", height="rows")
        [bars] = dashboard.marks("Lines by feed, reason and day")
        assert_marks(bars, refused, "reason", "day", "lines", height="lines")

    dashboard.open("Pipeline")
    dashboard.eventually(check)
    dashboard.choose("Examples of raw lines", f"{TODAY} heart_rate_bz: malformed")
    dashboard.eventually(lambda: check(raw))


def test_a_build_that_comes_in_between_is_shown_without_a_reload(
    browser: Browser, tmp_path: Path
) -> None:
    other = small_lakehouse(tmp_path / "lakehouse")
    landing = tmp_path / "landing"
    with served(other.folder, landing) as address, opened(browser, address) as dashboard:
        dashboard.open("Gym")
        dashboard.choose("Gym", "Mitte")
        inside = FORMULAS["inside"].label
        dashboard.eventually(lambda: equal(dashboard.figures()[inside], "1"))
        dashboard.page.evaluate("window.isTheSame = true")
        for row in other.of("silver.gym_logs", logout=None):
            row["logout"] = NOW
        other.write("silver.gym_logs")
        other.log_build(minute=5, some_test="Got 1 result")
        alert = dashboard.page.get_by_test_id("stAlert")
        expect(alert).to_contain_text("failed in some_test", timeout=SECONDS * 1000)
        dashboard.eventually(lambda: equal(dashboard.figures()[inside], "0"))
        assert dashboard.page.evaluate("window.isTheSame")


def equal(found: object, wanted: object) -> None:
    assert found == wanted


def test_an_empty_lakehouse_says_what_to_run(browser: Browser, tmp_path: Path) -> None:
    folders = (tmp_path / "lakehouse", tmp_path / "landing")
    with served(*folders) as address, opened(browser, address) as dashboard:
        for title in PAGES:
            dashboard.open(title)
            alert = dashboard.page.get_by_test_id("stAlert")
            expect(alert.last).to_contain_text("uv run fitness run")


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_nothing_is_cut_off(
    browser: Browser, address: str, small: SmallLakehouse, size: tuple[int, int]
) -> None:
    with opened(browser, address, *size) as dashboard:
        choose_oldest_workout(dashboard, small)
        dashboard.heading("Workout of 2026-01-06 23:45 UTC").wait_for()
        for title in ("Gym", "Members", "Pipeline", "Member"):
            dashboard.wait()
            dashboard.eventually(lambda: equal(dashboard.page.evaluate(CUT_OFF), []))
            dashboard.open(title)
