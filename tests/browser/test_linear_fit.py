"""What a person does on the Linear Fit page, in a real Chromium: fit, download, load back, open elsewhere."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server

pytestmark = pytest.mark.browser

LOSS = (
    "[...document.querySelectorAll('.live-chart-plot')].flatMap((plot) => plot._fullData ?? [])"
    ".find((trace) => trace.name === 'Loss')?.x?.length ?? 0"
)


@pytest.mark.long
def test_fit_is_drawn_saved_loaded_back_and_opens_in_another_browser(
    page: Page, browser: Browser, server: Server, tmp_path: Path
) -> None:
    page.goto(server.url + "linear_fit?seed=3")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("3")
    page.get_by_role("button", name="Fit the line").click()
    page.wait_for_function(f"({LOSS}) === 1000", timeout=60_000)
    expect(page.get_by_text("The bias is still moving")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/linear_fit\?run=[0-9a-f-]+$"))

    for name in ("linear_model.pth", "linear_model_with_arc.pth"):
        with page.expect_download() as downloading:
            page.get_by_role("button", name=f"Download {name}").click()
        assert downloading.value.suggested_filename == name
        downloading.value.save_as(tmp_path / name)
        page.locator("input[type=file]").set_input_files(tmp_path / name)
    # The first file waits for the process that reads it.
    expect(page.get_by_text("Its line is drawn beside the others")).to_be_visible(timeout=60_000)

    other = browser.new_context().new_page()
    other.goto(page.url)
    other.wait_for_function(f"({LOSS}) === 1000", timeout=20_000)
    expect(other.get_by_label("Seed", exact=True)).to_have_value("3")


def test_fit_is_watched_while_it_runs_and_stopped(page: Page, server: Server) -> None:
    page.goto(server.url + "linear_fit?epochs=20000")
    page.get_by_role("button", name="Fit the line").click()
    page.get_by_role("button", name="Stop").click(timeout=30_000)
    stopped = page.get_by_test_id("stAlert").filter(has_text=re.compile(r"Stopped after epoch [\d,]+\."))
    expect(stopped).to_be_visible()
    expect(page.get_by_role("button", name="Fit the line")).to_be_enabled()
