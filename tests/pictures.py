"""Draws the pictures of `docs` anew: each page wide, wide and dark, and as a phone shows it.

    python -m tests.pictures [--to FOLDER] [--home FOLDER]

What the pictures show is trained first, some ten minutes on two cores; in a home that has it already, it is not.
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from core.data import stored
from core.data.bundled import BUNDLED
from core.runs import jobs, packings, store
from core.runs.config import FineTuneConfig, LinearFitConfig
from core.runs.overview import summaries
from core.runs.pack_config import PackConfig
from core.runs.presets import PRESETS
from core.runs.status import Status
from tests.browser.conftest import FLAGS, Server, find_chromium
from tests.conftest import ROOT, wait_until

_LONGEST_S = 1_800
_SHOWN = ("bird", "cat", "deer", "dog", "frog", "horse")  # classes of the data set
LOOKS: dict[str, dict[str, Any]] = {
    "": {"viewport": {"width": 1280, "height": 860}},
    "-dark": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark"},
    "-phone": {"viewport": {"width": 400, "height": 860}, "device_scale_factor": 2},
}


def train(home: Path) -> None:
    """Train what is shown: a line, the race that the form begins with, and the run that one click starts."""
    quick = PRESETS["quick"]
    jobs.start(home, LinearFitConfig())
    jobs.race(home, [FineTuneConfig.of(**quick.settings("race"), mode=mode) for mode in ("frozen", "full")])
    jobs.start(home, FineTuneConfig.of(**quick.settings("frozen")))
    wait_until(lambda: not any(run.is_live for run in summaries(home)), timeout_s=_LONGEST_S)
    assert all(run.status is Status.FINISHED for run in summaries(home))


def pack(home: Path) -> None:
    """Make the data set that is shown: some of the bundled photos, as class folders."""
    sample = BUNDLED["cifar10_sample"].load()
    with tempfile.TemporaryDirectory() as passing:
        root = Path(passing, "animals")
        for row, label in enumerate(sample.manifest.labels.tolist()):
            if (name := sample.manifest.classes[label]) in _SHOWN:
                path = root / name / f"{row:04d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(sample.pixels[row]).save(path)
        made = packings.make(home, PackConfig(source=str(root), reading="classes"), name="Animals")
        wait_until(lambda: made.newest == 1)
    known = made.description()  # whose folder is gone, and had a name that nobody gives
    made.describe(replace(known, settings={**known.settings, "source": "~/photos/animals"}))


def charted(page: Page) -> None:
    """Wait until the chart is drawn."""
    page.wait_for_function("document.querySelector('.live-chart-plot')?._fullData?.length > 0")


def examples(page: Page) -> None:
    """Have the bundled photos answered."""
    page.get_by_role("button", name="Try the bundled photos").click()
    page.get_by_text("bundled ones right").wait_for(timeout=60_000)


def photos(page: Page) -> None:
    """Wait for the photos of a data set."""
    page.locator(".photo-sheet-tile").nth(20).wait_for()


def layers(page: Page) -> None:
    """Wait for the table of layers."""
    page.get_by_text("out_features=10,").first.wait_for()


def pages(home: Path) -> dict[str, tuple[str, Callable[[Page], None]]]:
    """Of each picture: the address, and what to wait for."""
    default, full, frozen, line = (run.id for run in summaries(home) if run.kind != PackConfig.KIND)
    (animals,) = stored.all_sets(home)
    return {
        "fine-tune": (f"fine_tuning?run={frozen}", charted),
        "architecture-inspector": ("architecture_inspector", layers),
        "predict": ("predict", examples),
        "runs": (f"runs?compare={default},{full},{frozen}", charted),
        "linear-fit": (f"linear_fit?run={line}", charted),
        "data": (f"data_set?set={animals.id}", photos),
    }


def draw(browser: Browser, url: str, home: Path, folder: Path) -> None:
    """Draw every page in every look."""
    for name, (address, ready) in pages(home).items():
        for look, options in LOOKS.items():
            context = browser.new_context(**options)
            page = context.new_page()
            page.goto(f"{url}{address}")
            ready(page)
            page.get_by_test_id("stStatusWidget").wait_for(state="hidden")
            page.mouse.move(options["viewport"]["width"] - 5, 5)
            page.wait_for_timeout(1_500)  # fonts and photos
            page.screenshot(path=folder / f"{name}{look}.png", scale="css")
            context.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.pictures", description="Draw the pictures of docs anew.")
    parser.add_argument("--to", type=Path, default=ROOT / "docs", help="where to, docs by default")
    parser.add_argument("--home", type=Path, help="where the runs are, a passing folder by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing, sync_playwright() as playwright:
        server = Server(arguments.home or Path(passing))
        server.start()
        try:
            if not any(store.newest(server.home)):
                train(server.home)
            if not stored.all_sets(server.home):
                pack(server.home)
            browser = playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=FLAGS)
            draw(browser, server.url, server.home, arguments.to)
            browser.close()
        finally:
            server.kill()


if __name__ == "__main__":
    main()
