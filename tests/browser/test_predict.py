"""What a person does on the Predict page, in a real Chromium, with real drop events."""

import io
from functools import partial

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from core.words import shown
from tests.browser.conftest import Server, dismissed, drop, pause
from tests.conftest import PHOTOS

pytestmark = pytest.mark.browser

HOSTILE_NAMES = (
    "<img src=x onerror=alert(1)>.png",
    "[click](javascript:alert(1)).png",
    ":red[boom] **bold** $x$.png",
    "'><script>alert(1)<script>.png",
    "www.x.example",
    ":streamlit: -> a@b.c.png",
    "\u202egpj.png",
    "x" * 200 + ".png",
)


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the two photos with known answers are not here")
def test_dropped_photos_get_their_names_beside_files_that_are_no_photos(page: Page, server: Server) -> None:
    page.goto(f"{server.url}predict")
    files = {name: (PHOTOS / name).read_bytes() for name in ("pembroke.jpg", "german_shepherd.jpg")}
    drop(page, {**files, "letter.jpg": b"%PDF-1.7", "half.jpg": files["pembroke.jpg"][:40_000], "empty.png": b""})
    for breed in ("Pembroke", "German shepherd"):
        expect(page.get_by_role("heading", name=breed)).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Pembroke · 9")).to_be_visible()
    for reason in ("letter.jpg is a PDF document", "half.jpg cannot be read to its end", "empty.png is empty"):
        expect(page.get_by_test_id("stAlert").filter(has_text=reason)).to_be_visible()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download as CSV").click()
    lines = downloading.value.path().read_text().splitlines()
    assert lines[1].startswith("pembroke.jpg,,Pembroke,0.9")
    assert len(lines) == 6


def test_names_of_files_are_data(page: Page, server: Server) -> None:
    dialogs: list[str] = []
    page.on("dialog", partial(dismissed, dialogs))
    page.goto(f"{server.url}predict")
    drop(page, {name: contents for name in HOSTILE_NAMES for contents in (png(),)})
    for name in HOSTILE_NAMES:
        expect(page.get_by_text(f"{shown(name)} · 60 x 40")).to_be_visible(timeout=60_000)
    drop(page, {f"bad {name}": b"nothing" for name in HOSTILE_NAMES})
    for name in HOSTILE_NAMES:
        expect(page.get_by_test_id("stAlert").filter(has_text=f"{shown(f'bad {name}')} is no photo")).to_be_visible(
            timeout=60_000
        )
    pause(page, 0.5)
    assert not dialogs
    assert page.locator("img[src=x]").count() == 0
    assert page.get_by_test_id("stMarkdownContainer").locator("a[href^=http], a[href^=mailto], img").count() == 0
    assert page.locator("a[href^=javascript]").count() == 0


def test_photos_outlive_a_look_at_another_page_and_go_when_they_are_removed(page: Page, server: Server) -> None:
    page.goto(f"{server.url}predict")
    drop(page, {"one.png": png(), "two.png": png()})
    for name in ("one.png", "two.png"):
        expect(page.get_by_text(f"{name} · 60 x 40")).to_be_visible(timeout=60_000)
    expect(page.get_by_test_id("stFileUploaderFile")).to_have_count(0)  # the cards are the only list
    navigation = page.get_by_test_id("stSidebarNav")
    navigation.get_by_role("link", name="Runs").click()
    expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()
    navigation.get_by_role("link", name="Predict").click()
    for name in ("one.png", "two.png"):
        expect(page.get_by_text(f"{name} · 60 x 40")).to_be_visible()
    drop(page, {"two.png": png(), "three.png": png()})
    expect(page.get_by_text("three.png · 60 x 40")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("3 photos", exact=True)).to_be_visible()
    expect(page.get_by_test_id("stAlert").filter(has_text="two.png is here already.")).to_be_visible()
    page.locator("[class*=st-key-predict_cross_]").first.get_by_role("button").click()
    expect(page.get_by_text("one.png · 60 x 40")).to_have_count(0)
    page.get_by_role("button", name="Remove all").click()
    expect(page.get_by_text("60 x 40")).to_have_count(0)
    expect(page.get_by_role("button", name="Remove all")).to_have_count(0)


@pytest.mark.long
def test_address_of_a_network_opens_on_a_cold_server(page: Page, server: Server) -> None:
    server.kill()
    server.start()
    page.goto(f"{server.url}predict?network=resnet18")
    expect(page.get_by_role("combobox", name="Trained on ImageNet")).to_have_value("ResNet-18", timeout=20_000)
    expect(page.get_by_test_id("stSidebarNav")).to_be_visible()
    page.get_by_role("button", name="Download them (47 MB)").click()
    failure = page.get_by_test_id("stAlert").filter(has_text="The weights of ResNet-18 could not be downloaded")
    expect(failure).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Download them (47 MB)")).to_be_visible()
