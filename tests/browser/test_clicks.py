"""Two quick clicks in a real Chromium: one start, one resume, one deletion, whatever the server draws in between."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.runs import locks, store
from core.runs.config import FineTuneConfig
from core.runs.events import Stopped
from core.runs.folder import RunFolder
from core.runs.queue import DeviceQueue
from core.runs.writer import RunWriter
from tests.browser.conftest import Server, pause
from tests.conftest import wait_until
from tests.samples import STARTED

pytestmark = pytest.mark.browser

CLICK_TWICE = """([name, delay]) => new Promise(resolve => {
    const buttons = () => [...document.querySelectorAll("button")];
    const click = () => buttons().find(button => button.innerText.includes(name))?.click();
    click();
    setTimeout(() => { click(); resolve(); }, delay);
})"""


@pytest.fixture
def busy_device(server: Server) -> Iterator[RunFolder]:
    """A run that has the CPU for as long as the test takes: what is started waits, and costs nothing."""
    folder = stopped_run(server.home)
    lock = locks.hold(folder.lock)
    DeviceQueue(server.home, "cpu").join(folder.id)
    yield folder
    server.stop_runs(but=folder.id)
    os.close(lock)


def stopped_run(home: Path) -> RunFolder:
    folder = store.new_folder(home)
    folder.write_description(FineTuneConfig(), name="an earlier run", created=0.0, queue="cpu")
    with RunWriter(folder) as writer:
        writer.append(STARTED)
        writer.append(Stopped(step=0))
    return folder


def runs(server: Server) -> set[str]:
    return {folder.id for folder in store.newest(server.home)}


def click_twice(page: Page, name: str, delay_ms: int) -> None:
    expect(page.get_by_role("button", name=name).first).to_be_enabled(timeout=20_000)
    page.evaluate(CLICK_TWICE, [name, delay_ms])


@pytest.mark.long
@pytest.mark.parametrize("delay_ms", [0, 40, 120, 150])  # later, a fast page shows the first fit, and may begin another
def test_two_clicks_do_one_thing(page: Page, server: Server, busy_device: RunFolder, delay_ms: int) -> None:
    for path, name, count in (("", "Start fine-tuning", 1), ("?mode=race", "Start the race", 2)):
        before = runs(server)
        page.goto(server.url + path)
        click_twice(page, name, delay_ms)
        page.wait_for_url("**/fine_tuning?run=*")
        expect(page.get_by_role("button", name="Stop").first).to_be_visible()
        pause(page, 0.5)
        assert len(runs(server) - before) == count
        assert page.url.partition("run=")[2] in runs(server) - before

    before = runs(server)
    page.goto(f"{server.url}linear_fit?epochs=30")
    click_twice(page, "Fit the line", delay_ms)
    page.wait_for_url("**/linear_fit?run=*")
    expect(page.get_by_text("Fitted: 30 epochs")).to_be_visible(timeout=30_000)
    assert len(runs(server) - before) == 1

    resumed = stopped_run(server.home)
    page.goto(f"{server.url}fine_tuning?run={resumed.id}")
    click_twice(page, "Resume", delay_ms)
    expect(page.get_by_text("Queued on the")).to_be_visible(timeout=20_000)
    wait_until(lambda: resumed.attempts())
    assert (resumed.path / "events.jsonl").read_text().count('"Resumed"') == 1
    expect(page.get_by_test_id("stToast")).to_have_count(0)

    deleted = stopped_run(server.home)
    page.goto(f"{server.url}runs?compare={deleted.id}")
    click_twice(page, "Delete", delay_ms)
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    pause(page, 0.5)
    expect(page.get_by_test_id("stToast")).to_have_count(0)
    click_twice(page, "Undo", delay_ms)
    wait_until(lambda: deleted.path.exists())
    pause(page, 0.5)
    expect(page.get_by_test_id("stToast")).to_have_count(0)
