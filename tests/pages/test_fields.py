"""Rows of options keep their choice, whatever the frontend says of them while a page is still opening."""

import pytest

from core.runs import workers
from pages.places import FINE_TUNE
from tests.pages.apps import open_page


@pytest.fixture(autouse=True)
def quiet(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started."""
    monkeypatch.setattr(workers, "prepare", lambda: None)


@pytest.mark.parametrize(
    "emptied", [("preset",), ("fine_tune_mode",), ("preset", "fine_tune_mode", "fine_tune_weights")]
)
def test_row_of_options_that_a_page_reports_as_empty_while_it_opens_keeps_its_choice(emptied: tuple[str, ...]) -> None:
    page = open_page(FINE_TUNE, mode="full", augmentation="none", weights="random")
    rows = ("preset", "fine_tune_mode", "fine_tune_weights")
    before = {key: page.button_group(key=key).value for key in rows}
    for key in emptied:
        page.button_group(key=key).set_value(None)
    page.run()
    assert not page.exception
    assert {key: page.button_group(key=key).value for key in rows} == before
    page.button_group(key="preset").set_value(None)
    page.button_group(key="fine_tune_mode").set_value("frozen").run()
    assert not page.exception
    assert page.button_group(key="preset").value == before["preset"]
