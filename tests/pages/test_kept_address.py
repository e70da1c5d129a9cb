"""Back and forward show what stood there before, on every page; a click that comes early loses nothing."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from streamlit.runtime.state.query_params import QueryParams
from streamlit.testing.v1 import AppTest

from core import helper, helper_process
from core.runs import known_devices, workers
from core.runs.config import LinearFitConfig
from core.runs.known_devices import DeviceInfo
from pages.linear_fit.form import form_beside
from pages.places import DATA_SET, FINE_TUNE, FINE_TUNE_RUN, INSPECTOR, LINEAR_FIT, PREDICT, RUNS, Place
from tests.folders import jpeg, packed, write
from tests.pages import apps
from tests.pages.apps import address, open_page
from tests.samples import make_run


@dataclass(frozen=True)
class Case:
    """A page, one of its fields, and three values of it with how the address says them."""

    place: Place
    field: Callable[[AppTest], Any]
    name: str
    values: tuple[Any, Any, Any]

    def query(self, index: int) -> dict[str, str]:
        return {self.name: str(self.values[index])}


CASES = [
    Case(FINE_TUNE, lambda page: page.number_input(key="fine_tune_epochs"), "epochs", (7, 9, 11)),
    Case(INSPECTOR, lambda page: page.number_input(key="inspector_classes"), "classes", (7, 9, 11)),
    Case(LINEAR_FIT, lambda page: page.number_input(key="linear_fit_epochs"), "epochs", (7, 9, 11)),
    Case(PREDICT, lambda page: page.selectbox(key="predict_network"), "network", ("resnet18", "alexnet", "resnet50")),
    Case(RUNS, lambda page: page.text_input(key="runs_filter"), "filter", ("a", "b", "c")),
]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.place.address)


@pytest.fixture(autouse=True)
def quiet(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started, and no weights are here."""
    monkeypatch.setattr(workers, "prepare", lambda: None)
    monkeypatch.setattr(helper, "submit", lambda *_, **__: Future())
    monkeypatch.setattr(helper, "call", lambda target, *arguments, **_: helper_process.run(target, arguments))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    known_devices.remember(home, [DeviceInfo(name="cpu", label="A CPU", memory_bytes=None, precision="float32")])
    make_run(home, name="a b c")


def go_to(page: AppTest, query: dict[str, str]) -> None:
    """Have the browser ask at another address than the last one."""
    page.query_params.clear()
    for name, value in query.items():
        page.query_params[name] = value


@EACH
def test_back_and_forward_show_what_stood_there(case: Case) -> None:
    page = open_page(case.place, **case.query(0))
    assert case.field(page).value == case.values[0]
    case.field(page).set_value(case.values[1]).run()
    assert address(page) == case.query(1)
    page.run()  # whatever the browser asks for next, it is there
    for index in (0, 1, 0):
        go_to(page, case.query(index))
        page.run()
        assert case.field(page).value == case.values[index]
        assert address(page) == case.query(index)
        page.run()


@EACH
def test_what_is_typed_before_the_browser_has_heard_of_its_address_is_kept(case: Case) -> None:
    page = open_page(case.place, **case.query(0))
    page.run()
    case.field(page).set_value(case.values[1]).run()
    go_to(page, case.query(0))  # as the browser still has it
    case.field(page).set_value(case.values[2]).run()
    assert case.field(page).value == case.values[2]
    assert address(page) == case.query(2)
    go_to(page, case.query(0))  # a click on a button, as early
    page.run()
    assert case.field(page).value == case.values[2]


@EACH
def test_quick_change_of_mind_is_kept(case: Case) -> None:
    page = open_page(case.place, **case.query(0))
    page.run()
    case.field(page).set_value(case.values[1]).run()
    go_to(page, case.query(0))  # as the browser still has it
    case.field(page).set_value(case.values[0]).run()
    go_to(page, case.query(1))  # of which it has heard only now
    page.run()
    assert case.field(page).value == case.values[0]
    assert address(page) == case.query(0)


