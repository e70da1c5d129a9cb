"""The whole way of a visitor: inspect a network, replace its head, race both ways, compare, predict."""

import csv
import io
import re
from typing import Literal

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from core.data.bundled import BUNDLED
from core.runs import store
from tests.browser.conftest import Server, drop, foreign, pause

pytestmark = pytest.mark.browser

PHOTOS_EACH = 2


def bundled_test_photos() -> dict[str, bytes]:
    """Bundled test photos, which no training has seen, two of each class; each is named by its class."""
    sample = BUNDLED["cifar10_sample"].load()
    test = sample.manifest.rows("test")
    photos: dict[str, bytes] = {}
    for label, name in enumerate(sample.manifest.classes):
        for index, row in enumerate(test[sample.manifest.labels[test] == label][:PHOTOS_EACH]):
            file = io.BytesIO()
            Image.fromarray(sample.pixels[row]).save(file, "PNG")
            photos[f"{name} {index}.png"] = file.getvalue()
    return photos


def choose(page: Page, label: str) -> None:
    page.get_by_role("radio", name=label).or_(page.get_by_role("button", name=label, exact=True)).first.click()


def go_to(page: Page, name: str) -> None:
    """By the sidebar, which a phone hides."""
    link = page.get_by_test_id("stSidebarNav").get_by_role("link", name=name)
    if not link.is_visible():
        page.get_by_test_id("stExpandSidebarButton").click()
    link.click()


@pytest.mark.long
@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        pytest.param(1400, "light", id="wide"),
        pytest.param(1400, "dark", id="wide and dark", marks=pytest.mark.long),
        pytest.param(400, "light", id="phone", marks=pytest.mark.long),
    ],
)
def test_from_a_networks_layers_to_its_predictions(
    browser: Browser, server: Server, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        has_touch=width < 600,
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: errors.append(request.url) if foreign(request.url) else None)

    # Inspect: the head before and after.
    page.goto(f"{server.url}architecture_inspector")
    expect(page.get_by_text("out_features=1000,").first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("out_features=10,").first).to_be_visible()
    stays_within(page, width)
    page.get_by_role("button", name="Fine-tune this network").click()

    # Race both ways, on the bundled photos.
    expect(page.get_by_role("heading", name="Fine-tune", level=1)).to_be_visible()
    choose(page, "Race")
    expect(page.get_by_role("button", name="Start the race")).to_be_visible()
    expect(page.get_by_text("171 steps")).to_be_visible(timeout=20_000)
    page.get_by_text("Settings", exact=True).click()
    for label, value in (("Epochs", 1), ("Image size", 64), ("Learning rate", 0.01)):
        page.get_by_label(label, exact=True).fill(str(value))
        page.get_by_label(label, exact=True).press("Enter")
        pause(page, 0.3)
    expect(page.get_by_text("57 steps")).to_be_visible()
    expect(page).to_have_url(re.compile("mode=race"))
    page.get_by_role("button", name="Start the race").click()
    expect(page.get_by_role("button", name="Stop the race")).to_be_visible(timeout=10_000)
    page.wait_for_function("document.querySelector('.live-chart-plot')?._fullData?.[4]?.x?.length > 2", timeout=30_000)
    stays_within(page, width)
    expect(page.get_by_text("has the best test accuracy")).to_be_visible(timeout=240_000)
    expect(page.get_by_text("A fair race")).to_be_visible()

    # Compare on Runs: the same two in another place, with an address of their own that opens anywhere.
    lanes = follow_race(server, page.url)
    page.goto(f"{server.url}runs?compare={','.join(lanes)}")
    expect(page.get_by_text("has the best test accuracy")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("columnheader", name="EfficientNet-Lite0, frozen").first).to_be_visible()
    page.wait_for_function("document.querySelector('.live-chart-plot')?._fullData?.length >= 8")
    stays_within(page, width)

    # Predict with the frozen one: by chance, one of ten would be right.
    page.goto(f"{server.url}fine_tuning?run={lanes[0]}")
    page.get_by_role("button", name="Predict with Frozen").click()
    page.wait_for_url(re.compile(rf"/predict\?run={lanes[0]}"))
    photos = bundled_test_photos()
    drop(page, photos)
    expect(page.get_by_role("button", name="Download as CSV")).to_be_visible(timeout=60_000)
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download as CSV").click()
    rows = list(csv.DictReader(downloading.value.path().read_text().splitlines()))
    assert len(rows) == len(photos)
    right = [row for row in rows if row["file"].startswith(row["class 1"])]
    assert len(right) > len(rows) / 4
    expect(page.get_by_role("heading", name=right[0]["class 1"], level=3).first).to_be_visible()
    stays_within(page, width)
    assert not errors
    context.close()


def follow_race(server: Server, url: str) -> tuple[str, ...]:
    """The ids of the race that a page shows, frozen first."""
    return store.find(server.home, url.partition("run=")[2]).race()


def stays_within(page: Page, width: int) -> None:
    """Nothing makes the page scroll sideways."""
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
