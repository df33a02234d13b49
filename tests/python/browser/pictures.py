"""Makes the pictures of the pages under docs/images, of an invented gym that ends today.

Run `uv run python -m tests.python.browser.pictures`. It takes two minutes, and needs Debian's
Chromium (`sudo apt-get install -y chromium`) but no Java.
"""

import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from fitness.samples.people import person
from fitness.settings import PROJECT
from tests.python.browser.pages import Dashboard, chromium, opened, served
from tests.python.browser.sample import SEED, sample_lakehouse

PAGES = ("Member", "Gym", "Members", "Pipeline")
WIDTH, PHONE_WIDTH, PHONE_HEIGHT = 1280, 390, 1400  # pixels
COLORS = 128  # of a palette: text stays sharp, and files small
MEMBER = 3  # one who wears a device
HEIGHT = "document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight"


def main(images: Path) -> None:
    """Write the pictures."""
    images.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, chromium() as browser:
        landing, lakehouse = Path(folder, "landing"), Path(folder, "lakehouse")
        sample_lakehouse(landing, lakehouse, datetime.now(UTC))
        with served(lakehouse, Path(folder, "all has landed")) as address:
            with opened(browser, address, WIDTH) as dashboard:
                for title in PAGES:
                    dashboard.open(title)
                    if title == "Member":
                        choose_member(dashboard)
                    dashboard.wait()
                    save(dashboard, images / f"{title.lower()}.png", WIDTH)
            with opened(browser, address, PHONE_WIDTH, 844) as dashboard:
                choose_member(dashboard)
                dashboard.wait()
                save(dashboard, images / "member-phone.png", PHONE_WIDTH, PHONE_HEIGHT)


def choose_member(dashboard: Dashboard) -> None:
    """Choose a member with heart rates, and wait for them."""
    dashboard.choose("Member", str(person(SEED, MEMBER).user_id))
    dashboard.page.get_by_text("Heart rate over the zones").wait_for()


def save(dashboard: Dashboard, file: Path, width: int, height: int | None = None) -> None:
    """Save a picture of the whole page, or of its upper part."""
    page = dashboard.page
    page.mouse.move(0, 0)  # away from tooltips
    page.evaluate("document.activeElement.blur()")
    page.set_viewport_size({"width": width, "height": height or page.evaluate(HEIGHT)})
    page.evaluate("document.fonts.ready")
    dashboard.wait()
    picture = Image.open(BytesIO(page.screenshot(animations="disabled")))
    picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(file, optimize=True)
    sys.stdout.write(f"{file.relative_to(PROJECT)}: {file.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main(PROJECT / "docs" / "images")
