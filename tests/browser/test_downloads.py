"""Weights that must be downloaded: nothing is fetched before a click, and whatever happens can be gone on from."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server
from tests.hub import Hub, running

pytestmark = pytest.mark.browser

CONTENTS = bytes(range(256)) * 12_000  # 3 MB


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running() as hub:
        hub.add(CONTENTS, name="resnet18-f37072fd.pth")
        yield hub


@pytest.fixture
def server(hub: Hub, tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path / "home", settings={"UNFREEZE_HUB": hub.address})
    started.start()
    yield started
    started.kill()


@pytest.mark.long
def test_weights_are_downloaded_by_a_click_stopped_gone_on_with_and_judged(
    page: Page, server: Server, hub: Hub
) -> None:
    hub.does = "wait"
    page.goto(f"{server.url}predict?network=resnet18")
    expect(page.get_by_text("The weights of ResNet-18 are not on this computer yet.")).to_be_visible(timeout=20_000)
    page.goto(f"{server.url}?architecture=resnet18")
    expect(page.get_by_text("A training downloads them when it starts.")).to_be_visible()
    page.goto(f"{server.url}predict?network=resnet18")
    begin = page.get_by_role("button", name="Download them (47 MB)")
    expect(begin).to_be_visible()
    assert hub.asked == [], "nobody has asked for them"

    begin.click()
    expect(page.get_by_text(re.compile(r"Downloading the weights: 1\.5\d MB of 3\.07 MB"))).to_be_visible()
    other = page.context.new_page()
    other.goto(f"{server.url}predict?network=resnet18")
    expect(other.get_by_text("Downloading the weights: 1.5")).to_be_visible()  # one download, whoever looks
    page.get_by_role("button", name="Stop").click()
    go_on = page.get_by_role("button", name="Go on with the download")
    expect(go_on).to_be_visible()
    expect(other.get_by_role("button", name="Go on with the download")).to_be_visible()
    other.close()

    hub.does = "send other bytes"
    hub.go_on.set()
    go_on.click()
    failure = page.get_by_test_id("stAlert").filter(has_text="could not be downloaded (what arrived is damaged)")
    expect(failure).to_be_visible()
    assert len(hub.asked) == 2
    assert hub.asked[1].startswith("bytes=")
    expect(page.get_by_role("button", name="Download them (47 MB)")).to_be_visible()

    cached = server.home / "torch" / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    cached.write_bytes(b"half a file")
    for address in ("predict?network=resnet18", "?architecture=resnet18"):
        page.goto(f"{server.url}{address}")
        damaged = page.get_by_test_id("stAlert").filter(has_text="are damaged: they are not what was published")
        expect(damaged).to_contain_text(str(cached))
        expect(page.get_by_role("button", name="Download them again (47 MB)")).to_be_visible()
    expect(page.get_by_role("button", name="Start fine-tuning")).to_be_disabled()
