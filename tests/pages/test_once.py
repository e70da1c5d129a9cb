"""A second click that comes while the browser still shows the form finds what the first one has started."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.runs import jobs, store, trash
from core.runs.config import LinearFitConfig
from core.runs.events import Stopped
from core.runs.folder import RunFolder
from core.runs.run_config import RunConfig
from pages.places import FINE_TUNE, FINE_TUNE_RUN, LINEAR_FIT, RUNS, Place
from pages.ui.once import forget_click, note_click, note_opened, start_once
from tests.pages.apps import arrive, button, open_page
from tests.pages.test_fine_tune_page import choose_mode
from tests.samples import STARTED, make_run

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def started(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[RunFolder]:
    """The runs that were started: folders are made, nothing trains."""
    runs: list[RunFolder] = []

    def make(*configs: RunConfig) -> list[RunFolder]:
        made = [make_run(home, STARTED, Stopped(step=0), config=config) for config in configs]
        runs.append(made[0])
        return made

    def fit(runs_home: Path, config: LinearFitConfig) -> RunFolder:
        folder = store.new_folder(runs_home)
        folder.write_description(config, name="fit", created=0.0, queue="helper")
        runs.append(folder)
        return folder

    def start(runs_home: Path, config: RunConfig) -> RunFolder:
        return fit(runs_home, config) if isinstance(config, LinearFitConfig) else make(config)[0]

    monkeypatch.setattr(jobs, "start", start)
    monkeypatch.setattr(jobs, "race", lambda runs_home, configs: make(*configs))
    return runs


def click_again(page: AppTest, label: str, clicks: int = 2) -> None:
    """Click as long as the browser shows the form and its address, whatever the server has drawn since."""
    address = dict(page.query_params)
    button(page, label).click()
    states = page._tree.get_widget_states()
    clicked = [state for state in states.widgets if state.WhichOneof("value") != "trigger_value" or state.trigger_value]
    del states.widgets[:]  # a browser says nothing of buttons that were not clicked
    states.widgets.extend(clicked)
    for _ in range(clicks):
        page.query_params.clear()
        for name, value in address.items():
            page.query_params[name] = value
        page._run(states)
        assert not page.exception


@pytest.mark.parametrize(
    ("place", "mode", "label"),
    [
        (FINE_TUNE, "frozen", "Start fine-tuning"),
        (FINE_TUNE, "race", "Start the race"),
        (LINEAR_FIT, None, "Fit the line"),
    ],
)
def test_clicks_on_one_form_start_one_run_and_open_it(
    started: list[RunFolder], place: Place, mode: str | None, label: str
) -> None:
    page = open_page(place)
    if mode:
        choose_mode(page, mode)
    click_again(page, label, clicks=3)
    assert len(started) == 1
    assert started[0].id in page.query_params["run"]


def test_form_that_was_opened_again_starts_another_run(started: list[RunFolder]) -> None:
    page = open_page(FINE_TUNE)
    for count in (1, 2):
        click_again(page, "Start fine-tuning")
        assert len(started) == count
        arrive(page, FINE_TUNE_RUN)
        arrive(button(page, "New run").click().run(), FINE_TUNE)


def test_line_can_be_fitted_again_beside_its_fit(started: list[RunFolder]) -> None:
    page = open_page(LINEAR_FIT)
    for count in (1, 2, 3):
        click_again(page, "Fit the line")
        assert len(started) == count
        assert started[-1].id in page.query_params["run"]


@pytest.mark.parametrize(
    ("place", "label", "ends"),
    [
        (FINE_TUNE, "Start fine-tuning", "pages.fine_tune.form.show_plan"),
        (LINEAR_FIT, "Fit the line", "pages.linear_fit.form._largest_learning_rate"),
    ],
)
def test_click_outlasts_a_script_that_is_ended_before_it_comes_to_the_start(
    started: list[RunFolder], monkeypatch: pytest.MonkeyPatch, place: Place, label: str, ends: str
) -> None:
    """As when a timer or another widget asks for the page anew, right after the click."""
    page = open_page(place)
    with monkeypatch.context() as context:
        context.setattr(ends, lambda *_: st.stop())
        button(page, label).click().run()
    assert not started
    page.run()
    assert len(started) == 1
    assert started[0].id in page.query_params["run"]


def test_click_on_a_page_that_was_left_starts_nothing_later(
    started: list[RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(FINE_TUNE)
    with monkeypatch.context() as context:
        context.setattr("pages.fine_tune.form.show_plan", lambda *_: st.stop())
        button(page, "Start fine-tuning").click().run()
    page.switch_page(LINEAR_FIT.script).run().switch_page(FINE_TUNE.script).run()
    assert not started


def test_run_that_was_deleted_before_it_was_shown_does_not_keep_its_form(started: list[RunFolder]) -> None:
    page = open_page(FINE_TUNE_RUN, run="20300102-030405-00000009")
    page.session_state["started_from"] = {"fine_tune": "20300102-030405-00000009"}
    arrive(button(page.run(), "Set up a new run").click().run(), FINE_TUNE)
    assert button(page, "Start fine-tuning")


def test_deletion_can_be_taken_back_though_another_click_ends_its_script(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(home, STARTED, Stopped(step=0))
    delete = trash.delete

    def delete_and_end(runs_home: Path, folder: RunFolder) -> None:
        delete(runs_home, folder)
        monkeypatch.setattr(trash, "delete", delete)
        st.stop()

    page = open_page(RUNS, compare=folder.id)
    monkeypatch.setattr(trash, "delete", delete_and_end)
    click_again(page, "Delete")
    assert not page.toast
    assert not page.warning
    button(page, "Undo").click().run()
    assert [found.id for found in store.newest(home)] == [folder.id]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session of its own, without a page."""
    monkeypatch.setattr("pages.ui.once.st.session_state", {})


