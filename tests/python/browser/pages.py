"""The dashboard in headless Chromium: what a person sees on its pages, and what they can choose."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, WebSocket, sync_playwright

from fitness.options import LOOPBACK
from tests.python.lake import FITNESS, free_port, wait_until
from tests.python.server import is_open

Mark = dict[str, Any]
TIME_ZONE = "America/Los_Angeles"  # of the browser: dates and times must not depend on it
SECONDS = 30  # after which a page must show what it should
# The marks of each chart, by its label: Vega binds them to the elements of its SVG.
MARKS = """() => Object.fromEntries([...document.querySelectorAll('.vega-embed svg')].map(svg => [
    svg.parentElement.getAttribute('aria-label'),
    [...svg.querySelectorAll('.role-mark')].filter(g => g.firstElementChild?.__data__?.mark).map(
        g => g.firstElementChild.__data__.mark).map(mark => mark.items.map(item => ({
            ...item.datum, type: mark.marktype, text: item.text, fill: item.fill,
            x: item.x, y: item.y, width: item.width, height: item.height})))]))"""
DRAWN = """() => {
    const count = selector => document.querySelectorAll(selector).length;
    const is_done = count('[data-testid=stApp][data-test-script-state=notRunning]') == 1;
    return is_done && count('[data-testid=stVegaLiteChart]') == count('.vega-embed svg');
}"""
TABLES = """() => [...document.querySelectorAll('[data-testid=stDataFrame] table')].map(table => [
    Number(table.getAttribute('aria-rowcount')) - 1,
    [...table.rows].map(row => [...row.cells].map(cell => cell.textContent))])"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.fail("There is no Chromium. Install it: sudo apt-get install -y chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable)
        yield browser
        browser.close()


@contextmanager
def served(lakehouse: Path, landing: Path) -> Iterator[str]:
    """Serve a lakehouse by the command line; return the address."""
    port = free_port()
    folders = ("--lakehouse", str(lakehouse), "--landing", str(landing))
    environment = {name: value for name, value in os.environ.items() if name != "FITNESS_DEV"}
    with subprocess.Popen(  # noqa: S603 - our own command line
        [*FITNESS, "dashboard", "--port", str(port), *folders], env=environment
    ) as process:
        try:
            wait_until(lambda: process.poll() is None and is_open(port), "the dashboard listens")
            yield f"http://{LOOPBACK}:{port}"
        finally:
            process.terminate()


@dataclass
class Dashboard:
    """A browser's window with the dashboard; `problems` are errors and requests to other hosts."""

    page: Page
    problems: list[str] = field(default_factory=list)

    def check_host(self, request: Request | WebSocket) -> None:
        """Note a request to another host."""
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob") and url.hostname != LOOPBACK:
            self.problems.append(request.url)

    def open(self, title: str) -> None:
        """Go to a page by the navigation."""
        sidebar = self.page.get_by_test_id("stExpandSidebarButton")  # on a phone
        if sidebar.is_visible():
            sidebar.click()
        self.page.get_by_role("link", name=title, exact=True).click()
        self.heading(title).wait_for()

    def wait(self) -> None:
        """Wait until the page has been drawn with all its charts."""
        self.page.wait_for_function(DRAWN)

    def heading(self, text: str) -> Locator:
        """Return the heading with a text."""
        return self.page.get_by_role("heading", name=text, exact=True)

    def choose(self, label: str, option: str) -> None:
        """Choose the option that has a text, of a list."""
        box = self.page.get_by_role("combobox", name=label)
        box.click()
        box.fill(option)
        self.page.get_by_role("option").first.click()

    def choose_dates(self, first: date, last: date) -> None:
        """Type the days of a range."""
        for place, day in (("start", first), ("end", last)):
            self.page.get_by_role("spinbutton", name=f"{place} date").first.click()
            self.page.keyboard.type(f"{day:%Y%m%d}")
        self.page.keyboard.press("Tab")  # Closing the calendar applies them.
        self.page.keyboard.press("Escape")

    def figures(self) -> dict[str, str]:
        """Return the figures, each with its detail, by their label."""
        metrics = self.page.get_by_test_id("stMetric").all_inner_texts()
        return {label: " ".join(texts) for label, *texts in (m.split("\n\n") for m in metrics)}

    def tables(self) -> list[tuple[int, list[dict[str, str]]]]:
        """Return how many rows each table has, and those of them that are on the screen."""
        # From the last one: those that are opened drop out of the list.
        for closed in reversed(self.page.locator("details:not([open]) summary").all()):
            closed.click()
        return [
            (count, [dict(zip(header, row, strict=True)) for row in rows])
            for count, (header, *rows) in self.page.evaluate(TABLES)
        ]

    def marks(self, title: str) -> list[list[Mark]]:
        """Return the marks of a chart: a list for each line and each kind of other marks."""
        charts = self.page.evaluate(MARKS).items()
        [found] = [marks for label, marks in charts if label.endswith(f": {title}")]
        return list(found)

    def eventually(self, check: Callable[[], None]) -> None:
        """Repeat a check until it succeeds: a page is drawn piece by piece."""
        until = time.monotonic() + SECONDS
        while True:
            try:
                return check()
            except (AssertionError, LookupError, ValueError):
                if time.monotonic() > until:
                    raise
                self.page.wait_for_timeout(100)


@contextmanager
def opened(
    browser: Browser, address: str, width: int = 1280, height: int = 3000
) -> Iterator[Dashboard]:
    """Open the dashboard in a window of a size in pixels; nothing may go wrong in it."""
    page = browser.new_page(
        viewport={"width": width, "height": height}, timezone_id=TIME_ZONE, locale="en-US"
    )
    dashboard = Dashboard(page)
    page.on("request", dashboard.check_host)
    page.on("websocket", dashboard.check_host)
    page.on("pageerror", lambda error: dashboard.problems.append(str(error)))
    page.on(
        "console",
        lambda message: (
            dashboard.problems.append(message.text)
            if message.type in ("error", "warning")
            else None
        ),
    )
    page.goto(address)
    dashboard.heading("Member").wait_for()
    try:
        yield dashboard
    finally:
        page.close()
    assert dashboard.problems == []
