"""Behind a proxy that serves other things, too: every address of the dashboard begins with a path of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from pages.places import PLACES
from tests.browser.conftest import Server
from tests.browser.test_runs import make_run

pytestmark = pytest.mark.browser


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path / "home", base="lab/unfreeze/")
    started.start()
    yield started
    started.kill()


@pytest.mark.long
def test_every_page_opens_and_charts_are_drawn(page: Page, server: Server) -> None:
    run = make_run(server, "drawn")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server.url}fine_tuning?run={run.id}")
    page.wait_for_function("document.querySelector('.live-chart-plot')?._fullData?.length === 4", timeout=30_000)
    for place in PLACES:
        if place.is_listed:
            page.goto(f"{server.url}{place.address}")
            expect(page.get_by_role("heading", name=place.title, level=1)).to_be_visible(timeout=20_000)
    page.get_by_test_id("stSidebar").get_by_role("link", name="drawn").click()
    expect(page.get_by_role("heading", name="drawn", level=1)).to_be_visible(timeout=20_000)
    assert page.url.startswith(f"{server.url}fine_tuning?run=")
    assert [url for url in asked if url.startswith("http://127.0.0.1") and not url.startswith(server.url)] == []