@EACH
def test_page_that_is_come_back_to_is_as_it_was_left(case: Case) -> None:
    other = RUNS if case.place is FINE_TUNE else FINE_TUNE
    page = open_page(case.place, **case.query(0))
    case.field(page).set_value(case.values[1]).run()
    for place in (other, case.place):
        go_to(page, {})  # as the navigation's links do
        page.switch_page(place.script).run()
    assert case.field(page).value == case.values[1]
    assert address(page) == case.query(1)


@EACH
def test_address_goes_before_what_was_left(case: Case) -> None:
    other = RUNS if case.place is FINE_TUNE else FINE_TUNE
    page = open_page(case.place, **case.query(0))
    page.switch_page(other.script).run()
    go_to(page, case.query(2))
    apps._be_at(page, case.place)
    page.switch_page(case.place.script).run()
    assert case.field(page).value == case.values[2]


def broken_off() -> None:
    """A page with one field, whose script ends before it has written its address, as when a click asks for another."""
    import streamlit as st

    from pages.ui import kept_address

    kept_address.note_page("here")
    if kept_address.is_opened("here", ("word",)):
        st.session_state["field"] = st.query_params.get("word", "nothing")
    st.text_input("Field", key="field")
    if st.session_state.pop("breaks_off", False):
        st.stop()
    kept_address.write("here", {"word": st.session_state["field"]})


def test_what_is_typed_while_a_page_opens_is_kept() -> None:
    page = AppTest.from_function(broken_off)
    page.query_params["word"] = "linked"
    page.session_state["breaks_off"] = True
    page.run()
    assert page.text_input[0].value == "linked"
    page.text_input[0].set_value("typed").run()
    assert page.text_input[0].value == "typed"
    assert address(page) == {"word": "typed"}


def test_filter_that_is_typed_and_left_by_a_click_that_changes_the_selection_is_kept(home: Path) -> None:
    run = make_run(home, name="to delete", config=LinearFitConfig())
    page = open_page(RUNS, compare=run.id)
    page.run()
    page.text_input(key="runs_filter").set_value("b")
    page.button(key="runs_delete").click().run()
    assert page.text_input(key="runs_filter").value == "b"
    assert address(page) == {"filter": "b"}


def test_what_is_typed_after_a_fit_was_started_is_kept(home: Path) -> None:
    run = make_run(home, config=LinearFitConfig(epochs=50))
    page = open_page(LINEAR_FIT)
    page.run()
    page.session_state["started_from"] = {form_beside(None): run.id}  # a script that was broken off has started it
    page.number_input(key="linear_fit_epochs").set_value(777).run()
    assert page.number_input(key="linear_fit_epochs").value == 777
    assert address(page)["run"] == run.id


@pytest.mark.parametrize(
    "place", [FINE_TUNE, FINE_TUNE_RUN, INSPECTOR, LINEAR_FIT, DATA_SET, PREDICT, RUNS], ids=lambda place: place.address
)
def test_address_that_the_browser_has_is_not_said_again(
    place: Place, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could reach a browser that has gone on meanwhile: there, it would be another page's."""
    query = {"epochs": "7"} if place in (FINE_TUNE, LINEAR_FIT) else {}
    if place is FINE_TUNE_RUN:
        query = {"run": make_run(home).id, "x": "images"}
    elif place is RUNS:
        query = {"compare": ",".join(make_run(home, name=name).id for name in ("one", "two"))}
    elif place is DATA_SET:
        query = {"set": packed(home, write(tmp_path / "photos", {"a/1.jpg": jpeg(1), "b/1.jpg": jpeg(2)})).id}
    said: list[str] = []
    say = QueryParams._send_query_param_msg

    def noted(self: QueryParams) -> None:
        said.append(str(self.to_dict()))
        say(self)

    monkeypatch.setattr(QueryParams, "_send_query_param_msg", noted)
    page = open_page(place, **query)
    before = address(page)
    said.clear()
    for _ in range(2):
        page.run()
        assert not page.exception
        assert address(page) == before
    assert not said
