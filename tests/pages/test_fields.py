"""Fields keep what they hold, whatever is lost on the way to the browser while a page is still opening."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.runs import workers
from pages.places import FINE_TUNE, INSPECTOR, LINEAR_FIT, PREDICT, RUNS, Place
from tests.pages.apps import open_page
from tests.samples import make_run


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


def default_of(field: Any) -> Any:
    """What a browser shows in a field that it was told nothing else of."""
    if field.type == "number_input" and not field.proto.HasField("default"):
        return None
    if field.type == "selectbox":
        return field.options[field.proto.default]
    if field.type in ("multiselect", "button_group"):
        return [field.options[index] for index in field.proto.default]
    return field.proto.default


def value_of(field: Any) -> Any:
    if field.type == "button_group":
        return [field.options[field.indices[0]]] if field.indices else []
    if field.type == "selectbox":
        return field.options[field.index]
    if field.type == "multiselect":
        return [field.options[index] for index in field.indices]
    return field.value


def fields(page: AppTest) -> list[Any]:
    kinds = (page.number_input, page.selectbox, page.text_input, page.button_group, page.multiselect, page.toggle)
    return [field for kind in kinds for field in kind]


@pytest.mark.parametrize(
    ("place", "query"),
    [
        (FINE_TUNE, {"mode": "full", "preset": "strong", "batch_size": "7", "architecture": "resnet18"}),
        (FINE_TUNE, {"mode": "race", "lanes": "full,last_stage;epochs=9;architecture=vgg11,frozen@0.5"}),
        (FINE_TUNE, {"weights": "file", "weights_file": "/one.pth", "mode": "blocks", "depth": "3"}),
        (INSPECTOR, {"network": "resnet18", "classes": "7", "image_size": "99", "mode": "full"}),
        (LINEAR_FIT, {"seed": "5", "epochs": "9"}),
        (PREDICT, {"file": "/one.pt", "network": "resnet18"}),
        (RUNS, {"filter": "one"}),
    ],
)
def test_field_has_what_it_holds_as_its_default_too(place: Place, query: dict[str, str], home: Any) -> None:
    """What is put into the session for it reaches the browser once, if ever: from then on, the default must do."""
    if place is RUNS:
        make_run(home, name="one")
    page = open_page(place, **query)
    for _ in range(2):
        # One that may be empty has no default, or a browser would never leave it empty.
        found = [field for field in fields(page) if not field.label.startswith("Learning rate of run")]
        assert found
        assert {field.label: default_of(field) for field in found} == {field.label: value_of(field) for field in found}
        page.run()
        assert not page.exception