def never() -> str:
    """A start that nobody has asked for."""
    raise AssertionError("started")


@pytest.mark.usefixtures("session")
def test_run_that_was_never_shown_is_opened_by_the_next_script() -> None:
    note_click("form")
    assert start_once("form", lambda: "a") == "a"
    assert start_once("form", never) == "a", "the script was ended before it came to the run"
    note_opened("a")
    note_click("form")
    assert start_once("form", never) == "a", "the browser did not show it yet"
    assert start_once("form", never) is None
    note_click("form")
    assert start_once("form", lambda: "b") == "b"


@pytest.mark.usefixtures("session")
def test_start_that_fails_can_be_tried_again() -> None:
    note_click("form")
    with pytest.raises(AssertionError):
        start_once("form", never)
    note_click("form")
    assert start_once("form", lambda: "a") == "a"


@pytest.mark.usefixtures("session")
def test_click_meant_for_another_form_or_for_one_that_cannot_start_is_forgotten() -> None:
    note_click("the form beside another run")
    assert start_once("form", never) is None
    note_click("form")
    assert start_once("form", None) is None
    assert start_once("form", never) is None
    note_click("form")
    forget_click()
    assert start_once("form", never) is None


@pytest.mark.usefixtures("session")
def test_script_that_comes_while_another_one_starts_the_run_waits_and_opens_that() -> None:
    """Streamlit runs the script for a second click beside the one that still works on the first."""
    begun, may_end = threading.Event(), threading.Event()
    opened: list[str | None] = []

    def slow() -> str:
        begun.set()
        assert may_end.wait(20)
        return "a"

    def script(start: Callable[[], str]) -> None:
        note_click("form")
        opened.append(start_once("form", start))

    first = threading.Thread(target=script, args=(slow,))
    first.start()
    assert begun.wait(20)
    second = threading.Thread(target=script, args=(lambda: "another",))
    second.start()
    second.join(0.2)
    assert second.is_alive(), "it waits for what the first one starts"
    may_end.set()
    first.join()
    second.join()
    assert opened == ["a", "a"]
