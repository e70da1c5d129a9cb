"""What only a browser shows of the Architecture Inspector: a search finds a network, and its giants open at once."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server

pytestmark = pytest.mark.browser


@pytest.mark.long
def test_network_is_found_by_typing_and_its_choice_reaches_fine_tuning(page: Page, server: Server) -> None:
    page.goto(f"{server.url}architecture_inspector")
    expect(page.get_by_text("12,810 of 3,383,818 parameters")).to_be_visible(timeout=60_000)
    page.get_by_role("combobox", name="Network").fill("resnet-18")
    page.get_by_role("option", name="ResNet-18", exact=True).click()
    expect(page.get_by_text("5,130 of 11,181,642 parameters")).to_be_visible()
    page.wait_for_url("**/architecture_inspector?network=resnet18")
    page.get_by_role("button", name="Fine-tune this network").click()
    expect(page.get_by_role("heading", name="Fine-tune")).to_be_visible()
    page.wait_for_url("**architecture=resnet18*")


@pytest.mark.long
def test_page_is_no_wider_than_a_phone(page: Page, server: Server) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(f"{server.url}architecture_inspector?network=vit_h_14")
    expect(page.get_by_text("print(model)")).to_be_visible(timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
